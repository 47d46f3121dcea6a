//! Runs merged in levels: the same answers from fewer files, whatever happens on the way.

use crate::common::{Dice, World, events_of};
use crate::workload::check_reads;
use annals::vfs::{Fate, Fault, FaultyDisk, MemoryDisk, Survival, Unsynced, When};
use annals::{AsOf, Clock, Event, NewEvent, Query, Store, Timestamp, Uuid, Version};
use std::sync::Arc;

/// So many events fill about twenty segments.
const EVENTS: u64 = 300;
const STREAMS: u64 = 4;

fn event(number: u64) -> NewEvent<'static> {
    let event_type = ["opened", "paid", "closed"][usize::try_from(number % 3).unwrap()];
    NewEvent::new(event_type, vec![number as u8; 900])
        .with_id(Uuid::from_u128(u128::from(number) << 64 | 7))
        .with_tag(format!("customer:{}", number % 17))
        .with_tag(if number.is_multiple_of(2) { "even" } else { "odd" })
}

fn fill(store: &Store, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let stream = format!("s-{}", Dice::new(number).number() % STREAMS);
        store.append(&stream, annals::Expected::Any, &[event(number)]).unwrap();
        store.maintain().unwrap();
    }
}

/// A store of about twenty segments, whose runs were merged on the way.
fn merged(seed: u64) -> (World, Vec<Event>) {
    let world = World::new(seed);
    let store = world.open();
    fill(&store, 0..EVENTS);
    let events = events_of(&store);
    store.close().unwrap();
    (world, events)
}

/// Every way to find events gives those that a scan of the log gives.
fn check(store: &Store, events: &[Event], context: &str) {
    assert_eq!(events_of(store), events, "{context}");
    check_reads(store, events, context);
    let view = store.view();
    let read = |query: Query| -> Vec<u64> {
        view.read(query).unwrap().map(|event| event.unwrap().position.get()).collect()
    };
    let wanted = |keep: &dyn Fn(&Event) -> bool| -> Vec<u64> {
        events.iter().filter(|event| keep(event)).map(|event| event.position.get()).collect()
    };
    for customer in 0..18 {
        let tag = format!("customer:{customer}");
        let found = read(Query::all().tagged(tag.as_str()));
        assert_eq!(found, wanted(&|event| event.tags.contains(&tag)), "{context}: {tag}");
        let both = read(Query::all().tagged(tag.as_str()).tagged("even").of_type("paid"));
        let keep = |event: &Event| {
            event.tags.contains(&tag) && event.tags.contains(&"even".to_owned()) && event.event_type == "paid"
        };
        assert_eq!(both, wanted(&keep), "{context}: {tag} and even");
    }
    let mut streams: Vec<(String, u64, Version)> = Vec::new();
    for stream in view.streams("") {
        let stream = stream.unwrap();
        streams.push((stream.stream, stream.events, stream.last_version));
    }
    for (name, count, last) in &streams {
        let own: Vec<&Event> = events.iter().filter(|event| event.stream == *name).collect();
        assert_eq!((*count, *last), (own.len() as u64, own.last().unwrap().version), "{context}: {name}");
    }
    assert_eq!(streams.len() as u64, store.stats().unwrap().streams, "{context}");
}

#[test]
fn a_lookup_asks_few_files_however_many_segments_there_are() {
    let (world, events) = merged(1);
    let segments = world.files("log/").len();
    let runs = world.files("index/").len();
    assert!(segments >= 16 && runs <= 7, "{segments} segments, {runs} runs");
    let store = world.open();
    check(&store, &events, "opened again");
    assert_eq!(store.stats().unwrap().runs, runs as u64);
}

/// A store with as many runs as appends leave alone.
fn unsettled(seed: u64) -> (World, Vec<Event>) {
    let world = World::new(seed);
    let store = world.open();
    let mut number = 0;
    while store.stats().unwrap().runs < 3 {
        fill(&store, number..number + 1);
        number += 1;
    }
    let events = events_of(&store);
    store.close().unwrap();
    (world, events)
}

