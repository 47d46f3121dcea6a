//! The whole store: appends that compete, views of what is being sealed, and a loss of power at any moment.

use crate::world::{Told, World, look};
use annals::{AppendError, Expected, Store, Version};
use annals_models::{explore, switch};
use shuttle::thread;

/// Two appends that expect a version for which somebody else tries the same, and two that expect nothing.
fn compete(world: &World, store: &Store, thread: u8) -> Vec<Told> {
    let mut won = Vec::new();
    for number in 0..2_u8 {
        let version = Version::new(number.into());
        match world.append(store, "shared", Expected::Exact(version), [thread, number]) {
            Ok(told) => won.push(told),
            Err(AppendError::Conflict(conflict)) => assert!(conflict.actual > version),
            Err(other) => panic!("{other:?}"),
        }
        let own = world.append(store, &format!("own-{thread}"), Expected::Any, [thread, number]).unwrap();
        assert_eq!(own.version, u64::from(number) + 1);
    }
    won
}

/// Views at several moments; what each has shown it shows again in the end.
fn watch(store: &Store) {
    let mut kept = Vec::new();
    for _ in 0..3 {
        let view = store.view();
        let shown = look(&view);
        assert!(kept.last().is_none_or(|(_, before): &(_, Vec<_>)| shown.starts_with(before)), "taken back");
        kept.push((view, shown));
        switch();
    }
    for (view, shown) in kept {
        assert_eq!(look(&view), shown, "a view has changed");
    }
}

fn compete_watch_and_crash() {
    let world = World::new();
    let store = world.open();
    let appenders: Vec<_> = (1..=2)
        .map(|thread| {
            let (world, store) = (world.clone(), store.clone());
            thread::spawn(move || compete(&world, &store, thread))
        })
        .collect();
    let reader = {
        let store = store.clone();
        thread::spawn(move || watch(&store))
    };
    let crash = {
        let world = world.clone();
        thread::spawn(move || world.lose_power())
    };
    let won: Vec<Told> = appenders.into_iter().flat_map(|appender| appender.join().unwrap()).collect();
    let mut versions: Vec<u64> = won.iter().map(|told| told.version).collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 2], "each version has one winner");
    reader.join().unwrap();
    let shown = look(&store.view());
    assert_eq!(shown.len(), 6);
    crash.join().unwrap().check();
    store.close().unwrap();
    assert_eq!(world.lose_power().check(), (shown, true));
}

#[test]
fn each_version_has_one_winner_views_stay_and_what_was_acknowledged_survives() {
    explore(1_200, compete_watch_and_crash);
}

#[test]
fn appends_wait_for_segments_to_be_sealed_and_are_woken() {
    explore(800, || {
        let world = World::of_huge_events();
        let store = world.open();
        let appenders: Vec<_> = (1..=3)
            .map(|thread| {
                let (world, store) = (world.clone(), store.clone());
                thread::spawn(move || {
                    for number in 0..3 {
                        world
                            .append(&store, &format!("own-{thread}"), Expected::Any, [thread, number])
                            .unwrap();
                    }
                })
            })
            .collect();
        appenders.into_iter().for_each(|appender| appender.join().unwrap());
        assert_eq!(look(&store.view()).len(), 9);
        drop(store);
        assert_eq!(world.lose_power().check().0.len(), 9);
    });
}
