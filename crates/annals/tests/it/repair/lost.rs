//! A store with lost positions is a store like any other.

use super::{Image, env_of, original, place_of, repaired};
use crate::common::{Dice, World, events_of};
use annals::vfs::MemoryDisk;
use annals::{AsOf, Clock, Expected, NewEvent, Position, Query, ReadError, Uuid, Version, verify_in};

/// A repaired store that has lost every fifth event, and some at the end.
fn store_with_losses() -> (Image, Vec<annals::Event>, Vec<u64>) {
    let (image, wanted) = original(90);
    let mut damaged = image.clone();
    for event in wanted.iter().filter(|event| event.position.get() % 5 == 0 || event.position.get() > 87) {
        let (file, from, to) = place_of(&image, event);
        damaged.get_mut(&file).unwrap()[from + 40..to].fill(0xAA);
    }
    let (report, new, lost) = repaired(&damaged, &wanted);
    assert_eq!(lost.len(), 18 + 2);
    assert_eq!(report.last_position.get(), 90);
    (new, wanted, lost)
}

#[test]
fn what_was_lost_stays_lost_when_the_store_is_repaired_again() {
    let (new, wanted, lost) = store_with_losses();
    let (report, again, still) = repaired(&new, &wanted);
    assert_eq!((report.lost.len(), report.lost_before, &still), (0, lost.len() as u64, &lost));
    let mut damaged = again.clone();
    let (file, from, _) = place_of(&again, &wanted[2]);
    damaged.get_mut(&file).unwrap()[from + 1] ^= 1;
    let (report, _, more) = repaired(&damaged, &wanted);
    assert_eq!((report.lost_positions, report.lost_before), (1, lost.len() as u64));
    assert_eq!(more.len(), lost.len() + 1);
}

#[test]
fn lost_positions_are_noted_by_verify_and_are_no_damage() {
    let (new, _, lost) = store_with_losses();
    let disk = MemoryDisk::from_image(new).unwrap();
    let verified = verify_in(&env_of(&disk, 1), &mut |_| {}).unwrap();
    assert_eq!((verified.lost, verified.findings), (lost.len() as u64, vec![]));
    assert!(verified.notes.iter().any(|note| note.contains("lost before a repair")), "{:?}", verified.notes);
}

#[test]
fn as_of_any_moment_lost_events_are_not_there() {
    let (new, wanted, lost) = store_with_losses();
    let store = World::on(MemoryDisk::from_image(new).unwrap(), 1).open();
    let view = store.view();
    let lost = &lost;
    let kept = |end: u64| {
        wanted.iter().filter(move |e| e.position.get() <= end && !lost.contains(&e.position.get()))
    };
    for end in [0, 1, 4, 5, 6, 44, 45, 89, 90] {
        let then = view.as_of(AsOf::Position(Position::new(end))).unwrap();
        assert!(then.read(Query::all()).unwrap().map(|e| e.unwrap().to_event()).eq(kept(end).cloned()));
        let counted: u64 = then.streams("").map(|info| info.unwrap().events).sum();
        assert_eq!(counted, kept(end).count() as u64);
        if end > 0 {
            let time = wanted[end as usize - 1].recorded_at;
            let recorded = view.as_of(AsOf::Recorded(time)).unwrap();
            assert!(recorded.position().get() >= end);
            let occurred = view.as_of(AsOf::Occurred(time)).unwrap();
            let expected = kept(90).filter(|event| event.occurred_at <= time);
            assert!(
                occurred.read(Query::all()).unwrap().map(|e| e.unwrap().to_event()).eq(expected.cloned())
            );
            let counted: u64 = occurred.streams("").map(|info| info.unwrap().events).sum();
            assert_eq!(counted, kept(90).filter(|event| event.occurred_at <= time).count() as u64);
            let since = view.read(Query::all().since(Clock::Recorded, time)).unwrap();
            assert!(since.map(Result::unwrap).all(|event| event.recorded_at >= time));
        }
    }
    let stats = store.stats().unwrap();
    assert_eq!(stats.last_recorded, kept(90).next_back().map(|event| event.recorded_at));
    assert_eq!(stats.last_occurred, kept(90).map(|event| event.occurred_at).max());
}

