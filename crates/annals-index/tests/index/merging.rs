//! Merging: the same bytes as from one memory index, in little memory, and errors that say what is wrong.

use crate::model::{GivenEvent, build, plain};
use crate::part::{HASH_SEED, RUN_ID, STORE_ID, open, run_bytes};
use annals_format::run::TableShape;
use annals_index::{
    IndexedEvent, MemoryIndex, Merge, MergeError, MergeTarget, Run, RunIdentity, ScratchFiles,
};
use annals_types::{Position, Tags, Uuid, Version};
use annals_vfs::{Disk, MemoryDisk};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

/// An event, or one that was lost, of which the stream may be known.
#[derive(Clone, Debug)]
pub(crate) struct Happened {
    pub(crate) event: GivenEvent,
    lost: bool,
}

/// Fills an index with a stretch of events whose versions go on from those in `versions`.
pub(crate) fn filled(
    first: u64,
    events: &[Happened],
    versions: &mut BTreeMap<String, Version>,
) -> MemoryIndex {
    let mut memory = MemoryIndex::new(Position::new(first), 5);
    for (position, happened) in (first..).zip(events) {
        let GivenEvent { stream, event_type, tags, id } = &happened.event;
        let version = versions.entry(stream.clone()).or_insert(Version::new(stream.len() as u64 % 3 * 1000));
        *version = version.next();
        let mut encoded = Vec::new();
        for tag in tags {
            encoded.extend(u16::try_from(tag.len()).unwrap().to_le_bytes());
            encoded.extend(tag.as_bytes());
        }
        let (event_type, encoded, id) =
            if happened.lost { ("", &[][..], None) } else { (&event_type[..], &encoded[..], *id) };
        memory.insert(&IndexedEvent {
            position: Position::new(position),
            stream,
            version: *version,
            event_type,
            tags: Tags::from_encoded(encoded).unwrap(),
            id,
        });
    }
    memory
}

pub(crate) fn run_of(memory: &MemoryIndex) -> Arc<Run> {
    let (bytes, identity) = run_bytes(memory);
    Arc::new(open(&bytes, &identity).unwrap())
}

/// The runs of the stretches between the cuts, and the index of all.
fn parts(first: u64, events: &[Happened], cuts: &[usize]) -> (Vec<Arc<Run>>, MemoryIndex) {
    let (mut versions, mut runs, mut start) = (BTreeMap::new(), Vec::new(), 0);
    for cut in cuts.iter().copied().chain([events.len()]) {
        runs.push(run_of(&filled(first + start as u64, &events[start..cut], &mut versions)));
        start = cut;
    }
    (runs, filled(first, events, &mut BTreeMap::new()))
}

fn scratch_on(disk: MemoryDisk) -> ScratchFiles {
    let mut number = 0;
    Box::new(move || {
        number += 1;
        disk.create(&number.to_string())
    })
}

fn target(scratch: ScratchFiles) -> (MergeTarget, Receiver<Vec<u8>>) {
    let (sender, receiver) = channel();
    let sink = Box::new(move |bytes: &[u8]| sender.send(bytes.to_vec()).map_err(io::Error::other));
    (
        MergeTarget { store_id: STORE_ID, run_id: RUN_ID, hash_seed: HASH_SEED, sink, gaps: false, scratch },
        receiver,
    )
}

fn finish(merge: &mut Merge, terms: usize) -> Result<RunIdentity, MergeError> {
    loop {
        if let Some(identity) = merge.step(terms)? {
            return Ok(identity);
        }
    }
}

pub(crate) fn merged(
    runs: &[Arc<Run>],
    memory_bytes: usize,
    terms: usize,
    disk: MemoryDisk,
) -> Result<(Vec<u8>, RunIdentity), MergeError> {
    let (target, receiver) = target(scratch_on(disk));
    let mut merge = Merge::new(runs.to_vec(), target, memory_bytes)?;
    let identity = finish(&mut merge, terms)?;
    drop(merge);
    Ok((receiver.into_iter().flatten().collect(), identity))
}

