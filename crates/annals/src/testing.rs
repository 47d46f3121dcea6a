//! Tests of aggregates in three words: given what has happened, when a command comes, then this happens.
//!
//! Each test runs against a store of its own in memory, through the code that a store on a disk runs through: the events of
//! `given` are appended and read again, the command is executed, and what `then` compares is what was appended.
//!
//! ```
//! use annals::testing::{given, given_nothing};
//! # use annals::{Aggregate, Handle};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Serialize, Deserialize)]
//! # enum AccountEvent { Opened { owner: String }, Deposited { cents: u64 }, Withdrawn { cents: u64 } }
//! # #[derive(Default)]
//! # struct Account { open: bool, cents: u64 }
//! # impl Aggregate for Account {
//! #     type Event = AccountEvent;
//! #     fn apply(&mut self, event: AccountEvent) {
//! #         match event {
//! #             AccountEvent::Opened { .. } => self.open = true,
//! #             AccountEvent::Deposited { cents } => self.cents += cents,
//! #             AccountEvent::Withdrawn { cents } => self.cents -= cents,
//! #         }
//! #     }
//! # }
//! # struct Withdraw(u64);
//! # #[derive(Debug, PartialEq)]
//! # enum Refused { NoAccount, Overdrawn { by: u64 } }
//! # impl Handle<Withdraw> for Account {
//! #     type Error = Refused;
//! #     fn handle(&self, command: &Withdraw) -> Result<Vec<AccountEvent>, Refused> {
//! #         match command.0 {
//! #             _ if !self.open => Err(Refused::NoAccount),
//! #             cents if cents > self.cents => Err(Refused::Overdrawn { by: cents - self.cents }),
//! #             cents => Ok(vec![AccountEvent::Withdrawn { cents }]),
//! #         }
//! #     }
//! # }
//! use AccountEvent::{Deposited, Opened, Withdrawn};
//! let account = || [Opened { owner: "Ada".into() }, Deposited { cents: 500 }];
//!
//! given::<Account>(account()).when(Withdraw(200)).then([Withdrawn { cents: 200 }]);
//! given::<Account>(account()).when(Withdraw(501)).then_err(Refused::Overdrawn { by: 1 });
//! given::<Account>(account()).when(Withdraw(200)).then_state(|account| assert_eq!(account.cents, 300));
//! given_nothing::<Account>().when(Withdraw(1)).then_err(Refused::NoAccount);
//! ```

use crate::aggregate::{Aggregate, DomainEvent, ExecuteError, Handle, Loaded};
use crate::error::with_causes;
use crate::options::Options;
use crate::store::Store;
use annals_types::{EventRef, Expected};
use std::fmt::Debug;

/// The stream that everything happens in.
const STREAM: &str = "given-1";

/// An aggregate to which some events have happened.
#[must_use = "say when"]
#[derive(Debug)]
pub struct Given<A> {
    store: Store,
    aggregate: std::marker::PhantomData<fn() -> A>,
}

/// A command that was executed, or rejected.
#[must_use = "say then"]
#[derive(Debug)]
pub struct When<A, E> {
    /// What it appended, as text, and the state behind it.
    outcome: Result<(Vec<String>, Loaded<A>), E>,
}

/// An aggregate to which these events have happened.
///
/// # Panics
/// If an event cannot be stored, or the aggregate does not understand it when it is read.
pub fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let store = in_memory();
    for event in events {
        let new =
            event.to_new().unwrap_or_else(|error| panic!("an event of `given` cannot be stored: {error}"));
        let appended = store.append(STREAM, Expected::Any, &[new]);
        appended.unwrap_or_else(|error| panic!("an event of `given` cannot be stored: {error}"));
    }
    Given { store, aggregate: std::marker::PhantomData }
}

/// An aggregate to which nothing has happened yet.
///
/// # Panics
/// Never: a store in memory can be made.
pub fn given_nothing<A: Aggregate>() -> Given<A> {
    given([])
}

