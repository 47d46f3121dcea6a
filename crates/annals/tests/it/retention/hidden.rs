//! What hides, from when on, and what does not.

use super::{age, fill, pass, version, versions};
use crate::common::{Dice, START, World};
use annals::vfs::Disk;
use annals::{
    AsOf, Batch, Clock, Expected, NewEvent, Position, Query, RetentionRule, RetentionScope, Timestamp,
};

#[test]
fn the_age_on_the_recorded_clock_lets_the_beginning_go_second_by_second() {
    let world = World::new(11);
    let store = world.open();
    for _ in 0..5 {
        fill(&store, "s", 1);
        pass(&world, 10);
    }
    let rule = RetentionRule::new().max_age(age(30, Clock::Recorded));
    store.retention().set(&RetentionScope::Store, &rule).unwrap();
    // Recorded at 0, 10, 20, 30 and 40; it is 50 now.
    let view = store.view();
    assert_eq!((versions(&view, Query::stream("s")), view.floor("s").unwrap()), (vec![4, 5], version(4)));
    pass(&world, 10);
    assert_eq!(versions(&view, Query::stream("s")), [4, 5], "a view stays as it is");
    assert_eq!(versions(&store.view(), Query::stream("s")), [5], "and a new one is as of its making");
    pass(&world, 1000);
    let view = store.view();
    let info = view.stream("s").unwrap().unwrap();
    assert_eq!((info.events, info.last_version, view.floor("s").unwrap()), (0, version(5), version(6)));
    // It exists: nobody has deleted it.
    assert!(store.append("s", Expected::NoStream, &[NewEvent::json("t", "1")]).is_err());
    store.append("s", Expected::Exact(version(5)), &[NewEvent::json("t", "1")]).unwrap();
    assert_eq!(versions(&store.view(), Query::stream("s")), [6]);
    // A clock that steps back hides nothing more, and what was hidden shows as long as it is not gone.
    world.clock.set(Timestamp::from_nanos(START));
    assert_eq!(versions(&store.view(), Query::stream("s")), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn the_age_on_the_occurred_clock_takes_events_from_the_middle() {
    let world = World::new(12);
    let store = world.open();
    let at = |seconds: i64| Timestamp::from_nanos(START + seconds * 1_000_000_000);
    let events = [0, -60, 0, -61, 10].map(|seconds| NewEvent::json("t", "1").at(at(seconds)));
    store.append("s", Expected::Any, &events).unwrap();
    let rule = RetentionRule::new().max_age(age(60, Clock::Occurred));
    store.retention().set(&RetentionScope::stream("s"), &rule).unwrap();
    let view = store.view();
    assert_eq!(versions(&view, Query::stream("s")), [1, 3, 5]);
    assert_eq!(versions(&view, Query::stream("s").from_version(version(2))), [3, 5]);
    assert_eq!((view.floor("s").unwrap(), view.stream("s").unwrap().unwrap().events), (version(1), 3));
}

#[test]
fn what_is_hidden_is_hidden_from_the_past_as_well() {
    let world = World::new(13);
    let store = world.open();
    fill(&store, "s", 6);
    let before = store.view();
    let rule = RetentionRule::new().max_count(2);
    store.retention().set(&RetentionScope::stream("s"), &rule).unwrap();
    let past = store.view().as_of(AsOf::Position(Position::new(5))).unwrap();
    assert_eq!(versions(&past, Query::stream("s")), [5], "the two newest are those of now");
    let past = past.as_of(AsOf::Position(Position::new(3))).unwrap();
    assert_eq!((versions(&past, Query::stream("s")), past.stream("s").unwrap()), (vec![], None));
    assert_eq!(
        versions(&before, Query::stream("s")),
        [1, 2, 3, 4, 5, 6],
        "but not from who was there before"
    );
    store.retention().set(&RetentionScope::stream("s"), &RetentionRule::new()).unwrap();
    assert_eq!(versions(&store.view(), Query::stream("s")).len(), 6, "a limit can be taken back");
}

#[test]
fn streams_of_the_store_itself_are_kept_whatever_the_rules_of_all_streams() {
    let world = World::new(14);
    let store = world.open();
    store.register_schema(&annals::Registration::new("t", 1)).unwrap();
    let rule = RetentionRule::new().max_age(age(1, Clock::Recorded)).max_count(1);
    store.retention().set(&RetentionScope::Store, &rule).unwrap();
    store.retention().set(&RetentionScope::category("x"), &rule).unwrap();
    pass(&world, 100);
    let view = store.view();
    assert_eq!(view.read(Query::all()).unwrap().count(), 3);
    assert_eq!(versions(&view, Query::stream("$annals.retention")), [1, 2]);
    assert_eq!(view.schemas().unwrap().len(), 1);
}

#[test]
fn a_name_of_another_stream_in_an_event_of_a_rule_hides_nothing_of_it() {
    let world = World::new(15);
    let store = world.open();
    for stream in ["s", "S", "s ", "s\u{0}", "s-1"] {
        fill(&store, stream, 2);
    }
    store.retention().delete("s", Expected::Any).unwrap();
    for stream in ["S", "s ", "s\u{0}", "s-1"] {
        assert_eq!(versions(&store.view(), Query::stream(stream)), [1, 2], "{stream:?}");
    }
    assert!(versions(&store.view(), Query::stream("s")).is_empty());
}

#[test]
fn readers_beside_who_sets_rules_see_the_end_of_a_stream_whole_from_one_floor_on() {
    let world = World::new(19);
    let store = world.open();
    for stream in ["s-0", "s-1", "s-2"] {
        fill(&store, stream, 20);
    }
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let retention = store.retention();
            for round in 0..150_u64 {
                let stream = format!("s-{}", round % 3);
                match round % 5 {
                    0 => drop(retention.truncate(&stream, version(10 + round / 10))),
                    1 => drop(retention.delete(&stream, Expected::Any)),
                    2 => drop(fill(&store, &stream, 3)),
                    3 => drop(retention.set(
                        &RetentionScope::stream(&*stream),
                        &RetentionRule::new().max_count(1 + round % 7),
                    )),
                    _ => drop(
                        retention.set(&RetentionScope::category("s"), &RetentionRule::new().max_count(round)),
                    ),
                }
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let mut views = 0;
                while !done.load(std::sync::atomic::Ordering::SeqCst) || views == 0 {
                    // Not read at once: the rules of a view are those of its making all the same.
                    let (earlier, view) = (store.view(), store.view());
                    for view in [view, earlier] {
                        for stream in ["s-0", "s-1", "s-2"] {
                            let floor = view.floor(stream).unwrap().get();
                            let read = versions(&view, Query::stream(stream));
                            let last = read.last().copied().unwrap_or(floor - 1);
                            assert_eq!(read, (floor..=last).collect::<Vec<_>>(), "{stream}");
                            assert_eq!(view.count(Query::all().prefix(stream)).unwrap(), read.len() as u64);
                        }
                    }
                    views += 1;
                }
            });
        }
    });
}

