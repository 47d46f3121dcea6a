//! From times to positions, on both clocks.

use crate::common::{Dice, START, World};
use annals::vfs::{Fate, MemoryDisk, Survival, Unsynced};
use annals::{AsOf, Clock, Durability, Expected, NewEvent, Position, Query, Store, Timestamp};
use annals_format::{Manifest, names};

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

/// Events in several segments, with times of either clock as the seed has it: now and then the same, often out of order.
fn filled(seed: u64, events: u64) -> (World, Vec<(Timestamp, Timestamp)>) {
    let world = World::new(seed);
    let (store, mut dice, mut times) = (world.open(), Dice::new(seed), Vec::new());
    let mut now = START;
    for number in 0..events {
        now += i64::try_from(dice.below(3)).unwrap() * 1000;
        world.clock.set(at(now));
        let occurred = at(now - i64::try_from(dice.below(4000)).unwrap() * 100);
        let event = NewEvent::new("t", vec![1; dice.below(60)]).at(occurred);
        let appended = store.append(&format!("s-{}", number % 5), Expected::Any, &[event]).unwrap();
        times.push((appended.recorded_at, occurred));
        if dice.one_in(50) {
            store.maintain().unwrap();
        }
    }
    store.close().unwrap();
    (world, times)
}

#[test]
fn a_time_leads_to_the_last_position_up_to_it_on_either_clock() {
    for seed in 1..=6 {
        let (world, times) = filled(seed, 900);
        let store = world.open();
        let mut dice = Dice::new(seed);
        for round in 0..300 {
            let position = Position::new(1 + dice.number() % times.len() as u64);
            let view = store.view().as_of(AsOf::Position(position)).unwrap();
            let visible = &times[..usize::try_from(position.get()).unwrap()];
            let (recorded, occurred) = visible[dice.below(visible.len())];
            let shift = i64::try_from(dice.below(3)).unwrap() - 1;
            let last = |keep: &dyn Fn(&(Timestamp, Timestamp)) -> bool| {
                visible.iter().rposition(keep).map_or(0, |index| index as u64 + 1)
            };
            let time = at(recorded.as_nanos() + shift);
            let found = view.position_at(Clock::Recorded, time).unwrap();
            assert_eq!(found.get(), last(&|(recorded, _)| *recorded <= time), "seed {seed}, round {round}");
            let time = at(occurred.as_nanos() + shift);
            let found = view.position_at(Clock::Occurred, time).unwrap();
            assert_eq!(found.get(), last(&|(_, occurred)| *occurred <= time), "seed {seed}, round {round}");
        }
        let all = store.view();
        for clock in [Clock::Recorded, Clock::Occurred] {
            assert_eq!(all.position_at(clock, Timestamp::MIN).unwrap(), Position::ZERO);
            assert_eq!(all.position_at(clock, Timestamp::MAX).unwrap(), all.position());
        }
    }
}

#[test]
fn a_read_between_two_times_of_either_clock_gives_what_a_scan_gives() {
    let (world, times) = filled(7, 2000);
    let store = world.open();
    let view = store.view();
    let mut dice = Dice::new(7);
    for round in 0..200 {
        let pick = |dice: &mut Dice| times[dice.below(times.len())];
        let (from, until) = (pick(&mut dice), pick(&mut dice));
        for (clock, of) in [
            (Clock::Recorded, (|times| times.0) as fn(&(Timestamp, Timestamp)) -> Timestamp),
            (Clock::Occurred, |times| times.1),
        ] {
            let (since, until) = (of(&from), of(&until));
            let query = Query::all().since(clock, since).until(clock, until);
            let query = if dice.one_in(2) { query.backwards() } else { query };
            let mut read: Vec<u64> =
                view.read(query).unwrap().map(|event| event.unwrap().position.get()).collect();
            read.sort_unstable();
            let wanted = times.iter().zip(1..).filter(|(times, _)| (since..until).contains(&of(times)));
            assert!(
                read.iter().copied().eq(wanted.map(|(_, position)| position)),
                "{clock:?}, round {round}"
            );
        }
    }
}

/// Several blocks of one segment, in which each event occurred after the one before.
fn check_blocks(store: &Store, events: u64, stride: usize, context: &str) {
    let view = store.view();
    for number in (0..=events).step_by(stride) {
        let time = at(START + 10 * number.cast_signed() + 5);
        assert_eq!(view.position_at(Clock::Occurred, time).unwrap().get(), number, "{context}");
    }
}

#[test]
fn blocks_of_a_footer_lead_to_the_right_position_and_damaged_ones_are_not_believed() {
    let large = |world: &World| world.options().segment_bytes(128 << 10).open("memory").unwrap();
    let world = World::new(8);
    let (store, mut events) = (large(&world), 0);
    while store.stats().unwrap().segments < 2 {
        let batch: Vec<NewEvent<'_>> = (events + 1..=events + 50)
            .map(|number: u64| NewEvent::new("t", vec![1; 30]).at(at(START + 10 * number.cast_signed())))
            .collect();
        store.append("s", Expected::Any, &batch).unwrap();
        events += 50;
    }
    store.maintain().unwrap();
    store.close().unwrap();
    let image = world.disk().image();
    let manifest = Manifest::decode(&image[names::MANIFEST]).unwrap();
    let sealed = &manifest.sealed[0];
    assert!(sealed.count > 3 * 256, "{} events are several blocks", sealed.count);
    check_blocks(&large(&world), events, 1, "sound");
    let footer = usize::try_from(sealed.frames_end).unwrap();
    // The lines of the blocks, and behind these their ranges.
    for offset in (footer..footer + 160).step_by(3) {
        let world = World::on(MemoryDisk::from_image(image.clone()).unwrap(), 9);
        world.flip(&names::segment(sealed.id), offset, 6);
        check_blocks(&large(&world), events, 37, &format!("byte {offset} is damaged"));
    }
}

/// The first event of the empty segment was asked for its time, and there is none.
#[test]
fn a_time_is_found_though_a_crash_has_left_a_segment_without_events() {
    let world = World::new(1);
    let store = world.options().durability(Durability::Os).open("memory").unwrap();
    store.append("a", Expected::Any, &[NewEvent::new("t", vec![1; 30])]).unwrap();
    let crashed = world.disk().crash(Survival::Chosen(&mut |unsynced| match unsynced {
        Unsynced::Write { .. } => Fate::Torn { kept: 64 },
        _ => Fate::Kept,
    }));
    let world = World::on(crashed, 2);
    let store = world.open();
    assert_eq!(store.last_position(), Position::ZERO);
    // More than there is room for in that segment.
    let appended = store.append("a", Expected::Any, &[NewEvent::new("t", vec![1; 20_000])]).unwrap();
    assert_eq!(world.files("log/").len(), 2);
    let view = store.view();
    assert_eq!(view.position_at(Clock::Recorded, appended.recorded_at).unwrap(), Position::FIRST);
    assert_eq!(view.position_at(Clock::Recorded, at(START - 1)).unwrap(), Position::ZERO);
}
