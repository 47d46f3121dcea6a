//! States and their snapshots after crashes, failing calls and damage: a bad snapshot costs replay, never a wrong state.

use crate::common::{START, World};
use crate::said::Said;
use annals::vfs::{Fate, Fault, FaultyDisk, MemoryDisk, Survival, Unsynced, When};
use annals::{
    Aggregates, Durability, Expected, Fact, NewEvent, SnapshotOutcome, SnapshotPolicy, Store, Timestamp,
    Version, inspect_in,
};
use std::io::ErrorKind;
use std::sync::Arc;

const STREAMS: [&str; 2] = ["talk-1", "talk-2"];

fn saving(store: &Store, every: u64) -> Aggregates<Said> {
    store.aggregates().with_snapshots("said/1", SnapshotPolicy::every(every))
}

fn say(store: &Store, stream: &str, number: u64) -> bool {
    store.append(stream, Expected::Any, &[NewEvent::json("Said", number.to_string())]).is_ok()
}

/// Says numbers, and loads states, which saves them. Errors are met and passed over.
fn talk(store: &Store, numbers: std::ops::Range<u64>) {
    let said = saving(store, 3);
    for number in numbers {
        let stream = STREAMS[usize::from(number % 3 == 0)];
        say(store, stream, number);
        let _ = said.load(stream);
        if number % 8 == 7 {
            let _ = store.sync();
            let _ = store.maintain();
        }
    }
}

/// At every version the state with snapshots is the one without.
fn check(store: &Store, context: &str) {
    let (plain, saving) = (store.aggregates::<Said>(), saving(store, u64::MAX));
    for stream in STREAMS {
        let last = plain.load(stream).unwrap().version().get();
        for version in (0..=last).map(Version::new) {
            let expected = plain.load_at_version(stream, version).unwrap();
            let loaded = saving.load_at_version(stream, version).unwrap();
            assert_eq!(loaded.state(), expected.state(), "{context}: {stream} at version {version}");
        }
    }
}

/// What becomes of each write, decided by a number.
fn fates(seed: u64) -> impl FnMut(&Unsynced<'_>) -> Fate {
    let mut state = seed;
    move |operation| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = if let Unsynced::Write { bytes, .. } = operation { bytes.len() as u64 } else { 0 };
        match (state >> 33) % 6 {
            0 | 1 => Fate::Kept,
            2 => Fate::Lost,
            3 => Fate::Torn { kept: usize::try_from((state >> 40) % (length + 1)).unwrap() },
            4 => Fate::Zeros,
            _ => Fate::Garbage,
        }
    }
}

#[test]
fn after_a_crash_at_any_call_states_are_those_of_the_events() {
    let total = {
        let world = World::new(31);
        let disk = Arc::new(FaultyDisk::new(Arc::new(world.disk())));
        let store = world.options_over(disk.clone()).durability(Durability::Os).open("memory").unwrap();
        talk(&store, 0..24);
        disk.total_calls()
    };
    for nth in (1..=total).step_by(2) {
        let world = World::new(31);
        let disk = Arc::new(FaultyDisk::new(Arc::new(world.disk())));
        let options = world.options_over(disk.clone()).durability(Durability::Os);
        disk.arm(When::nth_of_all(nth).from_then_on(), Fault::Error(ErrorKind::Other));
        if let Ok(store) = options.open("memory") {
            talk(&store, 0..24);
        }
        let context = format!("crash at call {nth}");
        let after = World::on(world.disk().crash(Survival::Chosen(&mut fates(nth))), 32);
        // What was lost is said in other words, under the same versions.
        if let Ok(store) = after.try_open() {
            check(&store, &context);
            talk(&store, 100..112);
            check(&store, &context);
        }
    }
}

#[test]
fn a_call_that_fails_once_gives_no_wrong_state_and_keeps_no_command_from_succeeding() {
    for nth in (1..400).step_by(3) {
        let world = World::new(33);
        let disk = Arc::new(FaultyDisk::new(Arc::new(world.disk())));
        let store = world.options_over(disk.clone()).open("memory").unwrap();
        disk.arm(When::nth_of_all(nth), Fault::Error(ErrorKind::Other));
        talk(&store, 0..12);
        disk.disarm();
        check(&store, &format!("call {nth} failed"));
        drop(store);
        check(&world.open(), &format!("call {nth} failed, opened again"));
    }
}

