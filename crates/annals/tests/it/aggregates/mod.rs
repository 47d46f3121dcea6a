//! States folded from streams, and commands on them.

mod events;
mod retried;

use crate::common::{START, World};
use AccountEvent::{Deposited, Opened, Withdrawn};
use annals::testing::{given, given_nothing};
use annals::{
    Aggregate, AppendError, AsOf, ExecuteError, Expected, Handle, LoadError, NewEvent, Position, Query,
    Registration, Rule, SaveError, SnapshotPolicy, Timestamp, UpcastStep, Version,
};
use events::Lopsided;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u64 },
    Withdrawn { cents: u64 },
}

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
