//! What is done while the crash may come. Everything is decided by a seed, and done on one thread.

use super::Explorer;
use crate::account::{Told, decide, submit};
use crate::check::{Wrong, ensure};
use crate::dice::Dice;
use crate::model::{Clauses, Fact, Proposal, Question, Says};
use crate::watch::WatchedDisk;
use crate::world::{START, World};
use annals::{Durability, Expected, OpenError, RetentionRule, RetentionScope, Store, Timestamp, Version};
use std::sync::Arc;

/// Small segments, so that many are begun, filled and sealed.
const SEGMENT_BYTES: u64 = 16 << 10;
/// Four events of this size are more than a segment needs for being sealed at a close.
const LARGE_BYTES: usize = 270_000;

/// A kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    /// Single events and batches over several streams, through more than ten segments, closed and opened again.
    Rolling,
    /// A store is made, closed, opened, gets an event, is closed and opened.
    First,
    /// Groups of several writers' batches, some of which are refused, through more than ten segments.
    Groups,
    /// A sync fails; the store is opened again without a reboot, by a reader and by the writer, and goes on.
    FailedSync,
    /// Without syncs, but now and then, through more than ten segments.
    Unsynced,
    /// A close that seals the active segment, which is large enough for that, and what comes behind it.
    Closing,
    /// Events are let go and removed, again and again.
    Compacting,
}

impl Workload {
    pub(super) const ALL: [Workload; 7] = [
        Workload::Rolling,
        Workload::First,
        Workload::Groups,
        Workload::FailedSync,
        Workload::Unsynced,
        Workload::Closing,
        Workload::Compacting,
    ];

    fn durability(self) -> Durability {
        if self == Workload::Unsynced { Durability::Os } else { Durability::Sync }
    }

    /// Does it. The explorer looks at each call.
    pub(super) fn run(self, seed: u64, explorer: &Arc<Explorer>) -> Result<(), Wrong> {
        let watched = WatchedDisk::new(explorer.disk.clone(), explorer.clone());
        let segment_bytes = if self == Workload::Closing { 2 << 20 } else { SEGMENT_BYTES };
        let world = World::on(explorer.disk.clone(), seed, segment_bytes);
        // Every fourth seed writes the log around the system's cache.
        let direct = seed % 4 == 3;
        let mut work = Work { workload: self, world, watched, explorer, direct, dice: Dice::new(seed) };
        match self {
            Workload::Rolling | Workload::Unsynced => work.rolling(),
            Workload::First => work.first(),
            Workload::Groups => work.groups(),
            Workload::FailedSync => work.failed_sync(),
            Workload::Closing => work.closing(),
            Workload::Compacting => work.compacting(),
        }
    }
}

/// A workload under way.
struct Work<'e> {
    workload: Workload,
    world: World,
    watched: Arc<WatchedDisk>,
    explorer: &'e Explorer,
    direct: bool,
    dice: Dice,
}