impl<A: Aggregate> Given<A> {
    /// Executes a command.
    ///
    /// # Panics
    /// If anything but a rejection by the aggregate keeps it from being executed.
    pub fn when<C>(self, command: C) -> When<A, A::Error>
    where
        A: Handle<C>,
    {
        let before = self.store.last_position();
        let executed = self.store.aggregates::<A>().execute(STREAM, &command);
        let outcome = match executed {
            Ok(executed) => Ok((self.events_behind(before), executed.loaded)),
            Err(ExecuteError::Rejected(reason)) => Err(reason),
            Err(ExecuteError::Load(error)) => {
                panic!("the events of `given` cannot be folded: {}", with_causes(&error))
            }
            Err(ExecuteError::Event { index, reason }) => {
                panic!("event {index} of the command cannot be stored: {}", with_causes(&reason))
            }
            Err(ExecuteError::Append(error)) => {
                panic!("the events of the command cannot be appended: {}", with_causes(&error))
            }
            Err(ExecuteError::Contended { .. }) => panic!("nobody else writes to this store"),
            Err(ExecuteError::Executed { reason, .. }) => {
                panic!("the events of the command cannot be folded: {}", with_causes(&reason))
            }
        };
        When { outcome }
    }

    /// Looks at the state that the events give.
    ///
    /// # Panics
    /// If the events cannot be folded; otherwise as `look` does.
    pub fn then_state(self, look: impl FnOnce(&A)) {
        match self.store.aggregates::<A>().load(STREAM) {
            Ok(loaded) => look(loaded.state()),
            Err(error) => panic!("the events of `given` cannot be folded: {}", with_causes(&error)),
        }
    }

    fn events_behind(&self, position: annals_types::Position) -> Vec<String> {
        let view = self.store.view();
        let query = crate::Query::stream(STREAM).from_position(position.next());
        let events = view.read(query).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let events = events.unwrap_or_else(|error| panic!("a store in memory can be read: {error}"));
        events.iter().map(shown).collect()
    }
}

impl<A: Aggregate, E: Debug> When<A, E> {
    /// Exactly these events came of the command.
    ///
    /// # Panics
    /// If it was rejected, or others came of it. They are compared as they are stored: type by type, and their data as JSON
    /// values.
    pub fn then(self, events: impl IntoIterator<Item = A::Event>) {
        let (found, _) = self.accepted();
        let expected: Vec<String> = events.into_iter().map(|event| shown_new(&event)).collect();
        assert!(
            found == expected,
            "other events came of the command\n  expected: {}\n     found: {}",
            list(&expected),
            list(&found)
        );
    }

    /// No events came of the command, and it was not rejected.
    ///
    /// # Panics
    /// If it was rejected, or any did.
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// It was rejected for this reason.
    ///
    /// # Panics
    /// If it was executed, or rejected for another reason.
    pub fn then_err(self, reason: E)
    where
        E: PartialEq,
    {
        match self.outcome {
            Err(found) => {
                assert!(found == reason, "the command was rejected for {found:?}, not for {reason:?}")
            }
            Ok((events, _)) => {
                panic!("the command was not rejected for {reason:?}, but executed: {}", list(&events))
            }
        }
    }

    /// Looks at the state behind the events of the command.
    ///
    /// # Panics
    /// If the command was rejected; otherwise as `look` does.
    pub fn then_state(self, look: impl FnOnce(&A)) {
        look(self.accepted().1.state());
    }

    fn accepted(self) -> (Vec<String>, Loaded<A>) {
        match self.outcome {
            Ok(accepted) => accepted,
            Err(reason) => panic!("the command was rejected: {reason:?}"),
        }
    }
}

fn in_memory() -> Store {
    Options::new().open_in_memory().unwrap_or_else(|error| panic!("a store in memory can be made: {error}"))
}

fn shown_new<E: DomainEvent>(event: &E) -> String {
    let new = event.to_new().unwrap_or_else(|error| panic!("an expected event cannot be stored: {error}"));
    text(&new.event_type, &new.data)
}

fn shown(event: &EventRef<'_>) -> String {
    match event.data() {
        Ok(data) => text(event.event_type, &data),
        Err(error) => format!("{} ({error})", event.event_type),
    }
}

/// Type and data, the data in the one form that equal values have.
fn text(event_type: &str, data: &[u8]) -> String {
    match serde_json::from_slice::<serde_json::Value>(data) {
        Ok(data) => format!("{event_type} {data}"),
        Err(_) => format!("{event_type} {data:02x?}"),
    }
}

fn list(events: &[String]) -> String {
    if events.is_empty() { "none".to_owned() } else { format!("[{}]", events.join(", ")) }
}