#[test]
fn a_store_at_rest_has_fewer_runs_still() {
    let (world, events) = unsettled(12);
    let store = world.open();
    store.settle().unwrap();
    let after = store.stats().unwrap().runs;
    assert!(after < 3, "{after}");
    check(&store, &events, "settled");
    store.settle().unwrap();
    assert_eq!(store.stats().unwrap().runs, after, "there is nothing left to do");
}

#[test]
fn the_worker_merges_on_when_nobody_appends() {
    let (world, events) = unsettled(13);
    let store = world.options().background(true).open("memory").unwrap();
    let waited = std::time::Instant::now();
    while store.stats().unwrap().runs >= 3 {
        assert!(waited.elapsed().as_secs() < 60, "it never does");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    check(&store, &events, "at rest");
}

#[test]
fn deleting_the_index_changes_no_answer_and_it_is_merged_again() {
    let (world, events) = merged(2);
    let mut image = world.disk().image();
    image.retain(|path, _| !path.starts_with("index/"));
    let world = World::on(MemoryDisk::from_image(image).unwrap(), 3);
    let store = world.open();
    check(&store, &events, "without runs");
    store.maintain().unwrap();
    check(&store, &events, "made again");
    assert!((1..=7).contains(&world.files("index/").len()));
    store.close().unwrap();
    assert_eq!(crate::common::verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn a_damaged_run_of_many_segments_changes_no_answer_and_is_written_again_piece_by_piece() {
    let (world, events) = merged(4);
    let image = world.disk().image();
    let largest = |path: &&String| image[*path].len();
    let run = image.keys().filter(|path| path.starts_with("index/")).max_by_key(largest).unwrap().clone();
    for offset in (0..image[&run].len()).step_by(997) {
        let context = format!("byte {offset}");
        let world = World::on(MemoryDisk::from_image(image.clone()).unwrap(), 5);
        world.flip(&run, offset, 6);
        let store = world.open();
        check(&store, &events, &context);
        let damaged = store.stats().unwrap().runs_missing > 0;
        // The pieces take the place of the damaged run, and the events that come are found in them.
        fill(&store, EVENTS..EVENTS + 3);
        store.maintain().unwrap();
        assert_eq!(store.stats().unwrap().runs_missing, 0, "{context}");
        let all = events_of(&store);
        assert_eq!(all[..events.len()], events, "{context}");
        check(&store, &all, &context);
        store.close().unwrap();
        assert_eq!(world.disk().image().contains_key(&run), !damaged, "{context}");
    }
}

#[test]
fn a_run_of_another_store_or_of_an_earlier_time_is_not_believed() {
    let (world, events) = merged(6);
    let (other, _) = merged(7);
    let own = world.files("index/");
    for foreign in other.files("index/") {
        let bytes = other.disk().image().remove(&foreign).unwrap();
        world.disk().set_content(&own[0], bytes).unwrap();
        check(&world.open(), &events, "a run of another store");
    }
    let (first, last) = (own[0].clone(), own.last().unwrap().clone());
    let bytes = world.disk().image().remove(&last).unwrap();
    world.disk().set_content(&first, bytes).unwrap();
    check(&world.open(), &events, "one run in the place of another");
}

#[test]
fn a_view_reads_on_from_runs_that_are_merged_and_removed_meanwhile() {
    let world = World::new(8);
    let store = world.open();
    fill(&store, 0..40);
    let events = events_of(&store);
    let view = store.view();
    let before = world.files("index/");
    fill(&store, 40..EVENTS);
    assert!(before.iter().any(|run| !world.files("index/").contains(run)), "some of the runs were merged");
    for stream in 0..STREAMS {
        let name = format!("s-{stream}");
        let read: Vec<Event> =
            view.read(Query::stream(name.as_str())).unwrap().map(|event| event.unwrap().to_event()).collect();
        assert!(read.iter().eq(events.iter().filter(|event| event.stream == name)));
    }
}

/// A crash at any call of a merge leaves what was there before or what is there after it, and in either case every event
/// can be found.
#[test]
fn a_crash_anywhere_in_a_merge_changes_no_answer() {
    let world = World::new(9);
    let store = world.open();
    for number in 0..70 {
        let stream = format!("s-{}", Dice::new(number).number() % STREAMS);
        store.append(&stream, annals::Expected::Any, &[event(number)]).unwrap();
    }
    let events = events_of(&store);
    store.close().unwrap();
    let image = world.disk().image();
    let mut crashes = 0;
    for fault_at in 1.. {
        let world = World::on(MemoryDisk::from_image(image.clone()).unwrap(), 10);
        let disk = FaultyDisk::new(Arc::new(world.disk()));
        let store = world.options_over(Arc::new(disk.clone())).open("memory").unwrap();
        disk.arm(When::nth_of_all(fault_at).from_then_on(), Fault::Os(5));
        let done = store.maintain();
        if done.is_ok() && !disk.fired() {
            break;
        }
        std::mem::forget(store);
        for (survival, keep) in [("kept", true), ("lost", false)] {
            let mut dice = Dice::new(fault_at);
            let mut fate = |_: &Unsynced<'_>| if keep || dice.one_in(3) { Fate::Kept } else { Fate::Lost };
            let world = World::on(world.disk().crash(Survival::Chosen(&mut fate)), 11);
            let store = world.open();
            check(&store, &events, &format!("call {fault_at}, {survival}"));
            store.maintain().unwrap();
            check(&store, &events, &format!("call {fault_at}, {survival}, merged"));
            crashes += 1;
        }
    }
    assert!(crashes > 20, "{crashes}");
}

/// A reader opened runs when it was first asked. By then a writer may have merged and removed them, and the reader, which
/// looks at the manifest again only when there are new events, made the index of every segment again for each lookup.
#[test]
fn a_reader_finds_events_by_runs_that_were_merged_and_removed_before_it_was_asked() {
    let world = World::new(12);
    let store = world.open();
    for number in 0..EVENTS {
        let stream = format!("s-{}", Dice::new(number).number() % STREAMS);
        store.append(&stream, annals::Expected::Any, &[event(number)]).unwrap();
    }
    store.mark_durable().unwrap();
    let events = events_of(&store);
    let before = world.files("index/");
    let reader = world.options().read_only(true).open("memory").unwrap();
    store.maintain().unwrap();
    assert!(before.iter().filter(|run| !world.files("index/").contains(run)).count() >= 4);
    assert_eq!(reader.last_position(), store.last_position());
    check(&reader, &events, "of the reader");
    assert_eq!(reader.stats().unwrap().runs_missing, 0);
}

/// Times are known of each segment. Of a run that is about many, all candidates were looked at if one of its segments had
/// events of the range.
#[test]
fn a_range_of_times_reads_nothing_of_segments_before_and_behind_it_although_one_run_is_about_all() {
    let at = |number: u64| Timestamp::from_nanos(i64::try_from(number).unwrap());
    let world = World::new(13);
    let store = world.open();
    for number in 0..EVENTS {
        store.append("s", annals::Expected::Any, &[event(number).at(at(number))]).unwrap();
        store.maintain().unwrap();
    }
    store.close().unwrap();
    for segment in [1, 4] {
        let path = world.files("log/")[segment].clone();
        (100..15_000).step_by(100).for_each(|offset| world.flip(&path, offset, 1));
    }
    let store = world.open();
    let runs = store.stats().unwrap().runs;
    assert!(runs < 8, "{runs}");
    let view = store.view();
    let query = Query::all().tagged("even").since(Clock::Occurred, at(2 * EVENTS / 3));
    let newest: Vec<u64> = view.read(query).unwrap().map(|event| event.unwrap().position.get()).collect();
    assert_eq!(newest, (201..=EVENTS).filter(|position| position % 2 == 1).collect::<Vec<_>>());
    let query = Query::all().tagged("even").until(Clock::Occurred, at(10)).backwards();
    assert_eq!(view.read(query).unwrap().filter_map(Result::ok).count(), 5);
    assert!(view.read(Query::all().tagged("even")).unwrap().any(|event| event.is_err()));
    let early = view.as_of(AsOf::Occurred(at(10))).unwrap();
    assert_eq!(early.read(Query::all().tagged("even")).unwrap().filter_map(Result::ok).count(), 6);
}
