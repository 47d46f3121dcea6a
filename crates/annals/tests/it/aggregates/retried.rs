//! Commands that others come between.

use super::{Account, AccountEvent, Deposit, Open, Refused, Withdraw};
use crate::common::World;
use AccountEvent::{Deposited, Withdrawn};
use annals::{
    Aggregate, ExecuteError, Expected, Handle, NewEvent, Query, Registration, Rule, SnapshotPolicy,
    UpcastStep,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn commands_of_many_threads_on_one_aggregate_keep_its_rules() {
    let store = World::new(4).options().open("memory").unwrap();
    let accounts = store.aggregates::<Account>().attempts(u32::MAX);
    accounts.execute("account-1", &Open("Ada")).unwrap();
    accounts.execute("account-1", &Deposit(100)).unwrap();
    let (withdrawn, retried) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    match accounts.execute("account-1", &Withdraw(3)) {
                        Ok(executed) => {
                            withdrawn.fetch_add(1, Ordering::SeqCst);
                            retried.fetch_add(executed.attempts - 1, Ordering::SeqCst);
                        }
                        Err(ExecuteError::Rejected(Refused::Overdrawn { .. })) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    assert_eq!(withdrawn.into_inner(), 33);
    assert_eq!(accounts.load("account-1").unwrap().state().cents, 1);
    assert_eq!(store.last_position().get(), 35, "after {} conflicts", retried.into_inner());
}

/// An aggregate during whose decisions somebody else appends.
#[derive(Debug, Default)]
struct Disturbed(u64);

struct Count {
    store: annals::Store,
    disturb: AtomicU32,
}

impl Aggregate for Disturbed {
    type Event = AccountEvent;

    fn apply(&mut self, _: AccountEvent) {
        self.0 += 1;
    }
}

impl Handle<Count> for Disturbed {
    type Error = std::convert::Infallible;

    fn handle(&self, command: &Count) -> Result<Vec<AccountEvent>, Self::Error> {
        let left =
            command.disturb.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() {
            command.store.append("s", Expected::Any, &[Deposited { cents: 7 }.into_new()]).unwrap();
        }
        Ok(vec![Deposited { cents: self.0 }])
    }
}

trait IntoNew {
    fn into_new(self) -> NewEvent<'static>;
}

impl<E: annals::DomainEvent> IntoNew for E {
    fn into_new(self) -> NewEvent<'static> {
        self.to_new().unwrap()
    }
}

#[test]
fn a_command_is_decided_again_on_the_newer_state_so_many_times_and_no_more() {
    let store = World::new(5).open();
    let disturbed = store.aggregates::<Disturbed>().attempts(4);
    let command = |times| Count { store: store.clone(), disturb: AtomicU32::new(times) };
    let executed = disturbed.execute("s", &command(3)).unwrap();
    assert_eq!((executed.attempts, executed.loaded.state().0, executed.loaded.version().get()), (4, 4, 4));
    let view = store.view();
    let last = view.read(Query::stream("s").backwards()).unwrap().next().unwrap().unwrap();
    assert_eq!(
        &*last.data().unwrap(),
        br#"{"cents":3}"#,
        "decided on the state with the three events of others"
    );

    let error = disturbed.execute("s", &command(4)).unwrap_err();
    assert!(matches!(error, ExecuteError::Contended { attempts: 4, conflict } if conflict.actual.get() == 8));
    assert_eq!(store.view().stream("s").unwrap().unwrap().events, 8, "nothing of the command was appended");
}

#[test]
fn aggregates_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    let store = World::new(10).open();
    let accounts = store.aggregates::<Account>();
    shared(&accounts);
    drop(Arc::new(accounts));
}

/// A command during whose first decision somebody registers rules, and appends an event.
struct WithNewRules {
    store: annals::Store,
    disturb: AtomicU32,
}

impl Handle<WithNewRules> for Account {
    type Error = Refused;

    fn handle(&self, command: &WithNewRules) -> Result<Vec<AccountEvent>, Refused> {
        if command.disturb.swap(0, Ordering::SeqCst) > 0 {
            let fixed = [Rule::remove("/cents"), Rule::set_default("/cents", 500)];
            let step = UpcastStep::of("deposited", 1).into_type("deposited", 2, fixed);
            command.store.register_schema(&Registration::new("deposited", 2).upcast(step)).unwrap();
            let other = Deposited { cents: 7 }.into_new().with_schema_version(2);
            command.store.append("account-1", Expected::Any, &[other]).unwrap();
        }
        Ok(vec![Withdrawn { cents: self.cents }])
    }
}

#[test]
fn a_command_is_decided_again_on_a_state_by_the_rules_that_came_between() {
    for saves in [false, true] {
        let store = World::new(44).open();
        let plain = store.aggregates::<Account>();
        let saving = plain.clone().with_snapshots("account/1", SnapshotPolicy::every(1));
        let accounts = if saves { saving } else { plain };
        accounts.execute("account-1", &Open("Ada")).unwrap();
        accounts.execute("account-1", &Deposit(5)).unwrap();
        let command = WithNewRules { store: store.clone(), disturb: AtomicU32::new(1) };
        let executed = accounts.execute("account-1", &command).unwrap();
        assert_eq!(
            (executed.attempts, executed.loaded.state().cents),
            (2, 0),
            "507 were there and withdrawn"
        );
        assert_eq!(accounts.load("account-1").unwrap().state().cents, 0);
    }
}
