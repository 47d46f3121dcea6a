//! Damage that only a real file system has: files that are no files, files cut while nobody looks, files that claim to be
//! longer than any disk. A store answers with exact data or an error, and no signal ends the process.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should end it")]

use annals::{
    Event, Expected, Finding, NewEvent, OpenError, Options, Query, ReadError, Store, inspect, verify,
};
use std::fs::{self, OpenOptions};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const TEBIBYTE: u64 = 1 << 40;
/// Most memory that opening and reading may take, whatever a file claims.
const MEMORY_MAX: u64 = 80 << 20;

fn options() -> Options {
    Options::new().segment_bytes(16 << 10).background(false)
}

/// Sealed segments with runs, and an open one; closed, or left as a kill leaves it.
fn store(closed: bool) -> (TempDir, PathBuf, Vec<Event>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = options().open(&path).unwrap();
    for number in 0..40_usize {
        let event = NewEvent::new("moved", vec![b'x'; 1_000 + number]).with_tag("every");
        store.append(&format!("account-{}", number % 3), Expected::Any, &[event]).unwrap();
    }
    store.maintain().unwrap();
    store.append("account-1", Expected::Any, &[NewEvent::new("moved", b"last".as_slice())]).unwrap();
    let events = read(&store).unwrap();
    if closed {
        store.close().unwrap();
        return (directory, path, events);
    }
    // What a kill leaves: a copy of all files while nothing happens.
    let copy = directory.path().join("killed");
    for entry in files(&path) {
        let to = copy.join(entry.strip_prefix(&path).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&entry, to).unwrap();
    }
    drop(store);
    (directory, copy, events)
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_dir() { found.append(&mut files(&entry)) } else { found.push(entry) }
    }
    found.sort();
    found
}

fn read(store: &Store) -> Result<Vec<Event>, ReadError> {
    let view = store.view();
    let tagged = view.read(Query::all().tagged("every"))?.collect::<Result<Vec<_>, _>>()?.len();
    let all: Vec<Event> = view
        .read(Query::all())?
        .map(|event| event.map(|event| event.to_event()))
        .collect::<Result<_, _>>()?;
    assert_eq!(tagged, all.iter().filter(|event| !event.tags.is_empty()).count());
    Ok(all)
}

/// What there is to see in a store, and whether all of it is there.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    All,
    Error(String),
}

fn seen(opened: Result<Store, OpenError>, events: &[Event]) -> Seen {
    match opened.map(|store| read(&store)) {
        Ok(Ok(found)) => {
            assert_eq!(found, events);
            Seen::All
        }
        Ok(Err(ReadError::Corrupt(corruption))) | Err(OpenError::Corrupt(corruption)) => {
            Seen::Error(corruption.file)
        }
        Ok(Err(ReadError::Io { what, .. })) | Err(OpenError::Io { what, .. }) => Seen::Error(what),
        other => panic!("{other:?}"),
    }
}

/// Looks at a store in every way, in bounded memory: read-only, verify, inspect, and for writing.
fn look(path: &Path, file: &Path, events: &[Event]) -> [Seen; 2] {
    let mut result = None;
    let taken = allocation_counter::measure(|| {
        let reading = seen(options().read_only(true).open(path), events);
        let verified = verify(path, &mut |_| {});
        if let Seen::Error(what) = &reading {
            let found = verified.unwrap();
            let named = |finding: &Finding| what.contains(&finding.file);
            assert!(found.findings.iter().any(named), "{what}: {:?}", found.findings);
            if !what.contains("MANIFEST") {
                // The rest is looked at all the same.
                let rest = events.len() as u64 / 2;
                assert!(found.events + found.findings.len() as u64 > rest, "{what}: {found:?}");
                assert!(found.segments > 1 && found.runs > 0, "{what}: {found:?}");
            }
        }
        let writing = seen(options().open(path), events);
        if !file.to_string_lossy().ends_with("LOCK")
            && file.metadata().is_ok_and(|file| file.len() < TEBIBYTE)
        {
            let _ = inspect(file, &mut |_| {});
        }
        result = Some([reading, writing]);
    });
    assert!(taken.bytes_max < MEMORY_MAX, "{}: {} bytes", file.display(), taken.bytes_max);
    result.unwrap()
}