impl Work<'_> {
    fn open(&self) -> Result<Store, Wrong> {
        let options = self.world.options_over(self.watched.clone());
        let store = options.durability(self.workload.durability()).direct_io(self.direct).open("simulated");
        let store = store.map_err(|error| cannot("open", &error))?;
        self.explorer.account.lock().settle(&store, false)?;
        Ok(store)
    }

    fn close(&self, store: Store) -> Result<(), Wrong> {
        store.close().map_err(|error| Wrong::Differs(format!("close: {error:?}")))
    }

    fn maintain(&self, store: &Store) -> Result<(), Wrong> {
        store.maintain().map_err(|error| Wrong::Differs(format!("maintain: {error:?}")))
    }

    fn submit(&self, store: &Store, group: &[Proposal]) -> Result<Vec<Told>, Wrong> {
        let synced = self.workload.durability() == Durability::Sync;
        submit(&self.explorer.account, store, group, Timestamp::from_nanos(START), synced)
    }

    fn rolling(&mut self) -> Result<(), Wrong> {
        for batches in [20, 24, 18] {
            let store = self.open()?;
            for number in 0..batches {
                let batch = proposal(&mut self.dice, 2500);
                self.submit(&store, &[batch])?;
                // Segments are sealed one by one, several at once, and by the append that has to wait.
                if [3, 4, 9, 16].contains(&number) {
                    self.maintain(&store)?;
                }
                if self.workload == Workload::Unsynced && number % 9 == 8 {
                    store.sync().map_err(|error| Wrong::Differs(format!("sync: {error:?}")))?;
                    let mut account = self.explorer.account.lock();
                    account.durable = account.model.last();
                }
                if number % 7 == 6 {
                    store.mark_durable().map_err(|error| Wrong::Differs(format!("mark: {error:?}")))?;
                }
            }
            check_merged(&store, batches == 18)?;
            self.close(store)?;
        }
        Ok(())
    }

    fn first(&mut self) -> Result<(), Wrong> {
        let store = self.open()?;
        if self.dice.one_in(2) {
            self.close(store)?;
        } else {
            drop(store);
        }
        for bytes in [30, 17_000, 0] {
            let store = self.open()?;
            let mut batch = proposal(&mut self.dice, 1);
            batch.facts.truncate(1);
            batch.facts.iter_mut().for_each(|fact| fact.data = vec![1; bytes]);
            self.submit(&store, &[batch])?;
            self.close(store)?;
        }
        drop(self.open()?);
        Ok(())
    }

    fn groups(&mut self) -> Result<(), Wrong> {
        for groups in [12, 20] {
            let store = self.open()?;
            for number in 0..groups {
                let writers = 4 + self.dice.below(3);
                let mut group: Vec<Proposal> = (0..writers).map(|_| proposal(&mut self.dice, 1500)).collect();
                // One comes too late, and one sees what another one of its group has written.
                let version = self.explorer.account.lock().model.version("s-0");
                group[1].expected.push(("s-0".into(), Expected::Exact(Version::new(version + 1_000_000))));
                group[2].facts[0].stream = format!("new-{groups}-{number}");
                let seen = (format!("new-{groups}-{number}"), Expected::StreamExists);
                group[3].expected.push(seen);
                // All want the same, and at most one of them gets it.
                let last = self.explorer.account.lock().model.last();
                for proposal in group.iter_mut().filter(|_| self.dice.one_in(2)) {
                    let wanted = Clauses(vec![(vec!["u".into()], vec!["x".into()])]);
                    proposal.conditions.push((wanted, last.saturating_sub(number)));
                }
                self.submit(&store, &group)?;
                self.decide(&store)?;
                if number % 4 == 3 {
                    self.maintain(&store)?;
                }
            }
            check_merged(&store, groups == 20)?;
            self.close(store)?;
        }
        Ok(())
    }

    /// Decides on the events of a stream, and appends to it.
    fn decide(&mut self, store: &Store) -> Result<(), Wrong> {
        let question = Question { stream: Some("s-0".into()), backwards: true, ..Question::default() };
        let (batch, now) = (proposal(&mut self.dice, 300), Timestamp::from_nanos(START));
        let told = decide(&self.explorer.account, store, &question, &batch, false, now, true)?;
        ensure!(told == Told::Decided, "a decision ended with {told:?}");
        Ok(())
    }

    /// The appends are those of the other workloads, only larger; what is looked at is the close, and what is done next.
    fn closing(&mut self) -> Result<(), Wrong> {
        for _ in 0..2 {
            let store = self.open()?;
            self.explorer.look_away(true);
            for _ in 0..4 {
                let mut batch = proposal(&mut self.dice, 300);
                batch.facts[0].data.resize(LARGE_BYTES, 7);
                self.submit(&store, &[batch])?;
            }
            self.explorer.look_away(false);
            let batch = proposal(&mut self.dice, 300);
            self.submit(&store, &[batch])?;
            self.close(store)?;
            let store = self.open()?;
            let stats = store.stats()?;
            ensure!(stats.segments == stats.runs, "{} segments, {} runs", stats.segments, stats.runs);
            let batch = proposal(&mut self.dice, 300);
            self.submit(&store, &[batch])?;
            self.close(store)?;
        }
        Ok(())
    }

    /// Two of three events go, and what stays is compacted again with what has come since. The last time a stream goes as a whole.
    fn compacting(&mut self) -> Result<(), Wrong> {
        let mut store = self.open()?;
        let rule = RetentionRule::new().max_count(3 + self.dice.below(4));
        self.say(&store, Says::Rule(RetentionScope::Store, rule))?;
        for round in 0..3 {
            for number in 0..12 {
                let batch = proposal(&mut self.dice, 2500);
                self.submit(&store, &[batch])?;
                if number % 4 == 3 {
                    self.maintain(&store)?;
                }
            }
            if round == 2 {
                let version = self.explorer.account.lock().model.version("s-1");
                self.say(&store, Says::Tombstoned("s-1".into(), version + 1))?;
            }
            self.explorer.account.lock().compacts();
            // The first time as the background thread does it, which leaves runs of the index with windows.
            let report = match round {
                0 => store.compact_if_worth(),
                _ => store.compaction().all(true).bytes_per_second(None).run(),
            };
            let report = report.map_err(|error| Wrong::Differs(format!("compaction: {error:?}")))?;
            ensure!(!report.stopped, "nobody has stopped it: {report:?}");
            self.explorer.account.lock().compacted(&store, true, false)?;
            if round == 1 {
                self.close(store)?;
                store = self.open()?;
            }
        }
        let gone = self.explorer.account.lock().model.gone();
        ensure!(gone > 40, "only {gone} events were removed");
        self.close(store)
    }

    /// Says something of retention.
    fn say(&self, store: &Store, says: Says) -> Result<(), Wrong> {
        let told =
            self.submit(store, &[Proposal { facts: vec![Fact::saying(says)], ..Proposal::default() }])?;
        ensure!(told == [Told::Decided], "a rule ended with {told:?}");
        Ok(())
    }

    /// The bytes of the sync that fails stay visible, later syncs say `Ok`, and they are lost with the power all the same.
    fn failed_sync(&mut self) -> Result<(), Wrong> {
        let mut store = self.open()?;
        for round in 0..4 {
            self.explorer.disk.fail_sync(1 + self.dice.below(8));
            for _ in 0..10 {
                let batch = proposal(&mut self.dice, 1800);
                let told = self.submit(&store, &[batch])?;
                if self.dice.one_in(3) {
                    // What could not be done is done the next time.
                    let _ = store.maintain();
                }
                if told != [Told::Decided] {
                    break;
                }
            }
            drop(store);
            // Sometimes the first sync after that fails as well.
            self.explorer.disk.fail_sync(self.dice.below(2));
            if round % 2 == 0 {
                self.read()?;
            }
            store = self.open().or_else(|_| self.open())?;
            self.explorer.disk.fail_sync(0);
        }
        self.close(store)
    }

    /// A reader looks. Where the disk fails it shows only what is proven to be durable, so what is unknown may stay so.
    fn read(&self) -> Result<(), Wrong> {
        let store = self.world.options_over(self.watched.clone()).read_only(true).open("simulated");
        let store = store.map_err(|error| cannot("read", &error))?;
        let mut account = self.explorer.account.lock();
        let shown = store.view().position().get();
        if shown > account.model.last() {
            return account.settle_reader(&store, false);
        }
        account.durable = account.durable.max(shown);
        account.model.compare_beginning(&store)
    }
}