#[test]
fn an_id_that_the_store_made_says_that_its_event_is_lost_and_one_of_another_store_does_not() {
    let (new, wanted, lost) = store_with_losses();
    let store = World::on(MemoryDisk::from_image(new).unwrap(), 1).open();
    let view = store.view();
    for position in lost {
        let event = &wanted[position as usize - 1];
        match view.event(event.id) {
            Err(ReadError::Lost { position: at }) => {
                assert!(at.get() == position && event.id.get_version_num() == 7);
            }
            found => assert!(matches!(found, Ok(None)) && event.id.get_version_num() != 7, "{found:?}"),
        }
        if event.id.get_version_num() == 7 {
            let other = Uuid::from_u128(event.id.as_u128() ^ 1);
            assert!(view.event(other).unwrap().is_none());
        }
    }
}

#[test]
fn an_event_whose_id_was_lost_can_be_appended_again() {
    let (new, wanted, lost) = store_with_losses();
    let store = World::on(MemoryDisk::from_image(new).unwrap(), 1).open();
    for position in lost {
        let event = &wanted[position as usize - 1];
        let again = NewEvent::new(event.event_type.as_str(), event.data().unwrap()).with_id(event.id);
        let appended = store.append(&event.stream, Expected::Any, &[again]).unwrap();
        assert!(!appended.already_applied && appended.first_position.get() > 90);
    }
    let events = events_of(&store).len() as u64;
    assert_eq!(events, store.stats().unwrap().events);
}

#[test]
fn a_run_that_is_deleted_is_made_again_with_its_lost_positions() {
    let (mut new, wanted, lost) = store_with_losses();
    new.retain(|name, _| !name.starts_with("index/"));
    let world = World::on(MemoryDisk::from_image(new).unwrap(), 1);
    let store = world.open();
    store.maintain().unwrap();
    assert_eq!(store.stats().unwrap().lost, lost.len() as u64);
    super::check_reads(&store, &wanted, &lost);
    store.close().unwrap();
    assert!(crate::common::verified(&world.disk()).is_empty());
}

/// Filters, limits, directions, ranges and moments, put together by chance, against what is kept of the events.
#[test]
fn whatever_is_asked_lost_events_neither_show_nor_count() {
    let (new, wanted, lost) = store_with_losses();
    let store = World::on(MemoryDisk::from_image(new).unwrap(), 1).open();
    let mut dice = Dice::new(5);
    for _ in 0..3000 {
        let end = dice.below(92) as u64;
        let view = store.view().as_of(AsOf::Position(Position::new(end))).unwrap();
        let kept = wanted.iter().filter(|e| e.position.get() <= end && !lost.contains(&e.position.get()));
        let mut kept: Vec<&annals::Event> = kept.collect();
        let mut query = Query::all();
        if dice.one_in(2) {
            let stream = format!("s-{}", dice.below(7));
            let (from, to) = (dice.below(12) as u64, dice.below(20) as u64);
            let (from, to) = (Version::new(from), Version::new(to));
            query = Query::stream(&stream).from_version(from).to_version(to);
            kept.retain(|e| e.stream == stream && (from..=to).contains(&e.version));
        }
        if dice.one_in(3) {
            let event_type = format!("type-{}", dice.below(4));
            query = query.of_type(&event_type);
            kept.retain(|e| e.event_type == event_type);
        }
        if dice.one_in(3) {
            let from = Position::new(dice.below(92) as u64);
            query = query.from_position(from);
            kept.retain(|e| e.position >= from);
        }
        if dice.one_in(2) {
            query = query.backwards();
            kept.reverse();
        }
        if dice.one_in(2) {
            let limit = dice.below(6);
            query = query.limit(limit as u64);
            kept.truncate(limit);
        }
        let read = view.read(query.clone()).unwrap().map(|event| event.unwrap().to_event());
        assert!(read.eq(kept.into_iter().cloned()), "{query:?} as of {end}");
    }
}
