//! Random histories against a plain map.

use crate::common::{edition, find, open, payload, put, small};
use annals_snapshot::Snapshots;
use annals_types::{Timestamp, Version};
use annals_vfs::{MemoryDisk, Survival};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Put {
        stream: u8,
        version: u64,
    },
    Work {
        steps: u8,
    },
    Sync,
    Prune {
        keep: u64,
    },
    /// Opened again: after a close, or as a process finds it whose predecessor was killed.
    Reopen {
        closed: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..6u8, 1..30u64).prop_map(|(stream, version)| Step::Put { stream, version }),
        3 => (1..40u8).prop_map(|steps| Step::Work { steps }),
        1 => Just(Step::Sync),
        1 => (0..4u64).prop_map(|keep| Step::Prune { keep }),
        1 => any::<bool>().prop_map(|closed| Step::Reopen { closed }),
    ]
}

/// By stream and version: which edition was put last.
type Model = BTreeMap<(String, u64), u64>;

fn name(stream: u8) -> String {
    format!("stream-{stream}")
}

fn compare(snapshots: &Snapshots, model: &Model) {
    for stream in 0..6 {
        let stream = name(stream);
        for at_most in 0..31 {
            let newest = model.range((stream.clone(), 0)..=(stream.clone(), at_most)).next_back();
            let wanted = newest.map(|((_, version), edition)| (*version, *edition));
            assert_eq!(find(snapshots, &stream, at_most), wanted, "{stream} at {at_most}");
            let by = Some(Timestamp::from_nanos(at_most as i64 * 100));
            let found = snapshots.find(&stream, "t/1", Version::new(99), by).unwrap().snapshot;
            let found = found.map(|found| (found.version.get(), edition(&stream, &found)));
            assert_eq!(found, wanted, "{stream} by {at_most}");
        }
    }
    let mut listed: Vec<_> = snapshots.list("").map(Result::unwrap).collect();
    listed.sort_by(|one, other| (&one.stream, one.version).cmp(&(&other.stream, other.version)));
    let listed: Vec<_> = listed.into_iter().map(|info| (info.stream, info.version.get())).collect();
    assert_eq!(listed, model.keys().cloned().collect::<Vec<_>>());
}

fn prune(model: &mut Model, keep: u64) {
    for stream in 0..6 {
        let stream = name(stream);
        let versions: Vec<u64> =
            model.keys().filter(|(name, _)| *name == stream).map(|(_, version)| *version).collect();
        let drop = versions.len().saturating_sub(keep as usize);
        versions[..drop].iter().for_each(|version| drop_one(model, &stream, *version));
    }
}

fn drop_one(model: &mut Model, stream: &str, version: u64) {
    model.remove(&(stream.to_owned(), version));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn whatever_is_done_the_answers_are_those_of_a_map(steps in proptest::collection::vec(step(), 1..120)) {
        let mut disk = MemoryDisk::new();
        let mut snapshots = open(&disk, small());
        let (mut model, mut edition) = (Model::new(), 0);
        for step in steps {
            match step {
                Step::Put { stream, version } => {
                    edition += 1;
                    put(&snapshots, &name(stream), version, edition).unwrap();
                    model.insert((name(stream), version), edition);
                }
                Step::Work { steps } => for _ in 0..steps {
                    snapshots.step(700).unwrap();
                },
                Step::Sync => snapshots.sync().unwrap(),
                Step::Prune { keep } => {
                    snapshots.prune(keep).unwrap();
                    prune(&mut model, keep);
                }
                Step::Reopen { closed } => {
                    if closed {
                        snapshots.close().unwrap();
                        disk = disk.crash(Survival::Synced);
                    } else {
                        disk = disk.crash(Survival::All);
                    }
                    snapshots = open(&disk, small());
                }
            }
        }
        compare(&snapshots, &model);
        while snapshots.step(1 << 20).unwrap() {}
        compare(&snapshots, &model);
        prop_assert_eq!(crate::files::check(&disk), snapshots.stats().unwrap().snapshots);
    }

    #[test]
    fn any_names_and_payloads_come_back(
        stream in "\\PC{1,40}", tag in "\\PC{1,30}", codec: u8, bytes: Vec<u8>, version in 1..u64::MAX, occurred: i64,
    ) {
        let disk = MemoryDisk::new();
        let snapshots = open(&disk, small());
        let new = annals_snapshot::NewSnapshot {
            codec,
            occurred_max: Timestamp::from_nanos(occurred),
            ..crate::common::new(&stream, &tag, 1, &bytes)
        };
        let new = annals_snapshot::NewSnapshot { version: Version::new(version), ..new };
        snapshots.put(&new).unwrap();
        put(&snapshots, "other", 1, 0).unwrap();
        for _ in 0..2 {
            let found = snapshots.find(&stream, &tag, Version::new(u64::MAX), None).unwrap().snapshot.unwrap();
            prop_assert_eq!(&found.payload, &bytes);
            prop_assert_eq!((found.codec, found.version.get(), found.occurred_max.as_nanos()), (codec, version, occurred));
            let by = Timestamp::from_nanos(occurred.saturating_sub(1));
            let earlier = snapshots.find(&stream, &tag, Version::new(u64::MAX), Some(by)).unwrap().snapshot;
            prop_assert!(earlier.is_none() || occurred == i64::MIN);
            snapshots.close().unwrap();
        }
        prop_assert_eq!(payload("other", "t/1", 1, 0).len(), snapshots.list("other").next().unwrap().unwrap().bytes as usize);
    }
}