fn check(first: u64, events: &[Happened], cuts: &[usize], memory_bytes: usize, terms: usize) {
    let (runs, whole) = parts(first, events, cuts);
    let expected = run_bytes(&whole);
    let (bytes, identity) = merged(&runs, memory_bytes, terms, MemoryDisk::new()).unwrap();
    assert_eq!(identity, expected.1);
    assert!(bytes == expected.0, "the bytes differ");
}

prop_compose! {
    pub(crate) fn event()(
        stream in prop_oneof![
            3 => (0..40u32).prop_map(|number| format!("account-{number}")),
            3 => (0..100_000u32).prop_map(|number| format!("order-{number}")),
            1 => Just("ledger".to_owned()),
            1 => "\\PC{1,8}",
            1 => (1..1024usize).prop_map(|length| "n".repeat(length)),
        ],
        event_type in "[a-c]{1,2}",
        tags in proptest::collection::vec("[a-d]{1,2}", 0..4),
        id in proptest::option::of(0..300u128),
        lost in 0..30u32,
    ) -> Happened {
        let id = id.map(|id| Uuid::from_u128(id * 0x1234_5678_9ABC_DEF1));
        let stream = if lost == 0 { String::new() } else { stream };
        Happened { event: GivenEvent { stream, event_type, tags, id }, lost: lost < 2 }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn merged_runs_have_the_bytes_of_one_run_of_all_events(
        first in prop_oneof![Just(1u64), 1..Position::MAX.get() - 2000],
        events in proptest::collection::vec(event(), 0..1200),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 1..8),
        memory_bytes in prop_oneof![Just(0usize), Just(1000), Just(20_000), Just(1 << 20), Just(usize::MAX)],
        terms in prop_oneof![Just(1usize), 1..1000usize],
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(events.len() + 1)).collect();
        cuts.sort_unstable();
        check(first, &events, &cuts, memory_bytes, terms);
    }
}

fn happened(events: impl IntoIterator<Item = GivenEvent>) -> Vec<Happened> {
    events.into_iter().map(|event| Happened { event, lost: false }).collect()
}

/// Many streams of one event, some of a few, one of half of all, ids for all.
pub(crate) fn mixed(count: u32) -> Vec<Happened> {
    let event = |number: u32| {
        let stream = match number % 4 {
            0 => format!("single-{number}"),
            1 => format!("few-{}", number % 500),
            _ => "many".to_owned(),
        };
        GivenEvent { id: Some(Uuid::from_u128(u128::from(number) << 70 | 9)), ..plain(&stream) }
    };
    happened((0..count).map(event))
}

#[test]
fn large_runs_merge_to_the_same_bytes_in_any_memory() {
    let events = mixed(100_000);
    for memory_bytes in [10_000, 300_000, 1 << 26] {
        check(1, &events, &[20_000, 40_000, 40_001], memory_bytes, 1000);
    }
}

#[test]
fn little_memory_needs_scratch_files_and_much_memory_none() {
    let (runs, _) = parts(1, &mixed(20_000), &[5_000]);
    for (memory_bytes, files) in [(20_000, 1..5), (1 << 26, 0..1)] {
        let disk = MemoryDisk::new();
        merged(&runs, memory_bytes, 1000, disk.clone()).unwrap();
        assert!(files.contains(&disk.list("").unwrap().len()), "{:?}", disk.list("").unwrap());
    }
}

#[test]
fn one_run_alone_and_runs_of_nothing_are_merged_too() {
    let events = mixed(300);
    check(1, &events, &[], 0, 10);
    check(1, &events, &[0, 0, 100, 100, 300], 0, 10);
    check(1, &[], &[0], 0, 10);
}

