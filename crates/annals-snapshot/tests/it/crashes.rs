//! Crashes at every call to the disk, with what was not synced kept, lost or torn.

use crate::common::{edition, open, put, scrambled, small, try_open};
use annals_snapshot::{SnapshotError, SnapshotOptions, Snapshots};
use annals_types::Version;
use annals_vfs::{Disk, Fate, Fault, FaultyDisk, MemoryDisk, Survival, Unsynced, When};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

const STREAMS: u64 = 3;
const VERSIONS: u64 = 12;

/// What may and what must be found, by stream and version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    snapshots: BTreeMap<(u64, u64), Known>,
    edition: u64,
    keep: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    /// The last edition that was put without an error.
    put: Option<u64>,
    /// The last one that was put before a sync that returned without an error.
    durable: Option<u64>,
    /// The last one that anybody has tried to put.
    tried: Option<u64>,
}

impl Account {
    pub(crate) fn new(keep: Option<u64>) -> Self {
        Account { keep, ..Account::default() }
    }

    fn options(&self) -> SnapshotOptions {
        let mut options = small();
        options.keep_last = self.keep;
        options
    }

    /// Does the `number`-th thing that a seed says.
    pub(crate) fn act(&mut self, snapshots: &Snapshots, seed: u64, number: u64) -> Result<(), SnapshotError> {
        let chance = scrambled(seed.wrapping_mul(0x9E37_79B9).wrapping_add(number));
        match chance % 16 {
            0..9 => {
                let place = ((chance >> 8) % STREAMS, (chance >> 16) % VERSIONS + 1);
                self.edition += 1;
                let known = self.snapshots.entry(place).or_default();
                known.tried = Some(self.edition);
                put(snapshots, &format!("s-{}", place.0), place.1, self.edition)?;
                known.put = Some(self.edition);
            }
            9..13 => {
                snapshots.step(600)?;
            }
            13 => while snapshots.step(600)? {},
            14 => {
                snapshots.sync()?;
                self.everything_is_durable();
            }
            _ => {
                let keep = chance >> 8 & 3;
                let dropped = self.dropped_by(keep);
                for place in &dropped {
                    // Unless it ends, nobody knows how far it comes.
                    let known = self.snapshots.entry(*place).or_default();
                    (known.put, known.durable) = (None, None);
                }
                snapshots.prune(keep)?;
                self.snapshots.retain(|place, _| !dropped.contains(place));
            }
        }
        Ok(())
    }

    /// Looks at what there is now, where nobody knows: after a prune that failed, or in the life after a crash.
    pub(crate) fn observe(&mut self, snapshots: &Snapshots) {
        let found = editions(snapshots, "observed");
        for stream in 0..STREAMS {
            for version in 1..=VERSIONS {
                let place = (stream, version);
                let known = self.snapshots.entry(place).or_default();
                known.put = found.get(&place).copied();
                if known.put.is_none() && self.keep.is_some() {
                    // Merging has dropped it, which was judged before.
                    known.durable = None;
                }
            }
        }
    }

    pub(crate) fn everything_is_durable(&mut self) {
        self.snapshots.values_mut().for_each(|known| known.durable = known.durable.max(known.put));
    }

    fn dropped_by(&self, keep: u64) -> Vec<(u64, u64)> {
        let of = |stream| {
            let places = self.snapshots.iter().rev();
            let there = places.filter(move |((of, _), known)| *of == stream && known.put.is_some());
            there.map(|(place, _)| *place).skip(keep as usize)
        };
        (0..STREAMS).flat_map(of).collect()
    }

    /// What is found on a disk after a crash.
    pub(crate) fn judge(&self, snapshots: &Snapshots, what: &str) {
        let found = editions(snapshots, what);
        for (place, edition) in &found {
            let known = self.snapshots.get(place);
            let tried = known.and_then(|known| known.tried);
            assert!(tried >= Some(*edition), "{what}: {place:?} edition {edition} is back, {known:?}");
        }
        for (place, known) in &self.snapshots {
            let Some(durable) = known.durable else { continue };
            let newer = found.range((place.0, place.1 + 1)..(place.0 + 1, 0)).count() as u64;
            let dropped = self.keep.is_some_and(|keep| newer >= keep);
            let there = found.get(place).is_some_and(|edition| *edition >= durable);
            assert!(there || dropped, "{what}: {place:?} edition {durable} is lost, {:?}", found.get(place));
        }
        let listed: Vec<_> = snapshots.list("").map(|info| info.unwrap().version.get()).collect();
        assert_eq!(listed.len(), found.len(), "{what}: something is listed twice or not at all");
    }
}

/// What is found: the edition of each stream and version.
fn editions(snapshots: &Snapshots, what: &str) -> BTreeMap<(u64, u64), u64> {
    let mut found = BTreeMap::new();
    for stream in 0..STREAMS {
        let name = format!("s-{stream}");
        for version in 1..=VERSIONS {
            let answer = snapshots.find(&name, "t/1", Version::new(version), None).unwrap();
            assert_eq!(answer.passed_over, [], "{what}: a crash is taken for damage");
            let Some(snapshot) = answer.snapshot.filter(|found| found.version.get() == version) else {
                continue;
            };
            found.insert((stream, version), edition(&name, &snapshot));
        }
    }
    found
}