/// At the end there are many segments, and few runs.
fn check_merged(store: &Store, end: bool) -> Result<(), Wrong> {
    let stats = store.stats()?;
    let merged = stats.segments > 10 && stats.runs * 2 < stats.segments;
    ensure!(!end || merged, "{} segments, {} runs", stats.segments, stats.runs);
    Ok(())
}

/// A batch: 1 to 5 events of four streams, without data now and then, or larger than a segment.
pub(super) fn proposal(dice: &mut Dice, bytes: u64) -> Proposal {
    let events = 1 + dice.below(5);
    let large = dice.one_in(24);
    let facts = (0..events).map(|index| {
        let length = match dice.below(8) {
            0 => 0,
            _ if large && index == 0 => 17_000,
            _ => dice.below(bytes),
        };
        // Never zero: the disk takes a sector of zeros for one that was never written, where a crash may leave rubbish.
        let byte = u8::try_from(1 + dice.below(255)).unwrap_or(1);
        Fact {
            stream: format!("s-{}", dice.below(4)),
            event_type: (*dice.one_of(&["t", "u"])).into(),
            id: None,
            occurred: dice.one_in(3).then(|| START + i64::try_from(dice.below(1000)).unwrap_or(0)),
            tags: if dice.one_in(4) { vec!["x".into()] } else { Vec::new() },
            schema_version: 1,
            metadata: Vec::new(),
            data: vec![byte; usize::try_from(length).unwrap_or(0)],
            says: None,
        }
    });
    Proposal { facts: facts.collect(), ..Proposal::default() }
}

fn cannot(what: &str, error: &OpenError) -> Wrong {
    Wrong::Differs(format!("cannot {what}: {error}: {error:?}"))
}
