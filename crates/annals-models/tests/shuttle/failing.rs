//! A sync that fails in the middle of everything.

use crate::world::{World, is_there, look};
use annals::{AppendError, Expected};
use annals_models::explore;
use shuttle::rand::Rng;
use shuttle::thread;

#[test]
fn after_a_failed_sync_nothing_is_shown_or_lost_that_was_said_to_be() {
    explore(1_500, || {
        let world = World::new();
        let store = world.open();
        world.disk.fail_sync(shuttle::rand::thread_rng().gen_range(1..=8));
        let appenders: Vec<_> = (1..=3)
            .map(|thread| {
                let (world, store) = (world.clone(), store.clone());
                thread::spawn(move || {
                    let append = |number| {
                        world.append(&store, &format!("own-{thread}"), Expected::Any, [thread, number])
                    };
                    [append(0), append(1), append(2)]
                })
            })
            .collect();
        let reader = {
            let store = store.clone();
            thread::spawn(move || [look(&store.view()), look(&store.view())].concat())
        };
        let mut unknown = false;
        for appender in appenders {
            let mut poisoned = false;
            for outcome in appender.join().unwrap() {
                match outcome {
                    Ok(_) => assert!(!poisoned, "acknowledged after a failure"),
                    Err(AppendError::DurabilityUnknown { .. }) => {
                        unknown = true;
                        poisoned = true;
                    }
                    Err(AppendError::Poisoned) => poisoned = true,
                    // The next segment could not be laid out; that can be tried again.
                    Err(AppendError::Io { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            assert!(!poisoned || unknown || store.sync().is_err(), "poisoned for no reason");
        }
        let acknowledged = world.acknowledged();
        let shown = look(&store.view());
        let seen = reader.join().unwrap();
        let by_append = |event: &annals::Event| {
            acknowledged.iter().any(|told| is_there(&shown, told) && told.position == event.position.get())
        };
        assert!(shown.iter().all(by_append), "shown and not acknowledged");
        assert!(seen.iter().all(|event| shown.contains(event)), "seen and taken back");
        world.lose_power().check();
        let poisoned = store.sync().is_err();
        assert!(unknown <= poisoned, "a failed sync was forgotten");
        // A close that could not be noted is an error, too.
        if store.close().is_ok() {
            assert!(!poisoned);
        }
        let (found, _) = world.lose_power().check();
        assert!(found.starts_with(&shown), "shown and lost");
    });
}
