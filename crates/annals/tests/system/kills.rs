//! Writers that are killed at any moment, also while they open the store, and readers beside them.
//!
//! `ANNALS_KILLS` gives how many each test kills, instead of a few.

use crate::child::{Role, Running, findings, say, small};
use crate::witness::{Moments, Witness, batch, batches, check_order};
use annals::{OpenError, Store};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many writers each test kills if nothing else is said.
const KILLS: u64 = 25;

pub(crate) fn kills() -> u64 {
    std::env::var("ANNALS_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

/// The role of a writer: appends for ever, tells of each acknowledged batch, and closes and opens now and then.
pub(crate) fn write(path: &Path, threads: u64, direct: bool) {
    for round in 0.. {
        let store = small().direct_io(direct).open(path).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let store = &store;
                scope.spawn(move || {
                    let from = batches(&store.view(), thread);
                    for number in from..from + 40 + round % 3 * 40 {
                        store.append_batch(batch(thread, number)).unwrap();
                        say(&format!("ACK {thread} {number}"));
                    }
                });
            }
        });
        if round % 2 == 0 {
            store.close().unwrap();
        }
    }
}

/// The role of one who opens for writing and tells that it has.
pub(crate) fn open(path: &Path) {
    say("BEGIN");
    let store = small().open(path).unwrap();
    say("OPEN");
    store.maintain().unwrap();
    std::thread::park();
}

/// Lets a writer go on for a while and kills it. What it said is heard to the end.
fn kill_writer(path: &Path, role: (&str, u64), witness: &mut Witness, moments: &mut Moments) {
    let (role, threads) = role;
    let mut writer = Role::new(role, path).extra(threads).start();
    // Now and then before the first batch, while the store is created or recovered.
    let acks = if moments.below(5) == 0 { 0 } else { 1 + moments.below(200) };
    for _ in 0..acks {
        witness.hear(&writer.said());
    }
    std::thread::sleep(Duration::from_micros(moments.below(if acks == 0 { 15_000 } else { 900 })));
    end(&mut writer, witness);
}

fn end(writer: &mut Running, witness: &mut Witness) {
    writer.kill();
    let (said, status) = writer.rest();
    assert_eq!(status.code(), None, "the writer never ends by itself");
    said.iter().for_each(|line| witness.hear(line));
}

/// Opens for writing in other processes, which are killed while they do.
fn kill_openers(path: &Path, moments: &mut Moments) {
    for _ in 0..moments.below(4) {
        let mut opener = Role::new("open", path).start();
        assert_eq!(opener.said(), "BEGIN");
        std::thread::sleep(Duration::from_micros(moments.below(4_000)));
        opener.kill();
        opener.rest();
    }
}

/// Looks at what is left in one of the ways in which somebody may.
fn look(path: &Path, witness: &Witness, moments: &mut Moments) {
    let way = moments.below(3);
    let opened = match way {
        0 => small().read_only(true).open(path),
        1 => small().create(false).open(path),
        _ => return, // The next writer meets the store as it was left.
    };
    let store = match opened {
        Err(OpenError::NotFound { .. }) if witness.total() == 0 => return,
        other => other.unwrap(),
    };
    witness.check(&store);
    if way == 1 {
        store.close().unwrap();
    }
    assert_eq!(findings(path), Vec::<String>::new());
}

fn kill_many(test: &str, role: (&str, u64)) {
    let mut moments = Moments::of_test(test);
    let mut left = kills();
    while left > 0 {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("store");
        let mut witness = Witness::default();
        for _ in 0..left.min(5) {
            kill_writer(&path, role, &mut witness, &mut moments);
            kill_openers(&path, &mut moments);
            look(&path, &witness, &mut moments);
            left -= 1;
        }
        let store = small().open(&path).unwrap();
        witness.check(&store);
        store.close().unwrap();
        assert_eq!(findings(&path), Vec::<String>::new());
    }
}

#[test]
fn a_writer_that_is_killed_keeps_all_that_it_said() {
    kill_many("one thread", ("write", 1));
}

#[test]
fn a_writer_of_several_threads_that_is_killed_keeps_all_that_each_of_them_said() {
    kill_many("four threads", ("write", 4));
}

#[test]
fn a_writer_around_the_systems_cache_that_is_killed_keeps_all_that_it_said() {
    kill_many("directly", ("write directly", 1));
    kill_many("directly by three threads", ("write directly", 3));
}

/// A reader beside the writers, over several of them: what it has seen stays, and it never sees what is not in order.
#[test]
fn a_reader_stays_right_while_writers_are_killed_beside_it() {
    let mut moments = Moments::of_test("a reader");
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store");
    small().open(&path).unwrap().close().unwrap();
    let reader = small().read_only(true).open(&path).unwrap();
    let (done, mut witness) = (AtomicBool::new(false), Witness::default());
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| follow(&reader, &done));
        for number in 0..kills().div_ceil(3) {
            let role = if number % 2 == 0 { "write" } else { "write directly" };
            kill_writer(&path, (role, 2), &mut witness, &mut moments);
        }
        done.store(true, Ordering::SeqCst);
        reading.join().unwrap();
    });
    let writer = small().open(&path).unwrap();
    witness.check(&writer);
    assert!(reader.last_position() <= writer.last_position(), "the reader has seen what is gone");
    let (seen, view) = (reader.view(), writer.view());
    let events = |view: &annals::View| {
        let events = view.read(annals::Query::all()).unwrap();
        events.take(seen.position().get() as usize).map(|event| event.unwrap().to_event()).collect::<Vec<_>>()
    };
    assert_eq!(events(&seen), events(&view));
}

/// Reads everything again and again.
fn follow(reader: &Store, done: &AtomicBool) {
    let mut rounds = 0;
    while !done.load(Ordering::SeqCst) || rounds == 0 {
        let _ = reader.wait_beyond(reader.last_position(), Duration::from_millis(20)).unwrap();
        check_order(&reader.view());
        rounds += 1;
    }
}