/// What becomes of what no sync covered, by a number.
fn gentle(seed: u64) -> impl FnMut(&Unsynced<'_>) -> Fate {
    let mut step = seed;
    move |_| {
        step = scrambled(step.wrapping_add(0x9E37_79B9_7F4A_7C15));
        match step % 6 {
            0..2 => Fate::Kept,
            2..4 => Fate::Lost,
            4 => Fate::Torn { kept: (step >> 32) as usize % 700 },
            _ => Fate::Sectors { size: 512, kept: scrambled(step) },
        }
    }
}

fn states(disk: &MemoryDisk, seed: u64) -> Vec<(&'static str, MemoryDisk)> {
    vec![
        ("killed", disk.crash(Survival::All)),
        ("only what was synced", disk.crash(Survival::Synced)),
        ("by chance", disk.crash(Survival::Chosen(&mut gentle(seed)))),
        ("in order, by chance", disk.crash(Survival::Ordered(&mut gentle(seed + 1)))),
    ]
}

fn faulty(disk: &MemoryDisk) -> FaultyDisk {
    FaultyDisk::new(Arc::new(disk.clone()))
}

/// One life of a process, up to the call that is its last. Says whether it came to that.
fn live(
    start: &MemoryDisk,
    account: &mut Account,
    seed: u64,
    steps: u64,
    last_call: u64,
) -> (MemoryDisk, bool) {
    let disk = start.crash(Survival::All);
    let faulty = faulty(&disk);
    faulty.arm(When::nth_of_all(last_call).from_then_on(), Fault::Error(ErrorKind::Other));
    account.observe(&open(&disk, SnapshotOptions::reading()));
    if let Ok(snapshots) = try_open(&faulty, account.options()) {
        for number in 0..steps {
            if account.act(&snapshots, seed, number).is_err() {
                break;
            }
        }
    }
    (disk, faulty.fired())
}

#[test]
fn a_crash_at_every_call_loses_nothing_that_was_synced_and_brings_nothing_back() {
    for seed in 0..8 {
        let keep = (seed % 2 == 1).then_some(3);
        for last_call in 1.. {
            let mut account = Account::new(keep);
            let (disk, ended) = live(&MemoryDisk::new(), &mut account, seed, 60, last_call);
            for (how, state) in states(&disk, seed * 1000 + last_call) {
                let what = format!("seed {seed}, call {last_call}, {how}");
                account.judge(&open(&state, SnapshotOptions::reading()), &what);
                // Verifying a crashed disk finds no damage either.
                crate::files::check(&state);
                let (mut account, snapshots) = (account.clone(), open(&state, account.options()));
                account.judge(&snapshots, &what);
                account.observe(&snapshots);
                // What is visible now stays so if it is synced, whatever the dead process had left undone.
                snapshots.sync().unwrap();
                account.everything_is_durable();
                account.judge(&open(&state.crash(Survival::Synced), SnapshotOptions::reading()), &what);
                while snapshots.step(1 << 16).unwrap() {}
                account.judge(&snapshots, &what);
                account.act(&snapshots, 0, 1).unwrap();
                snapshots.close().unwrap();
                account.everything_is_durable();
                account.judge(&open(&state.crash(Survival::Synced), SnapshotOptions::reading()), &what);
            }
            if !ended {
                break;
            }
        }
    }
}

#[test]
fn crash_after_crash_nothing_is_lost_and_nothing_comes_back() {
    for seed in 0..400u64 {
        let mut account = Account::new(seed.is_multiple_of(3).then_some(3));
        let mut disk = MemoryDisk::new();
        for life in 0..6 {
            let chance = scrambled(seed * 31 + life);
            let (end, _) = live(&disk, &mut account, chance, 40, chance >> 32 & 255);
            disk = match chance % 4 {
                0 => end.crash(Survival::All),
                1 => end.crash(Survival::Synced),
                2 => end.crash(Survival::Chosen(&mut gentle(chance))),
                _ => end.crash(Survival::Ordered(&mut gentle(chance))),
            };
            let what = format!("seed {seed}, life {life}");
            account.judge(&open(&disk, SnapshotOptions::reading()), &what);
            crate::files::check(&disk);
        }
    }
}

/// The sync says `EIO`, later ones say `Ok`, and what the first one was for is in the page cache only.
#[test]
fn a_sync_that_returns_covers_what_one_that_failed_has_lost() {
    for seed in 0..6 {
        for nth in 1..30 {
            let disk = MemoryDisk::new();
            disk.fail_sync(nth);
            let mut account = Account::new(None);
            let snapshots = open(&disk, account.options());
            for number in 0..60 {
                if account.act(&snapshots, seed, number).is_err() {
                    account.observe(&snapshots);
                }
            }
            while snapshots.sync().is_err() {}
            account.everything_is_durable();
            let what = format!("seed {seed}, sync {nth}");
            account.judge(&open(&disk.crash(Survival::Synced), SnapshotOptions::reading()), &what);
        }
    }
}

/// As before, but the process is killed before it knows of another sync, and the next one syncs.
#[test]
fn a_sync_covers_what_a_dead_process_has_left_in_the_page_cache() {
    let disk = MemoryDisk::new();
    let mut account = Account::new(None);
    let snapshots = open(&disk, account.options());
    (0..3).for_each(|number| account.act(&snapshots, 9, number).unwrap());
    disk.fail_sync(1);
    let _ = snapshots.sync();
    let killed = disk.crash(Survival::All);
    let next = open(&killed, account.options());
    next.sync().unwrap();
    account.everything_is_durable();
    account.judge(&open(&killed.crash(Survival::Synced), SnapshotOptions::reading()), "after a kill");
    assert!(disk.kinds("snapshots").is_ok());
}
