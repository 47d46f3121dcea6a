//! Processes that may open few files, have little memory, or write short files only: an error, no abort, and what
//! was acknowledged is kept.

use crate::child::{Role, count, findings, say, small};
use annals::{AppendError, Durability, Expected, NewEvent, OpenError, Options, Query, ReadError, Store};
use std::fs::File;
use std::path::Path;

/// The role of one who reads all events, in order and by a stream.
pub(crate) fn read_all(path: &Path) {
    let store = match Options::new().read_only(true).open(path) {
        Ok(store) => store,
        Err(error) => return say(&format!("cannot open: {error:?}")),
    };
    let view = store.view();
    let mut read = 0;
    for event in view.read(Query::all()).unwrap() {
        match event {
            Ok(_) => read += 1,
            Err(ReadError::Io { what, source }) => {
                say(&format!("after {read}: cannot {what}: {source}"));
                break;
            }
            Err(other) => return say(&format!("after {read}: {other:?}")),
        }
    }
    say(&format!("read {read}"));
    match view.read(Query::stream("s-3")) {
        Ok(events) => say(&format!("of s-3 {}", events.take_while(Result::is_ok).count())),
        Err(error) => say(&format!("of s-3 none: {error}")),
    }
}

/// Takes all descriptors that this process may have, but for a few.
fn take_descriptors(but: usize) -> Vec<File> {
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    taken.truncate(taken.len().checked_sub(but).unwrap());
    taken
}

fn event(bytes: usize) -> NewEvent<'static> {
    NewEvent::new("t", vec![3; bytes])
}

/// The role of one who has hardly a descriptor left, at every number of them. What it acknowledged, it tells.
pub(crate) fn few_descriptors(path: &Path) {
    let mut acknowledged = 0;
    let mut refused_opens = 0;
    for left in 0..12 {
        let taken = take_descriptors(left);
        match small().open(path) {
            Ok(store) => store.close().unwrap(),
            Err(OpenError::Io { .. }) => refused_opens += 1,
            Err(other) => panic!("{left} left: {other:?}"),
        }
        drop(taken);
    }
    assert!(refused_opens > 0, "a store cannot be opened without descriptors");
    let mut refused = 0;
    for left in 0..6 {
        let store = small().background(false).open(path).unwrap();
        let taken = take_descriptors(left);
        for _ in 0..12 {
            match store.append("s", Expected::Any, &[event(6_000)]) {
                Ok(_) => acknowledged += 1,
                Err(AppendError::Io { .. }) => refused += 1,
                Err(other) => panic!("{left} left: {other:?}"),
            }
            let _ = store.maintain();
        }
        for event in store.view().read(Query::all()).unwrap() {
            assert!(matches!(event, Ok(_) | Err(ReadError::Io { .. })), "{left} left: {event:?}");
        }
        drop(taken);
        // With descriptors it goes on where it was.
        store.append("s", Expected::Any, &[event(6_000)]).unwrap();
        acknowledged += 1;
        store.maintain().unwrap();
        assert_eq!(count(&store), acknowledged, "{left} left");
        store.close().unwrap();
    }
    assert!(refused > 0, "a segment cannot be laid out without descriptors");
    say(&format!("acknowledged {acknowledged}"));
}

#[test]
fn a_process_without_descriptors_gets_errors_and_goes_on_when_it_has_some() {
    let place = tempfile::tempdir().unwrap();
    let said = Role::limited("ulimit -n 64", "few descriptors", place.path()).run();
    let store = small().open(place.path()).unwrap();
    assert_eq!(said, [format!("acknowledged {}", count(&store))]);
    store.close().unwrap();
    assert_eq!(findings(place.path()), Vec::<String>::new());
}

/// Mapping a segment needs address space. Where there is none the read fails, and the process goes on.
#[test]
fn a_process_without_room_for_mappings_gets_errors() {
    let place = tempfile::tempdir().unwrap();
    let store = Options::new().segment_bytes(4 << 20).durability(Durability::Os).open(place.path()).unwrap();
    for number in 0..150 {
        store.append(&format!("s-{}", number % 10), Expected::Any, &[event(1 << 20)]).unwrap();
    }
    store.close().unwrap();
    let free = Role::new("read all", place.path()).run();
    assert_eq!(free, ["read 150", "of s-3 15"]);
    let said = Role::limited("ulimit -v 120000", "read all", place.path()).run();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("after ") && said[0].contains("cannot map"), "{said:?}");
    assert_ne!(said[1], "read 150");
}

fn is_too_large(error: &std::io::Error) -> bool {
    const EFBIG: i32 = 27;
    error.raw_os_error() == Some(EFBIG)
}

/// The role of one whose files may not grow beyond 24 KiB.
pub(crate) fn short_files(path: &Path) {
    let store = match Options::new().create(false).background(false).open(path) {
        Ok(store) => store,
        Err(OpenError::Io { source, .. }) if is_too_large(&source) => return say("not opened"),
        Err(other) => panic!("{other:?}"),
    };
    for number in 0..100 {
        match store.append("s", Expected::Any, &[event(1_000)]) {
            Ok(_) => say("ACK"),
            Err(AppendError::Io { source, .. }) if is_too_large(&source) => return say("refused"),
            Err(AppendError::DurabilityUnknown { source: Some(source) }) if is_too_large(&source) => {
                let again = store.append("s", Expected::Any, &[event(1_000)]);
                assert!(matches!(again, Err(AppendError::Poisoned)), "{again:?}");
                assert_eq!(count(&store), store.last_position().get());
                return say("unknown");
            }
            Err(other) => panic!("{number}: {other:?}"),
        }
    }
    say("never refused");
}

/// Files that may not grow: where the space cannot be laid out, and where it was laid out by somebody who might.
#[test]
fn a_process_that_may_not_write_long_files_gets_errors_and_keeps_what_it_acknowledged() {
    for (segment_bytes, left_open) in [(16 << 10, false), (64 << 10, false), (64 << 10, true)] {
        let place = tempfile::tempdir().unwrap();
        let store: Store = Options::new().segment_bytes(segment_bytes).open(place.path()).unwrap();
        store.append("s", Expected::Any, &[event(1_000)]).unwrap();
        if left_open {
            // As a kill leaves it: the space stays laid out.
            let copy = tempfile::tempdir().unwrap();
            crate::copies::copy(place.path(), copy.path());
            store.close().unwrap();
            check_short(copy.path());
        } else {
            store.close().unwrap();
            check_short(place.path());
        }
    }
}

fn check_short(path: &Path) {
    // In units of 512 bytes. The signal that comes with the error would end the process.
    let said = Role::limited("trap '' XFSZ; ulimit -f 48", "short files", path).run();
    let acknowledged = said.iter().filter(|line| *line == "ACK").count() as u64;
    let store = Options::new().create(false).open(path).unwrap();
    let found = count(&store);
    let extra = u64::from(said.last().unwrap() == "unknown");
    assert!((acknowledged + 1..=acknowledged + 1 + extra).contains(&found), "{found}: {said:?}");
    assert_ne!(said.last().unwrap(), "ACK", "{said:?}");
    store.append("s", Expected::Any, &[event(1_000)]).unwrap();
    store.close().unwrap();
    assert_eq!(findings(path), Vec::<String>::new());
}