/// A store of several segments, in the first of which a stream is deleted if that is wanted.
fn sealed(seed: u64, deletes: bool) -> World {
    let world = World::new(seed);
    let store = world.open();
    fill(&store, "s-secret", 2);
    if deletes {
        store.retention().delete("s-secret", Expected::Any).unwrap();
    }
    for _ in 0..40 {
        store.append("other", Expected::Any, &[NewEvent::new("t", vec![1; 2000])]).unwrap();
    }
    store.maintain().unwrap();
    store.close().unwrap();
    world
}

#[test]
fn where_the_rules_cannot_be_read_nothing_is_shown_that_they_may_hide() {
    for without_index in [false, true] {
        let world = sealed(16, true);
        let file = world.files("log/").remove(0);
        let bytes = world.disk().image().remove(&file).unwrap();
        let word = br#""stream":"s-secret""#;
        let at = bytes.windows(word.len()).position(|window| window == word).unwrap();
        world.flip(&file, at + 12, 1);
        if without_index {
            world.files("index/").iter().for_each(|run| world.disk().remove(run).unwrap());
        }
        let store = world.open();
        let view = store.view();
        let refused = [
            view.read(Query::all()).map(drop),
            view.read(Query::stream("other")).map(drop),
            view.count(Query::all()).map(drop),
            view.event_at(Position::FIRST).map(drop),
            view.stream("s-secret").map(drop),
            view.streams("").next().unwrap().map(drop),
        ];
        for refused in refused {
            assert!(refused.unwrap_err().is_corruption(), "without index: {without_index}");
        }
    }
}

#[test]
fn where_there_are_no_rules_nobody_looks_for_them_in_what_is_damaged() {
    let world = sealed(17, false);
    let file = world.files("log/").remove(0);
    let middle = world.disk().image()[&file].len() / 2;
    world.flip(&file, middle, 1);
    world.files("index/").iter().for_each(|run| world.disk().remove(run).unwrap());
    let store = world.options().read_only(true).open("memory").unwrap();
    let view = store.view();
    assert_eq!(view.event_at(Position::FIRST).unwrap().unwrap().stream, "s-secret");
    assert_eq!(view.read(Query::all().backwards()).unwrap().next().unwrap().unwrap().version, version(40));
}

#[test]
fn very_many_streams_in_any_order_are_told_apart() {
    let world = World::new(18);
    let store = world.open();
    let mut dice = Dice::new(18);
    let mut order = Vec::new();
    for _ in 0..12 {
        let mut batch = Batch::new();
        for _ in 0..500 {
            let stream = dice.below(1500);
            order.push(stream);
            // Long names, too, which do not stand beside what is known of them.
            let padding =
                if stream.is_multiple_of(7) { "-of-a-name-of-some-length-that-goes-on-and-on" } else { "" };
            batch.push(&format!("n{padding}-{stream}"), &NewEvent::new("t", vec![0; 4])).unwrap();
        }
        store.append_batch(batch).unwrap();
    }
    let rule = RetentionRule::new().max_count(2);
    store.retention().set(&RetentionScope::Store, &rule).unwrap();
    store.retention().delete("n-1", Expected::Any).unwrap();
    let read = store.view();
    let read = read.read(Query::all().to_position(Position::new(6000))).unwrap();
    let read: Vec<u64> = read.map(|event| event.unwrap().position.get()).collect();
    let mut newer = std::collections::HashMap::new();
    let mut wanted: Vec<u64> = (1..=6000_u64)
        .rev()
        .filter(|position| {
            let stream = order[usize::try_from(*position).unwrap() - 1];
            let newer = newer.entry(stream).or_insert(0);
            *newer += 1;
            *newer <= 2 && stream != 1
        })
        .collect();
    wanted.reverse();
    assert_eq!(read, wanted);
    assert!(wanted.len() > 2000, "most streams have some left");
}