/// The clock stands: what comes in the place of lost events even has their ids.
#[test]
fn a_snapshot_of_events_that_were_lost_is_not_there() {
    let world = World::new(34);
    let store = world.options().durability(Durability::Os).open("memory").unwrap();
    (0..10).for_each(|number| assert!(say(&store, STREAMS[0], number)));
    let loaded = saving(&store, 10).load(STREAMS[0]).unwrap();
    assert!(matches!(loaded.snapshot_outcome(), SnapshotOutcome::Saved));
    store.maintain().unwrap();
    // Power fails, and takes the end of the log and nothing else.
    let mut fate = |operation: &Unsynced<'_>| match operation {
        Unsynced::Write { path, .. } if path.starts_with("log") => Fate::Lost,
        _ => Fate::Kept,
    };
    let after = World::on(world.disk().crash(Survival::Chosen(&mut fate)), 35);
    drop(store);
    let store = after.open();
    assert_eq!(store.last_position().get(), 0);
    (100..112).for_each(|number| assert!(say(&store, STREAMS[0], number)));
    let loaded = saving(&store, u64::MAX).load(STREAMS[0]).unwrap();
    assert_eq!(loaded.state().0, (100..112).collect::<Vec<_>>());
    assert_eq!((loaded.snapshot(), loaded.ignored_snapshots()), (None, &[][..]));
}

#[test]
fn a_snapshot_waits_for_its_events_to_be_durable() {
    let world = World::new(38);
    let store = world.options().durability(Durability::Os).open("memory").unwrap();
    (0..10).for_each(|number| assert!(say(&store, STREAMS[0], number)));
    saving(&store, 10).load(STREAMS[0]).unwrap();
    assert_eq!(store.snapshots("").unwrap().count(), 0);
    // Whoever sees the events may use it meanwhile.
    let loaded = saving(&store, 10).load(STREAMS[0]).unwrap();
    assert_eq!((loaded.snapshot(), loaded.events_read()), (Some(Version::new(10)), 0));
    let earlier = saving(&store, 10).load_at_version(STREAMS[0], Version::new(9)).unwrap();
    assert_eq!((earlier.snapshot(), earlier.state().0.len()), (None, 9));
    store.sync().unwrap();
    store.maintain().unwrap();
    assert_eq!(store.snapshots("").unwrap().count(), 1);
    // A close makes durable what there is.
    assert!(say(&store, STREAMS[1], 1));
    saving(&store, 1).load(STREAMS[1]).unwrap();
    store.close().unwrap();
    assert_eq!(world.open().snapshots("").unwrap().count(), 2);
}

/// A log that was put back to what it had been, beside snapshots that were not.
#[test]
fn a_snapshot_of_another_history_is_not_used() {
    let world = World::new(39);
    let store = world.open();
    (0..5).for_each(|number| assert!(say(&store, STREAMS[0], number)));
    store.close().unwrap();
    let earlier = world.disk().image();
    let store = world.open();
    (5..10).for_each(|number| assert!(say(&store, STREAMS[0], number)));
    saving(&store, 1).load(STREAMS[0]).unwrap();
    store.close().unwrap();
    let mut image = earlier;
    image.extend(world.disk().image().into_iter().filter(|(path, _)| path.starts_with("snapshots/")));
    let other = World::on(MemoryDisk::from_image(image).unwrap(), 40);
    other.clock.set(Timestamp::from_nanos(START + 1));
    let store = other.open();
    (100..107).for_each(|number| assert!(say(&store, STREAMS[0], number)));
    let loaded = saving(&store, u64::MAX).load(STREAMS[0]).unwrap();
    assert_eq!(loaded.state().0, (0..5).chain(100..107).collect::<Vec<_>>());
    let [ignored] = loaded.ignored_snapshots() else { panic!("{:?}", loaded.ignored_snapshots()) };
    assert_eq!((ignored.version, loaded.snapshot()), (Some(Version::new(10)), None));
    assert!(ignored.reason.contains("another event"), "{}", ignored.reason);
}

#[test]
fn a_damaged_snapshot_costs_replay_and_is_told() {
    let world = World::new(36);
    let store = world.open();
    for number in 0..20 {
        say(&store, STREAMS[0], number);
        saving(&store, 5).load(STREAMS[0]).unwrap();
    }
    store.close().unwrap();
    let [file] = world.files("snapshots/").try_into().unwrap();
    let length = world.disk().image()[&file].len();
    let inspected = inspect_in(&world.disk(), &file, &mut |_| {}).unwrap();
    assert_eq!((inspected.kind, inspected.findings), ("snapshots", Vec::new()));
    assert!(inspected.facts.contains(&("snapshots", Fact::Number(4))), "{:?}", inspected.facts);
    let mut older = 0;
    for offset in (0..length).step_by(3) {
        world.flip(&file, offset, u32::try_from(offset % 8).unwrap());
        let store = world.options().read_only(true).open("memory").unwrap();
        let loaded = saving(&store, u64::MAX).load(STREAMS[0]).unwrap();
        assert_eq!(loaded.state().0, (0..20).collect::<Vec<_>>(), "bit flipped at {offset}");
        older += u64::from(loaded.snapshot() != Some(Version::new(20)));
        check(&store, &format!("bit flipped at {offset}"));
        world.flip(&file, offset, u32::try_from(offset % 8).unwrap());
    }
    assert!(older > 0, "no flip has hit the newest snapshot");
    let image = world.disk().image();
    let mut without = image.clone();
    without.retain(|path, _| !path.starts_with("snapshots/"));
    let store = World::on(MemoryDisk::from_image(without).unwrap(), 37).open();
    check(&store, "all snapshots deleted");
}
