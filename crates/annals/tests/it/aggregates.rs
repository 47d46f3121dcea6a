//! States folded from streams, and commands on them.

use crate::common::{START, World};
use annals::testing::{given, given_nothing};
use annals::{
    Aggregate, AppendError, AsOf, Codec, CommandContext, EventError, EventRef, ExecuteError, Expected,
    Handle, LoadError, NewEvent, Position, Query, Registration, Rule, SaveError, SnapshotOutcome,
    SnapshotPolicy, Timestamp, UpcastStep, Version,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u64 },
    Withdrawn { cents: u64 },
}
use AccountEvent::{Deposited, Opened, Withdrawn};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Account {
    owner: Option<String>,
    cents: u64,
}

impl Aggregate for Account {
    type Event = AccountEvent;

    fn apply(&mut self, event: AccountEvent) {
        match event {
            Opened { owner } => self.owner = Some(owner),
            Deposited { cents } => self.cents += cents,
            Withdrawn { cents } => self.cents -= cents,
        }
    }

    fn tags(event: &AccountEvent) -> Vec<String> {
        match event {
            Opened { owner } => vec![format!("owner:{owner}")],
            _ => Vec::new(),
        }
    }
}

struct Open(&'static str);
struct Deposit(u64);
struct Withdraw(u64);

#[derive(Debug, PartialEq)]
enum Refused {
    OpenAlready,
    NotOpen,
    Overdrawn { by: u64 },
}

impl Handle<Open> for Account {
    type Error = Refused;

    fn handle(&self, command: &Open) -> Result<Vec<AccountEvent>, Refused> {
        match &self.owner {
            Some(_) => Err(Refused::OpenAlready),
            None => Ok(vec![Opened { owner: command.0.into() }]),
        }
    }
}

impl Handle<Deposit> for Account {
    type Error = Refused;

    fn handle(&self, command: &Deposit) -> Result<Vec<AccountEvent>, Refused> {
        match command.0 {
            _ if self.owner.is_none() => Err(Refused::NotOpen),
            0 => Ok(Vec::new()),
            cents => Ok(vec![Deposited { cents }]),
        }
    }
}

impl Handle<Withdraw> for Account {
    type Error = Refused;

    fn handle(&self, command: &Withdraw) -> Result<Vec<AccountEvent>, Refused> {
        match self.cents.checked_sub(command.0) {
            Some(_) => Ok(vec![Withdrawn { cents: command.0 }]),
            None => Err(Refused::Overdrawn { by: command.0 - self.cents }),
        }
    }
}

#[test]
fn a_command_appends_what_the_aggregate_decides_and_tells_the_state_behind_it() {
    let world = World::new(1);
    let store = world.open();
    let accounts = store.aggregates::<Account>();
    let opened = accounts.execute("account-1", &Open("Ada")).unwrap();
    assert_eq!(opened.appended.unwrap().first_position, Position::FIRST);
    accounts.execute("account-1", &Deposit(500)).unwrap();
    let executed = accounts.execute("account-1", &Withdraw(200)).unwrap();
    assert_eq!((executed.loaded.version(), executed.loaded.position()), (Version::new(3), Position::new(3)));
    assert_eq!((executed.loaded.state().cents, executed.attempts), (300, 1));
    assert_eq!(accounts.load("account-1").unwrap().state(), executed.loaded.state());

    let rejected = accounts.execute("account-1", &Withdraw(301)).unwrap_err();
    assert!(matches!(rejected, ExecuteError::Rejected(Refused::Overdrawn { by: 1 })));
    let nothing = accounts.execute("account-1", &Deposit(0)).unwrap();
    assert_eq!((nothing.appended, nothing.loaded.version()), (None, Version::new(3)));
    assert_eq!(store.last_position(), Position::new(3));
}

#[test]
fn a_state_is_loaded_at_any_version_and_moment() {
    let world = World::new(2);
    let store = world.open();
    let at = |second: i64| Timestamp::from_nanos(START + second * 1_000_000_000);
    // Occurred in another order than they were recorded.
    for (second, (occurred, cents)) in (1..).zip([(30, 1), (10, 20), (20, 300)]) {
        world.clock.set(at(second));
        let event = NewEvent::json("deposited", format!(r#"{{"cents":{cents}}}"#)).at(at(occurred));
        store.append("account-1", Expected::Any, &[event]).unwrap();
    }
    let accounts = store.aggregates::<Account>();
    let cents = |moment: AsOf| {
        let loaded = accounts.load_as_of("account-1", moment).unwrap();
        (loaded.state().cents, loaded.version().get())
    };
    assert_eq!(
        [0, 1, 2, 3].map(|position| cents(AsOf::Position(Position::new(position)))),
        [(0, 0), (1, 1), (21, 2), (321, 3)]
    );
    assert_eq!(
        [0, 1, 2, 9].map(|second| cents(AsOf::Recorded(at(second)))),
        [(0, 0), (1, 1), (21, 2), (321, 3)]
    );
    assert_eq!(
        [9, 10, 20, 30].map(|second| cents(AsOf::Occurred(at(second)))),
        [(0, 0), (20, 2), (320, 3), (321, 3)]
    );
    // What was known at second 2 about second 20.
    let view = store.view().as_of(AsOf::Recorded(at(2))).unwrap().as_of(AsOf::Occurred(at(20))).unwrap();
    assert_eq!(accounts.load_from(&view, "account-1").unwrap().state().cents, 20);

    assert_eq!(accounts.load_at_version("account-1", Version::ZERO).unwrap().state(), &Account::default());
    assert_eq!(accounts.load_at_version("account-1", Version::new(2)).unwrap().state().cents, 21);
    let beyond = accounts.load_at_version("account-1", Version::new(4)).unwrap_err();
    assert!(matches!(beyond, LoadError::NotReached { last, .. } if last == Version::new(3)));
    let none = accounts.load("account-2").unwrap();
    assert_eq!((none.state(), none.version(), none.events_read()), (&Account::default(), Version::ZERO, 0));
}

#[test]
fn metadata_tags_and_time_go_with_the_events() {
    let store = World::new(3).open();
    let context = CommandContext::new().metadata("m").tag("branch:7").at(Timestamp::EPOCH);
    store.aggregates::<Account>().execute_with("account-1", &Open("Ada"), &context).unwrap();
    let view = store.view();
    let event =
        view.read(Query::all().tagged("owner:Ada").tagged("branch:7")).unwrap().next().unwrap().unwrap();
    assert_eq!(
        (&*event.metadata().unwrap(), event.occurred_at, event.schema_version),
        (&b"m"[..], Timestamp::EPOCH, 1)
    );
}

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
fn an_event_that_is_not_understood_is_named_and_loses_nothing() {
    let store = World::new(6).open();
    let accounts = store.aggregates::<Account>();
    accounts.execute("account-1", &Open("Ada")).unwrap();
    store.append("account-1", Expected::Any, &[NewEvent::json("deposited", r#"{"cents":-5}"#)]).unwrap();
    let error = accounts.load("account-1").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("event 2 of stream \"account-1\" (type \"deposited\", schema version 1, position 2)")
    );
    assert!(matches!(accounts.execute("account-1", &Deposit(1)), Err(ExecuteError::Load(_))));
    assert_eq!(
        accounts.load_at_version("account-1", Version::FIRST).unwrap().state().owner.as_deref(),
        Some("Ada")
    );
    assert_eq!(store.last_position(), Position::new(2));
}

/// Its events are written in a form that they are not read in.
#[derive(Debug, Default)]
struct Lopsided;

#[derive(Serialize, Deserialize)]
enum LopsidedEvent {
    #[serde(rename(serialize = "written", deserialize = "read"))]
    One(u8),
}

impl Aggregate for Lopsided {
    type Event = LopsidedEvent;
    fn apply(&mut self, _: LopsidedEvent) {}
}

impl Handle<u8> for Lopsided {
    type Error = std::convert::Infallible;
    fn handle(&self, command: &u8) -> Result<Vec<LopsidedEvent>, Self::Error> {
        Ok(vec![LopsidedEvent::One(*command)])
    }
}

#[test]
fn an_event_that_could_not_be_read_again_is_not_stored() {
    let store = World::new(7).open();
    let error = store.aggregates::<Lopsided>().execute("s", &1).unwrap_err();
    assert!(matches!(error, ExecuteError::Event { index: 0, .. }), "{error:?}");
    assert_eq!(store.last_position(), Position::ZERO);
}

#[test]
fn a_store_that_is_open_for_reading_only_loads_and_does_not_execute() {
    let world = World::new(8);
    let store = world.open();
    store.aggregates::<Account>().execute("account-1", &Open("Ada")).unwrap();
    store.close().unwrap();
    let store = world.options().read_only(true).open("memory").unwrap();
    let accounts = store.aggregates::<Account>();
    assert_eq!(accounts.load("account-1").unwrap().version(), Version::FIRST);
    let error = accounts.execute("account-1", &Deposit(1)).unwrap_err();
    assert!(matches!(error, ExecuteError::Append(AppendError::ReadOnly)));
    let mut loaded = accounts.load("account-1").unwrap();
    assert!(matches!(accounts.save(&mut loaded), Err(SaveError::NoTag)));
}

/// When it last heard of something, which only the event as it was read tells.
#[derive(Debug, Default)]
struct LastHeard(Option<Timestamp>);

impl Aggregate for LastHeard {
    type Event = AccountEvent;

    fn apply(&mut self, _: AccountEvent) {}

    fn apply_stored(&mut self, event: &EventRef<'_>) -> Result<(), EventError> {
        self.0 = self.0.max(Some(event.occurred_at));
        Ok(())
    }
}

#[test]
fn a_state_may_know_when_its_events_occurred() {
    let store = World::new(9).open();
    let events = [5, 9, 7].map(|nanos| NewEvent::json("any", "").at(Timestamp::from_nanos(nanos)));
    store.append("s", Expected::Any, &events).unwrap();
    let heard = store.aggregates::<LastHeard>().load("s").unwrap();
    assert_eq!(heard.state().0, Some(Timestamp::from_nanos(9)));
}

#[test]
fn given_when_then_tells_right_from_wrong() {
    let account = || [Opened { owner: "Ada".into() }, Deposited { cents: 500 }];
    given::<Account>(account()).when(Withdraw(200)).then([Withdrawn { cents: 200 }]);
    given::<Account>(account()).when(Deposit(0)).then_nothing();
    given::<Account>(account()).when(Withdraw(501)).then_err(Refused::Overdrawn { by: 1 });
    given::<Account>(account()).when(Open("Bob")).then_err(Refused::OpenAlready);
    given_nothing::<Account>().when(Deposit(1)).then_err(Refused::NotOpen);
    given::<Account>(account()).when(Withdraw(200)).then_state(|account| assert_eq!(account.cents, 300));
    given::<Account>(account()).then_state(|account| assert_eq!(account.cents, 500));

    let fails = |test: Box<dyn FnOnce() + Send>, says: &str| {
        let panic = std::thread::Builder::new().spawn(test).unwrap().join().unwrap_err();
        let said = panic.downcast_ref::<String>().unwrap();
        assert!(said.contains(says), "{said}");
    };
    let other = || given::<Account>([Opened { owner: "Ada".into() }, Deposited { cents: 500 }]);
    fails(
        Box::new(move || other().when(Withdraw(200)).then([Withdrawn { cents: 201 }])),
        r#"expected: [withdrawn {"cents":201}]"#,
    );
    fails(Box::new(move || other().when(Withdraw(200)).then_nothing()), "expected: none");
    fails(Box::new(move || other().when(Withdraw(501)).then([])), "rejected: Overdrawn { by: 1 }");
    fails(
        Box::new(move || other().when(Withdraw(501)).then_err(Refused::Overdrawn { by: 2 })),
        "rejected for Overdrawn { by: 1 }, not for Overdrawn { by: 2 }",
    );
    fails(Box::new(move || other().when(Withdraw(1)).then_err(Refused::NotOpen)), "but executed");
    fails(Box::new(|| given_nothing::<Lopsided>().when(1_u8).then([])), "cannot be stored");
}

#[test]
fn aggregates_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    let store = World::new(10).open();
    let accounts = store.aggregates::<Account>();
    shared(&accounts);
    drop(Arc::new(accounts));
}

/// The program that saves the states does not know that somebody registers rules.
#[test]
fn rules_that_are_registered_later_hold_for_states_that_were_saved_before() {
    let store = World::new(41).open();
    let accounts = store.aggregates::<Account>().with_snapshots("account/1", SnapshotPolicy::every(1));
    accounts.execute("account-1", &Open("Ada")).unwrap();
    accounts.execute("account-1", &Deposit(5)).unwrap();
    assert_eq!(accounts.load("account-1").unwrap().snapshot(), Some(Version::new(2)));
    // Amounts had been in another unit, somebody finds out.
    let in_cents = [Rule::remove("/cents"), Rule::set_default("/cents", 500)];
    let step = UpcastStep::of("deposited", 1).into_type("deposited", 2, in_cents);
    store.register_schema(&Registration::new("deposited", 2).upcast(step)).unwrap();
    let loaded = accounts.load("account-1").unwrap();
    assert_eq!((loaded.state().cents, loaded.snapshot()), (500, None));
    assert_eq!(accounts.load("account-1").unwrap().snapshot(), Some(Version::new(2)), "saved anew");
    assert_eq!(accounts.load_at_version("account-1", Version::FIRST).unwrap().state().cents, 0);
    let executed = accounts.execute("account-1", &Deposit(7)).unwrap();
    assert_eq!(executed.loaded.state().cents, 507);
    let view = store.view();
    let event = view.read(Query::stream("account-1").backwards()).unwrap().next().unwrap().unwrap();
    assert_eq!(event.schema_version, 2, "new events are of the newest version");
}

#[test]
fn a_snapshot_that_is_too_large_is_told_and_keeps_no_command_from_succeeding() {
    let store = World::new(42).options().snapshot_bytes(10).open("memory").unwrap();
    let accounts = store.aggregates::<Account>().with_snapshots("account/1", SnapshotPolicy::every(1));
    let mut executed = accounts.execute("account-1", &Open("Ada")).unwrap();
    let SnapshotOutcome::Failed(error) = executed.loaded.snapshot_outcome() else { panic!("saved") };
    assert_eq!(error.to_string(), "a snapshot in this store has at most 10 bytes, this one has 25");
    assert!(matches!(accounts.save(&mut executed.loaded), Err(SaveError::Snapshot(_))));
    let unnamed = store.aggregates::<Account>().with_snapshots("", SnapshotPolicy::only_when_told());
    assert!(unnamed.save(&mut executed.loaded).unwrap_err().to_string().contains("1 to 128 bytes"));
    assert!(accounts.save(&mut accounts.load("account-2").unwrap()).is_err(), "nothing to save");
    let as_of = store.aggregates::<Account>().load_as_of("account-1", AsOf::Occurred(Timestamp::MAX));
    assert!(matches!(accounts.save(&mut as_of.unwrap()), Err(SaveError::NotOfAVersion)));
}

#[test]
fn snapshots_in_all_codecs_are_used_and_those_of_other_tags_are_not() {
    let store = World::new(43).open();
    let plain = store.aggregates::<Account>();
    plain.execute("account-1", &Open("Ada")).unwrap();
    plain.execute("account-1", &Deposit(5)).unwrap();
    for (version, codec) in [(1, Codec::Bincode), (2, Codec::Postcard)] {
        let saving = plain.clone().with_snapshots_in(codec, "account/1", SnapshotPolicy::only_when_told());
        saving.save(&mut plain.load_at_version("account-1", Version::new(version)).unwrap()).unwrap();
    }
    let saving = |tag: &str| plain.clone().with_snapshots(tag, SnapshotPolicy::only_when_told());
    for version in [1, 2].map(Version::new) {
        let loaded = saving("account/1").load_at_version("account-1", version).unwrap();
        assert_eq!((loaded.snapshot(), loaded.events_read()), (Some(version), 0));
        assert_eq!(loaded.state(), plain.load_at_version("account-1", version).unwrap().state());
        assert_eq!(saving("account/2").load_at_version("account-1", version).unwrap().snapshot(), None);
    }
    let codecs: Vec<String> =
        store.snapshots("").unwrap().map(|info| Codec::name_of(info.unwrap().codec)).collect();
    assert_eq!(codecs, ["postcard", "bincode"]);
    assert_eq!(store.prune_snapshots(1).unwrap().dropped, 1);
    assert_eq!(store.stats().unwrap().snapshots, 1);
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