#[test]
fn an_id_on_many_events_is_merged() {
    let id = Some(Uuid::from_u128(5));
    check(1, &happened((0..3000).map(|_| GivenEvent { id, ..plain("a-1") })), &[700, 1500], 1000, 100);
}

#[test]
fn a_merged_run_answers_as_the_model_does() {
    let events: Vec<GivenEvent> = mixed(2000).into_iter().map(|happened| happened.event).collect();
    let (model, memory) = build(Position::new(77), &events, |_| Version::FIRST);
    let whole: Vec<Happened> = happened(events);
    let mut versions: BTreeMap<String, Version> =
        whole.iter().map(|happened| (happened.event.stream.clone(), Version::ZERO)).collect();
    let older = run_of(&filled(77, &whole[..900], &mut versions));
    let newer = run_of(&filled(977, &whole[900..], &mut versions));
    let (bytes, identity) = merged(&[older, newer], 5000, 50, MemoryDisk::new()).unwrap();
    assert!(bytes == run_bytes(&memory).0);
    let run = open(&bytes, &identity).unwrap();
    model.check(&run).unwrap();
    assert_eq!((run.first_position(), run.last_position()), (Position::new(77), Position::new(2076)));
    assert_eq!(run.hash_seed(), HASH_SEED);
}

#[test]
fn runs_that_do_not_follow_each_other_are_refused() {
    let (runs, _) = parts(1, &mixed(300), &[100, 200]);
    let refused =
        |runs: Vec<Arc<Run>>| Merge::new(runs, target(scratch_on(MemoryDisk::new())).0, 0).unwrap_err();
    let [one, two, three] = &runs[..] else { unreachable!("three parts") };
    let gap = refused(vec![Arc::clone(one), Arc::clone(three)]);
    assert!(matches!(gap, MergeError::NotAdjacent { run: 1 }), "{gap}");
    let backwards = refused(vec![Arc::clone(two), Arc::clone(one)]);
    assert!(matches!(backwards, MergeError::NotAdjacent { run: 1 }));
    assert!(matches!(refused(Vec::new()), MergeError::NotAdjacent { run: 0 }));
}

#[test]
fn ids_under_another_hash_seed_are_refused_and_terms_are_not() {
    let other_seed = |events: &[Happened]| {
        let (runs, _) = parts(1, events, &[100]);
        let (mut target, _receiver) = target(scratch_on(MemoryDisk::new()));
        target.hash_seed = 1;
        Merge::new(runs, target, 0).and_then(|mut merge| finish(&mut merge, 10))
    };
    assert!(matches!(other_seed(&mixed(300)).unwrap_err(), MergeError::OtherHashSeed { run: 0 }));
    let without_ids = happened((0..300).map(|number| plain(&format!("s-{}", number % 70))));
    assert_eq!(other_seed(&without_ids).unwrap().count, 300);
}

#[test]
fn a_gap_between_versions_is_an_error_that_names_the_stream() {
    let events = happened((0..10).map(|number| plain(if number % 2 == 0 { "even" } else { "odd" })));
    let mut versions = BTreeMap::new();
    let one = run_of(&filled(1, &events[..5], &mut versions));
    *versions.get_mut("odd").unwrap() = Version::new(7);
    let two = run_of(&filled(6, &events[5..], &mut versions));
    match merged(&[one, two], 0, 1, MemoryDisk::new()) {
        Err(MergeError::VersionGap { stream, run: 1, expected, found }) => {
            // "odd" begins at version 1, as its name has three letters, and has two events in the first run.
            assert_eq!((&stream[..], expected, found), ("odd", Version::new(3), Version::new(8)));
        }
        other => panic!("{other:?}"),
    }
}

