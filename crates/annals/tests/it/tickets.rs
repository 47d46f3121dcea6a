//! Batches that are submitted and waited for later.

use annals::vfs::{Call, Env, Fault, FaultyDisk, MemoryDisk, Survival, When};
use annals::{
    AppendError, Batch, Clause, Criteria, Durability, Expected, Invalid, NewEvent, Options, Position, Query,
    Store, Ticket, Uuid, Version,
};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

fn batch(stream: &str) -> Batch {
    let mut batch = Batch::new();
    batch.push(stream, &NewEvent::json("happened", "{}")).unwrap();
    batch
}

fn store(disk: &MemoryDisk, background: bool) -> Store {
    let env = Env::system(Arc::new(disk.clone()));
    Options::new().env(env).segment_bytes(16 << 10).background(background).open("memory").unwrap()
}

fn positions(tickets: impl IntoIterator<Item = Ticket>) -> Vec<u64> {
    tickets.into_iter().map(|ticket| ticket.wait().unwrap().first_position.get()).collect()
}

/// Polls on this thread, which sleeps in between.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn batches_are_appended_in_the_order_in_which_they_were_submitted() {
    for background in [false, true] {
        let store = store(&MemoryDisk::new(), background);
        // Over several segments.
        let tickets: Vec<_> =
            (0..1_000).map(|number| store.submit(batch(&format!("s-{}", number % 7)))).collect();
        assert_eq!(positions(tickets.into_iter().map(Result::unwrap)), (1..=1_000).collect::<Vec<_>>());
        let appended =
            store.append("s-0", Expected::Exact(Version::new(143)), &[NewEvent::json("t", "")]).unwrap();
        assert_eq!(appended.first_position, Position::new(1_001));
    }
}

#[test]
fn each_sees_those_before_it_and_one_that_is_refused_keeps_no_other_out() {
    let store = store(&MemoryDisk::new(), true);
    let exact = |version| {
        let mut batch = batch("account");
        batch.expect("account", Expected::Exact(Version::new(version))).unwrap();
        store.submit(batch).unwrap()
    };
    let mut unlike = batch("other");
    let happened = Criteria::any_of([Clause::new().of_type("happened")]).unwrap();
    unlike.fail_if(happened, Position::ZERO).unwrap();
    let (first, second, late, unlike, third) =
        (exact(0), exact(1), exact(1), store.submit(unlike).unwrap(), exact(2));
    assert_eq!(first.wait().unwrap().streams[0].last_version, Version::new(1));
    assert_eq!(second.wait().unwrap().streams[0].last_version, Version::new(2));
    assert!(
        matches!(late.wait(), Err(AppendError::Conflict(conflict)) if conflict.actual == Version::new(2))
    );
    assert!(matches!(unlike.wait(), Err(AppendError::ConditionFailed { .. })));
    assert_eq!(third.wait().unwrap().first_position, Position::new(3));
}

#[test]
fn a_batch_that_is_submitted_again_gives_the_first_result_though_that_is_still_on_its_way() {
    let store = store(&MemoryDisk::new(), false);
    let again = || {
        let mut batch = Batch::new();
        batch.push("a", &NewEvent::json("t", "1").with_id(Uuid::from_u128(7))).unwrap();
        store.submit(batch).unwrap()
    };
    let (first, second) = (again(), again());
    let second = second.wait().unwrap();
    let first = first.wait().unwrap();
    assert!(!first.already_applied && second.already_applied);
    assert_eq!(first.first_position, second.first_position);
    assert_eq!(first.streams, second.streams);
}

#[test]
fn what_was_acknowledged_survives_the_loss_of_power_and_what_was_dropped_is_appended_all_the_same() {
    let disk = MemoryDisk::new();
    let store = store(&disk, true);
    for number in 0..50 {
        drop(store.submit(batch(&format!("dropped-{number}"))).unwrap());
        let told = store.submit(batch("told")).unwrap().wait().unwrap();
        let reopened =
            Options::new().env(Env::system(Arc::new(disk.crash(Survival::Synced)))).background(false);
        let reopened = reopened.open("memory").unwrap();
        assert!(reopened.last_position() >= told.last_position);
    }
    store.close().unwrap();
    assert_eq!(self::store(&disk, false).last_position(), Position::new(100));
}

#[test]
fn closing_waits_for_what_was_submitted_and_refuses_what_comes_later() {
    for background in [false, true] {
        let disk = MemoryDisk::new();
        let store = store(&disk, background);
        let tickets: Vec<_> = (0..100).map(|_| store.submit(batch("s")).unwrap()).collect();
        let other = store.clone();
        store.close().unwrap();
        assert!(tickets.iter().all(Ticket::is_done));
        assert_eq!(positions(tickets).len(), 100);
        let late = other.submit(batch("s")).unwrap();
        assert!(matches!(late.wait(), Err(AppendError::Closed)));
        assert!(matches!(block_on(other.submit(batch("s")).unwrap()), Err(AppendError::Closed)));
    }
}

