//! Writers that are killed while their store is compacted beside them, at any moment.

use crate::child::{Role, findings, say, small};
use crate::kills::kills;
use crate::witness::{Moments, Witness, batch, batches};
use annals::{
    CompactionOptions, Expected, NewEvent, Options, Position, Query, ReadError, RetentionRule,
    RetentionScope, Share, Store,
};
use std::path::Path;
use std::time::Duration;

/// Streams of which only the newest events stay.
const FLEETING: u64 = 5;
const KEPT: u64 = 2;

fn eagerly() -> Options {
    let always = Share::of_1000(1000).unwrap();
    let options =
        CompactionOptions::new().every(Duration::from_millis(1)).bytes_per_second(None).busy(always);
    small().compaction(options)
}

fn fleeting(number: u64) -> String {
    format!("fleeting-{}", number % FLEETING)
}

/// The role of a writer: as in `kills`, with events between that go, and a guard that stands behind them.
pub(crate) fn write(path: &Path, threads: u64) {
    for round in 0.. {
        let store = eagerly().open(path).unwrap();
        store
            .retention()
            .set(&RetentionScope::category("fleeting"), &RetentionRule::new().max_count(KEPT))
            .unwrap();
        if store.guards().list().unwrap().is_empty() {
            store.guards().set("g", Position::ZERO).unwrap();
        }
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let store = &store;
                scope.spawn(move || {
                    let from = batches(&store.view(), thread);
                    for number in from..from + 40 + round % 3 * 40 {
                        let event = NewEvent::new("f", vec![7; 400]);
                        store.append(&fleeting(number), Expected::Any, &[event]).unwrap();
                        store.append_batch(batch(thread, number)).unwrap();
                        say(&format!("ACK {thread} {number}"));
                        if number % 16 == 0 {
                            let position = store.last_position().get().saturating_sub(100);
                            store.guards().advance("g", Position::new(position)).unwrap();
                        }
                    }
                });
            }
        });
        if round % 2 == 0 {
            store.close().unwrap();
        }
    }
}

/// How many events are gone; nothing of what a guard keeps.
fn check(store: &Store, witness: &Witness) -> u64 {
    witness.check_among_others(store);
    let view = store.view();
    for number in 0..FLEETING {
        let stream = view.stream(&fleeting(number)).unwrap();
        let shown = view.count(Query::stream(fleeting(number))).unwrap();
        assert_eq!(shown, stream.map_or(0, |stream| stream.last_version.get().min(KEPT)));
    }
    if let Some(guard) = store.guards().list().unwrap().first() {
        for position in guard.position.get() + 1..=view.position().get() {
            let found = view.event_at(Position::new(position));
            assert!(!matches!(found, Err(ReadError::Removed { .. })), "{position} went above {guard:?}");
        }
    }
    let gone: u64 = store.ledger().unwrap().iter().map(annals::LedgerEntry::events).sum();
    assert_eq!(gone + store.stats().unwrap().events, view.position().get());
    gone
}

#[test]
fn a_writer_that_is_killed_while_its_store_is_compacted_keeps_all_that_it_said() {
    let mut moments = Moments::of_test("compacted");
    let (mut left, mut gone) = (kills(), 0);
    while left > 0 {
        let place = crate::child::in_memory();
        let path = place.path().join("store");
        let mut witness = Witness::default();
        for _ in 0..left.min(5) {
            let mut writer = Role::new("write compacted", &path).extra(3).start();
            for _ in 0..1 + moments.below(400) {
                witness.hear(&writer.said());
            }
            std::thread::sleep(Duration::from_micros(moments.below(900)));
            writer.kill();
            let (said, _) = writer.rest();
            said.iter().for_each(|line| witness.hear(line));
            if moments.below(2) == 0 {
                check(&small().read_only(true).open(&path).unwrap(), &witness);
            }
            left -= 1;
        }
        let store = small().open(&path).unwrap();
        check(&store, &witness);
        store.compaction().all(true).bytes_per_second(None).run().unwrap();
        gone += check(&store, &witness);
        store.close().unwrap();
        assert_eq!(findings(&path), Vec::<String>::new());
    }
    assert!(gone > 0, "nothing was removed");
}
