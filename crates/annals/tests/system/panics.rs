//! Code of the caller that panics while it uses the store.

use crate::child::{append, count, findings, small};
use annals::vfs::{Clock, Env, RealDisk, SystemClock, SystemRandom};
use annals::{AppendError, Expected, NewEvent, Query, Timestamp};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs what must panic, quietly.
fn panics(run: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
}

#[test]
fn a_panic_while_events_are_read_holds_up_nobody() {
    let place = tempfile::tempdir().unwrap();
    let store = small().open(place.path()).unwrap();
    (0..12).for_each(|_| _ = append(&store, "s", 3_000));
    for query in [Query::all(), Query::stream("s"), Query::all().of_type("t").backwards()] {
        panics(|| {
            let view = store.view();
            let seen = view.read(query.clone()).unwrap();
            seen.map(Result::unwrap).for_each(|event| assert!(event.version.get() != 6, "the caller's own"));
        });
        append(&store, "s", 3_000);
    }
    panics(|| store.view().streams("").for_each(|stream| assert!(stream.is_err(), "the caller's own")));
    store.maintain().unwrap();
    store.close().unwrap();
    let store = small().open(place.path()).unwrap();
    assert!(store.recovery().clean);
    assert_eq!(count(&store), 15);
}

#[test]
fn a_panic_in_the_progress_of_verify_holds_up_nobody() {
    let place = tempfile::tempdir().unwrap();
    let store = small().open(place.path()).unwrap();
    (0..12).for_each(|_| _ = append(&store, "s", 3_000));
    store.close().unwrap();
    panics(|| drop(annals::verify(place.path(), &mut |_| panic!("the caller's own"))));
    let store = small().open(place.path()).unwrap();
    append(&store, "s", 10);
    store.close().unwrap();
    assert_eq!(findings(place.path()), Vec::<String>::new());
}

/// Unwinding lets go of the lock, says nothing of a close in good order, and loses nothing; readers read on.
#[test]
fn a_store_that_is_dropped_by_a_panic_is_free_and_whole() {
    let place = tempfile::tempdir().unwrap();
    let reader = {
        let store = small().open(place.path()).unwrap();
        append(&store, "s", 10);
        small().read_only(true).open(place.path()).unwrap()
    };
    let mut kept = None;
    panics(|| {
        let store = small().open(place.path()).unwrap();
        (0..12).for_each(|_| _ = append(&store, "s", 3_000));
        let view = kept.insert(store.view()).clone();
        let _events = view.read(Query::all()).unwrap();
        panic!("the caller's own, with store, view and events at hand");
    });
    let store = small().open(place.path()).unwrap();
    assert!(!store.recovery().clean);
    assert_eq!(count(&store), 13);
    let kept = kept.unwrap();
    assert!(kept.read(Query::all()).unwrap().all(|event| event.is_ok()));
    assert_eq!(kept.read(Query::stream("s")).unwrap().count(), 13);
    append(&store, "s", 10);
    store.close().unwrap();
    assert!(count(&reader) <= 1);
    assert!(reader.wait_beyond(reader.last_position(), std::time::Duration::from_secs(10)).unwrap());
    assert_eq!(count(&reader), 14);
    assert_eq!(findings(place.path()), Vec::<String>::new());
}

/// A clock of the caller's that panics once, in the middle of an append.
#[derive(Debug, Default)]
struct BadClock {
    armed: AtomicBool,
}

impl Clock for BadClock {
    fn now(&self) -> Timestamp {
        assert!(!self.armed.swap(false, Ordering::SeqCst), "the caller's own");
        SystemClock.now()
    }
}

#[test]
fn a_panic_in_the_middle_of_a_group_poisons_the_writer_and_no_reader() {
    let place = tempfile::tempdir().unwrap();
    let clock = Arc::new(BadClock::default());
    let disk = Arc::new(RealDisk::open(place.path()).unwrap());
    let env = Env { disk, clock: Arc::clone(&clock) as Arc<dyn Clock>, random: Arc::new(SystemRandom) };
    let store = small().env(env).open(place.path()).unwrap();
    (0..5).for_each(|_| _ = append(&store, "s", 3_000));
    clock.armed.store(true, Ordering::SeqCst);
    let event = NewEvent::json("t", "1");
    panics(|| drop(store.append("s", Expected::Any, std::slice::from_ref(&event))));
    for _ in 0..2 {
        let again = store.append("s", Expected::Any, std::slice::from_ref(&event));
        assert!(matches!(again, Err(AppendError::Poisoned)), "{again:?}");
    }
    assert_eq!(count(&store), 5);
    assert!(store.close().is_err());
    let store = small().open(place.path()).unwrap();
    assert!(!store.recovery().clean);
    assert_eq!(count(&store), 5);
    append(&store, "s", 10);
}