/// Does something to each file of a fresh store, and looks.
fn each_file(closed: bool, harm: impl Fn(&Path), mut judge: impl FnMut(&str, [Seen; 2])) {
    let names: Vec<PathBuf> = {
        let (_directory, path, _) = store(closed);
        files(&path).iter().map(|file| file.strip_prefix(&path).unwrap().to_owned()).collect()
    };
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        let (_directory, path, events) = store(closed);
        let file = path.join(&name);
        harm(&file);
        judge(&name.to_string_lossy(), look(&path, &file, &events));
    }
}

/// Runs are made again, the rest is missed, and the error says what.
fn is_missed(name: &str, seen: [Seen; 2]) {
    for seen in seen {
        match seen {
            Seen::All => assert!(name.starts_with("index/") || name == "LOCK", "{name}"),
            Seen::Error(what) => assert!(what.contains(name), "{name}: {what}"),
        }
    }
}

/// Whether a file of the store has no bytes anyway.
fn is_empty(name: &str) -> bool {
    let (_directory, path, _) = store(true);
    path.join(name).metadata().unwrap().len() == 0
}

#[test]
fn a_directory_in_the_place_of_a_file_is_no_file() {
    let harm = |file: &Path| {
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
    };
    each_file(true, harm, is_missed);
}

#[test]
fn a_symbolic_link_is_not_followed_even_to_the_right_bytes() {
    let harm = |file: &Path| {
        let moved = file.with_extension("moved");
        fs::rename(file, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, file).unwrap();
    };
    each_file(true, harm, is_missed);
}

#[test]
fn a_pipe_or_a_socket_in_the_place_of_a_file_holds_nobody_up() {
    let pipe = |file: &Path| {
        fs::remove_file(file).unwrap();
        assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
    };
    each_file(true, pipe, is_missed);
    let socket = |file: &Path| {
        fs::remove_file(file).unwrap();
        drop(UnixListener::bind(file).unwrap());
    };
    each_file(true, socket, is_missed);
}

#[test]
fn a_file_cut_before_the_store_is_opened_ends_in_an_error_and_not_in_a_signal() {
    for left in [|length: u64| length.saturating_sub(1), |length: u64| length.saturating_sub(4096), |_| 0] {
        let harm = |file: &Path| {
            let file = OpenOptions::new().write(true).open(file).unwrap();
            let length = file.metadata().unwrap().len();
            file.set_len(left(length)).unwrap();
        };
        // A segment that waits to be used is empty once the store is closed, and the lock needs no bytes.
        each_file(true, harm, |name, seen| {
            if seen != [Seen::All, Seen::All] || !is_empty(name) {
                is_missed(name, seen)
            }
        });
    }
}

#[test]
fn a_file_that_claims_a_tebibyte_is_read_no_further_than_it_can_mean_something() {
    let harm = |file: &Path| OpenOptions::new().write(true).open(file).unwrap().set_len(TEBIBYTE).unwrap();
    for closed in [true, false] {
        each_file(closed, harm, |name, seen| match name {
            "MANIFEST" => is_missed(name, seen),
            // More than the manifest says is not looked at; behind the last frame of an open segment are zeros.
            _ => assert_eq!(seen, [Seen::All, Seen::All], "{name}"),
        });
    }
}

#[test]
fn an_open_segment_that_claimed_a_tebibyte_gets_its_length_back() {
    let (_directory, path, events) = store(false);
    let last = files(&path.join("log")).pop().unwrap();
    let segments: Vec<PathBuf> = files(&path.join("log"));
    for segment in &segments {
        OpenOptions::new().write(true).open(segment).unwrap().set_len(TEBIBYTE).unwrap();
    }
    assert_eq!(seen(options().open(&path), &events), Seen::All);
    assert!(last.metadata().unwrap().len() < 1 << 20);
    assert_eq!(seen(options().open(&path), &events), Seen::All);
}

/// A manifest may be a gibibyte, so one that claims as much must not get the memory for it.
#[test]
fn a_manifest_of_nothing_but_length_is_refused_without_reading_it() {
    let (_directory, path, events) = store(true);
    let manifest = path.join("MANIFEST");
    let bytes = fs::read(&manifest).unwrap();
    for front in [bytes, vec![0; 200], b"ANNALMAN".to_vec()] {
        fs::write(&manifest, front).unwrap();
        OpenOptions::new().write(true).open(&manifest).unwrap().set_len(1 << 30).unwrap();
        is_missed("MANIFEST", look(&path, &manifest.with_extension("LOCK"), &events));
    }
}
