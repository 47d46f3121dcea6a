//! What a long life of opening, appending and reading leaves behind in the process: nothing.

use crate::child::{Role, append, count, findings, in_memory, say, small};
use annals::{Durability, Expected, NewEvent, Query};
use std::path::Path;

/// How many cycles, unless the environment variable `ANNALS_CYCLES` says otherwise.
const CYCLES: u64 = 2_000;

/// How many segments a large store has.
const SEGMENTS: u64 = 1_000;

/// Open files, mappings of files, and resident memory in KiB of this process.
fn held() -> (usize, usize, u64) {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mappings = maps.lines().filter(|line| line.contains(".seg") || line.contains(".run")).count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (descriptors, mappings, resident.trim_end_matches(" kB").trim().parse().unwrap())
}

/// The role of one who opens, appends, reads and closes so many times.
pub(crate) fn cycles(path: &Path, cycles: u64) {
    let mut early = None;
    for cycle in 1..=cycles {
        let store = small().durability(Durability::Os).open(path).unwrap();
        append(&store, &format!("s-{}", cycle % 7), 400);
        let reader = small().read_only(true).open(path).unwrap();
        assert!(reader.view().read(Query::all()).unwrap().take(20).all(|event| event.is_ok()));
        assert_eq!(
            store.view().read(Query::all().backwards()).unwrap().next().unwrap().unwrap().position.get(),
            cycle
        );
        store.close().unwrap();
        drop(reader);
        if cycle == cycles / 10 {
            early = Some(held());
        }
    }
    let (early, late) = (early.unwrap(), held());
    say(&format!("descriptors {} {}", early.0, late.0));
    say(&format!("mappings {} {}", early.1, late.1));
    say(&format!("resident {} {}", early.2, late.2));
}

#[test]
fn opening_appending_and_closing_again_and_again_leaves_nothing_behind() {
    let cycles = std::env::var("ANNALS_CYCLES").map_or(CYCLES, |cycles| cycles.parse().unwrap());
    let place = in_memory();
    let said = Role::new("cycles", place.path()).extra(cycles).run();
    let figures =
        |line: &str| -> Vec<u64> { line.split(' ').skip(1).map(|figure| figure.parse().unwrap()).collect() };
    assert_eq!(said.len(), 3, "{said:?}");
    let [descriptors, mappings, resident] = [0, 1, 2].map(|line: usize| figures(&said[line]));
    assert_eq!(descriptors[0], descriptors[1], "{said:?}");
    assert_eq!(mappings, [0, 0], "{said:?}");
    assert!(resident[1] < resident[0] + 16_000, "{said:?}");
    let store = small().open(place.path()).unwrap();
    assert_eq!(store.last_position().get(), cycles);
    assert_eq!(count(&store), cycles);
}

/// Makes a store of so many segments, sealed and with runs but for the last ones.
pub(crate) fn make_large(path: &Path, segments: u64) -> u64 {
    let store = small().durability(Durability::Os).open(path).unwrap();
    // Two of these fill a segment.
    let event = NewEvent::new("t", vec![7; 8_000]);
    for number in 0..2 * segments {
        let stream = format!("s-{}", number % 10);
        store.append(&stream, Expected::Any, std::slice::from_ref(&event)).unwrap();
    }
    store.maintain().unwrap();
    let stats = store.stats().unwrap();
    assert!(stats.segments >= segments, "{stats:?}");
    store.close().unwrap();
    2 * segments
}

/// A thousand segments are read by a process that may have only a few files open: a mapping needs none.
#[test]
fn a_thousand_segments_are_read_with_few_descriptors() {
    let place = in_memory();
    let events = make_large(place.path(), SEGMENTS);
    let said = Role::limited("ulimit -n 24", "read all", place.path()).run();
    assert_eq!(said, [format!("read {events}"), format!("of s-3 {}", events / 10)]);
    assert_eq!(findings(place.path()), Vec::<String>::new());
}

/// What has been mapped is read on when its name is gone, as it is when files are replaced by compact ones.
#[test]
fn files_that_are_removed_under_a_reader_are_read_to_the_end() {
    let place = tempfile::tempdir().unwrap();
    let events = make_large(place.path(), 20);
    let store = small().read_only(true).open(place.path()).unwrap();
    let view = store.view();
    let read = || {
        let all =
            view.read(Query::all()).unwrap().map(|event| event.unwrap().data().unwrap().len()).sum::<usize>();
        let own: Vec<_> =
            view.read(Query::stream("s-3")).unwrap().map(|event| event.unwrap().position).collect();
        (all, own)
    };
    let before = read();
    assert_eq!(before.0 as u64, events * 8_000);
    for directory in ["log", "index"] {
        for entry in std::fs::read_dir(place.path().join(directory)).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
    assert_eq!(read(), before);
    drop(view);
    drop(store);
    // Their space is given back when the last mapping is gone.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    assert!(!maps.contains(place.path().to_str().unwrap()));
    assert!(small().read_only(true).open(place.path()).is_err_and(|error| error.is_corruption()));
}