/// The entries of the tables have other widths then, and other numbers of buckets, than those of the merged one.
#[test]
fn runs_with_few_ids_many_ids_and_one_id_for_all_are_merged_alike() {
    let id = |number: u32| Some(Uuid::from_u128(u128::from(number) << 60 | 5));
    let mut events: Vec<GivenEvent> = Vec::new();
    events.extend((0..6000).map(|number| GivenEvent { id: id(number), ..plain("dense") }));
    events.extend(
        (0..5000).map(|number| GivenEvent { id: id(number).filter(|_| number % 1000 == 7), ..plain("few") }),
    );
    events.extend((0..5000).map(|_| GivenEvent { id: id(1 << 20), ..plain("one for all") }));
    events.extend((0..3000).map(|_| plain("none")));
    let events = happened(events);
    let (runs, whole) = parts(1, &events, &[6000, 11_000, 16_000]);
    let shapes = runs.iter().map(|run| TableShape::of_ids(run.id_count(), run.event_count()));
    assert!(shapes.map(|shape| shape.entry_bytes).eq([6, 7, 6, 6]));
    for memory_bytes in [0, 20_000, usize::MAX] {
        let merged = merged(&runs, memory_bytes, 1000, MemoryDisk::new()).unwrap();
        assert!(merged == run_bytes(&whole));
        // What was merged is merged on.
        let (bytes, identity) = self::merged(&runs[1..], memory_bytes, 1000, MemoryDisk::new()).unwrap();
        let on = [Arc::clone(&runs[0]), Arc::new(open(&bytes, &identity).unwrap())];
        assert!(self::merged(&on, memory_bytes, 1000, MemoryDisk::new()).unwrap() == merged);
    }
}

#[test]
fn a_damaged_source_is_named_and_the_merge_ends() {
    let events = mixed(3000);
    let mut versions = BTreeMap::new();
    let one = run_of(&filled(1, &events[..1000], &mut versions));
    let (bytes, identity) = run_bytes(&filled(1001, &events[1000..], &mut versions));
    let mut noticed = 0;
    for at in (70..bytes.len()).step_by(bytes.len() / 40) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        let Ok(two) = open(&damaged, &identity) else { continue };
        let (target, _receiver) = target(scratch_on(MemoryDisk::new()));
        let result = Merge::new(vec![Arc::clone(&one), Arc::new(two)], target, 0).and_then(|mut merge| {
            let result = finish(&mut merge, 100);
            if result.is_err() {
                assert!(matches!(merge.step(1), Err(MergeError::Io(_))), "a failed merge goes on");
            }
            result
        });
        match result {
            Err(MergeError::Damage { run: 1, damage }) => {
                assert!(damage.offset <= at as u64);
                noticed += 1;
            }
            Err(other) => panic!("{other}"),
            // The directories of terms and the filters of sources are not read.
            Ok(merged) => assert_eq!(merged.count, 3000),
        }
    }
    assert!(noticed > 10, "{noticed}");
}

#[test]
fn errors_of_the_sink_and_of_scratch_files_come_through() {
    let (runs, _) = parts(1, &mixed(20_000), &[5_000]);
    let whole = merged(&runs, 20_000, 1000, MemoryDisk::new()).unwrap().1.length;
    for room in [0, 100, whole / 2, whole - 1] {
        let mut target = target(scratch_on(MemoryDisk::new())).0;
        let mut taken = 0;
        target.sink = Box::new(move |bytes| {
            taken += bytes.len() as u64;
            if taken > room { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        });
        let result = Merge::new(runs.clone(), target, 20_000).and_then(|mut merge| finish(&mut merge, 1000));
        assert!(matches!(result, Err(MergeError::Io(error)) if error.kind() == io::ErrorKind::StorageFull));
    }
    let (target, _receiver) = target(Box::new(|| Err(io::ErrorKind::StorageFull.into())));
    let result = Merge::new(runs, target, 20_000).and_then(|mut merge| finish(&mut merge, 1000));
    assert!(matches!(result, Err(MergeError::Io(error)) if error.kind() == io::ErrorKind::StorageFull));
}
