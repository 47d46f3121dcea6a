//! Who gets the store when several want it, and when it is free again.

use crate::child::{Role, Running, append, say, small};
use annals::{OpenError, Store};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Barrier;

/// Races of two threads, in so many lanes at once: who loses waits a moment for the lock before it gives up.
const LANES: usize = 16;
const RACES: usize = 1_000;
/// Races of two processes.
const PROCESS_RACES: usize = 40;

#[test]
fn of_two_threads_that_open_a_store_exactly_one_gets_it() {
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                let place = tempfile::tempdir().unwrap();
                for race in 0..RACES.div_ceil(LANES) {
                    // Every other time there is no store yet, and both would create it.
                    race_of_threads(&place.path().join((race / 2).to_string()));
                }
            });
        }
    });
}

fn race_of_threads(path: &Path) {
    let (start, finish) = (Barrier::new(2), Barrier::new(2));
    let run = || {
        start.wait();
        let opened = small().open(path);
        // Who won keeps it until the other one has been told.
        finish.wait();
        match opened {
            Ok(store) => {
                append(&store, "s", 10);
                store.close().unwrap();
                true
            }
            Err(OpenError::Locked { .. }) => false,
            Err(other) => panic!("{other:?}"),
        }
    };
    let won = std::thread::scope(|scope| {
        let other = scope.spawn(run);
        usize::from(run()) + usize::from(other.join().unwrap())
    });
    assert_eq!(won, 1, "{}", path.display());
}

/// The role of one who races for every store that it is told of.
pub(crate) fn race() {
    let mut held = None;
    for line in std::io::stdin().lines() {
        match line.unwrap().as_str() {
            "close" => {
                if let Some(store) = held.take() {
                    Store::close(store).unwrap();
                }
                say("CLOSED");
            }
            path => match small().open(path) {
                Ok(store) => {
                    append(&store, "s", 10);
                    held = Some(store);
                    say("WON");
                }
                Err(OpenError::Locked { .. }) => say("LOCKED"),
                Err(other) => say(&format!("{other:?}")),
            },
        }
    }
}

/// Who came while the other one made the store has seen no manifest and then, in the next look, a segment: it was told of
/// damage.
#[test]
fn of_two_processes_that_open_a_store_exactly_one_gets_it() {
    let place = tempfile::tempdir().unwrap();
    let mut racers: Vec<Running> = (0..2).map(|_| Role::new("race", place.path()).start()).collect();
    for race in 0..PROCESS_RACES {
        let path = place.path().join((race / 2).to_string());
        racers.iter_mut().for_each(|racer| racer.tell(path.to_str().unwrap()));
        let mut said: Vec<_> = racers.iter_mut().map(Running::said).collect();
        said.sort();
        assert_eq!(said, ["LOCKED", "WON"]);
        racers.iter_mut().for_each(|racer| racer.tell("close"));
        racers.iter_mut().for_each(|racer| assert_eq!(racer.said(), "CLOSED"));
    }
}

/// The role of one who holds a store until it is killed.
pub(crate) fn hold(path: &Path) {
    let store = small().open(path).unwrap();
    append(&store, "s", 10);
    say("HELD");
    std::thread::park();
}

#[test]
fn a_holder_that_is_killed_blocks_nobody() {
    let place = tempfile::tempdir().unwrap();
    for round in 1..=10 {
        let mut holder = Role::new("hold", place.path()).start();
        assert_eq!(holder.said(), "HELD");
        assert!(matches!(small().open(place.path()), Err(OpenError::Locked { .. })));
        let reader = small().read_only(true).open(place.path()).unwrap();
        assert!((round - 1..=round).contains(&reader.last_position().get()), "{}", reader.last_position());
        drop(reader);
        holder.kill();
        holder.rest();
        let store = small().open(place.path()).unwrap();
        assert_eq!(store.last_position().get(), round);
        store.close().unwrap();
    }
}

#[test]
fn a_process_that_was_started_by_the_holder_keeps_nothing_of_the_store() {
    let place = tempfile::tempdir().unwrap();
    let store = small().open(place.path()).unwrap();
    let mut heir = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let open_in_heir = || {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", heir.id())).unwrap();
        let open = descriptors.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        open.filter(|path| path.starts_with(place.path())).collect::<Vec<_>>()
    };
    // Between fork and exec the child has everything; it is over when it runs another program.
    while std::fs::read_to_string(format!("/proc/{}/comm", heir.id())).unwrap().trim() != "cat" {
        std::thread::yield_now();
    }
    assert_eq!(open_in_heir(), Vec::<std::path::PathBuf>::new());
    drop(store);
    small().open(place.path()).unwrap().close().unwrap();
    heir.kill().unwrap();
    heir.wait().unwrap();
}

#[test]
fn a_relative_path_leads_to_the_same_lock() {
    let place = tempfile::tempdir().unwrap();
    let here = std::env::current_dir().unwrap();
    let up: std::path::PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up.join(place.path().strip_prefix("/").unwrap()).join("store");
    let store = small().open(&relative).unwrap();
    assert!(place.path().join("store/MANIFEST").exists());
    for path in [relative.clone(), place.path().join("store")] {
        assert!(matches!(small().open(&path), Err(OpenError::Locked { .. })), "{}", path.display());
    }
    drop(store);
    small().create(false).open(&relative).unwrap().close().unwrap();
}