#[test]
fn a_ticket_is_a_future_that_needs_no_runtime() {
    for background in [false, true] {
        let store = store(&MemoryDisk::new(), background);
        let tickets: Vec<_> = (0..100).map(|_| store.submit(batch("s")).unwrap()).collect();
        let positions = block_on(async {
            let mut positions = Vec::new();
            for ticket in tickets {
                positions.push(ticket.await.unwrap().first_position.get());
            }
            positions
        });
        assert!(positions.into_iter().eq(1..=100));
    }
}

#[test]
fn what_can_be_known_at_once_is_told_at_once() {
    let disk = MemoryDisk::new();
    let writer = store(&disk, true);
    let mut twice = Batch::new();
    for _ in 0..2 {
        twice.push("s", &NewEvent::json("t", "").with_id(Uuid::from_u128(1))).unwrap();
    }
    assert!(matches!(writer.submit(twice), Err(AppendError::Invalid(Invalid::IdTwice { .. }))));
    let empty = writer.submit(Batch::new()).unwrap();
    assert!(matches!(empty.wait(), Err(AppendError::Invalid(Invalid::BatchEmpty))));
    let inner = writer.clone();
    let refused = writer.decide(&Query::all(), |_| match inner.submit(batch("s")) {
        Err(AppendError::WithinDecide) => Ok::<_, Invalid>((Batch::new(), ())),
        other => panic!("{other:?}"),
    });
    assert!(refused.is_ok());
    writer.close().unwrap();
    let options = Options::new().env(Env::system(Arc::new(disk))).read_only(true);
    assert!(matches!(options.open("memory").unwrap().submit(batch("s")), Err(AppendError::ReadOnly)));
}

#[test]
fn after_a_sync_that_failed_every_ticket_is_told_and_nothing_more_is_taken() {
    for background in [false, true] {
        let disk = MemoryDisk::new();
        let faulty = FaultyDisk::new(Arc::new(disk.clone()));
        let env = Env::system(Arc::new(faulty.clone()));
        let store = Options::new().env(env).background(background).open("memory").unwrap();
        let before = store.submit(batch("s")).unwrap().wait().unwrap();
        faulty.arm(When::nth(Call::SyncData, 1).from_then_on(), Fault::Error(std::io::ErrorKind::Other));
        let tickets: Vec<_> = (0..300).map(|_| store.submit(batch("s")).unwrap()).collect();
        let outcomes: Vec<_> = tickets.into_iter().map(Ticket::wait).collect();
        assert!(outcomes.iter().all(|outcome| {
            matches!(outcome, Err(AppendError::DurabilityUnknown { .. } | AppendError::Poisoned))
        }));
        assert!(matches!(outcomes[0], Err(AppendError::DurabilityUnknown { source: Some(_) })));
        assert_eq!(store.last_position(), before.last_position, "nothing of it is shown");
        assert!(matches!(store.submit(batch("s")).unwrap().wait(), Err(AppendError::Poisoned)));
    }
}

#[test]
fn many_threads_submit_and_each_keeps_its_order() {
    for durability in [Durability::Sync, Durability::Os] {
        let env = Env::system(Arc::new(MemoryDisk::new()));
        let store =
            Options::new().env(env).segment_bytes(64 << 10).durability(durability).open("memory").unwrap();
        thread::scope(|scope| {
            for thread in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    let stream = format!("s-{thread}");
                    for round in 0..20 {
                        let tickets: Vec<_> =
                            (0..100).map(|_| store.submit(batch(&stream)).unwrap()).collect();
                        for (number, ticket) in (1..).zip(tickets) {
                            let appended = ticket.wait().unwrap();
                            assert_eq!(appended.streams[0].first_version.get(), round * 100 + number);
                            assert!(store.last_position() >= appended.last_position, "told and not visible");
                        }
                    }
                });
            }
        });
        assert_eq!(store.last_position(), Position::new(8_000));
        assert_eq!(store.view().read(Query::stream("s-3")).unwrap().count(), 2_000);
    }
}

/// A waker runs on the thread that wrote, and may drop the last handle of the store: that closes it.
#[test]
fn a_waker_that_lets_go_of_the_store_closes_it() {
    struct LetsGo(Mutex<Option<Store>>, Thread);
    impl Wake for LetsGo {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
            self.1.unpark();
        }
    }
    let disk = MemoryDisk::new();
    let store = store(&disk, true);
    let mut ticket = Box::pin(store.submit(batch("s")).unwrap());
    let waker = Arc::new(LetsGo(Mutex::new(Some(store)), thread::current()));
    let polled = ticket.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&waker))));
    match polled {
        // It was written before there was a waker.
        Poll::Ready(appended) => assert_eq!(appended.unwrap().first_position, Position::FIRST),
        Poll::Pending => {
            while waker.0.lock().unwrap().is_some() {
                thread::park();
            }
            assert_eq!(block_on(ticket.as_mut()).unwrap().first_position, Position::FIRST);
        }
    }
    drop((ticket, waker));
    assert_eq!(self::store(&disk, false).last_position(), Position::FIRST);
}
