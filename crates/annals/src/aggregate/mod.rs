//! Aggregates: states that are folded from the events of a stream, and commands that are decided on them.

mod codec;
mod context;
mod error;
mod execute;
mod fold;
mod handle;
mod left;
mod load;
mod loaded;
mod policy;
mod saving;
mod truncating;
mod typed;

pub use codec::Codec;
pub use context::CommandContext;
pub use error::{ExecuteError, LoadError, SaveError};
pub use execute::Executed;
pub use handle::Aggregates;
pub use loaded::{IgnoredSnapshot, Loaded, SnapshotOutcome};
pub use policy::SnapshotPolicy;
pub use truncating::TruncateError;
pub use typed::{DomainEvent, EventError};

use annals_types::{EventRef, PayloadError};

/// A state that is folded from the events of one stream, in the order of their versions.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let store = annals::Store::open(directory.path().join("store"))?;
/// use annals::{Aggregate, Handle, Version};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum AccountEvent {
///     Deposited { cents: u64 },
///     Withdrawn { cents: u64 },
/// }
///
/// #[derive(Default)]
/// struct Account {
///     cents: u64,
/// }
///
/// impl Aggregate for Account {
///     type Event = AccountEvent;
///
///     fn apply(&mut self, event: AccountEvent) {
///         match event {
///             AccountEvent::Deposited { cents } => self.cents += cents,
///             AccountEvent::Withdrawn { cents } => self.cents -= cents,
///         }
///     }
/// }
///
/// struct Deposit(u64);
/// struct Withdraw(u64);
///
/// impl Handle<Deposit> for Account {
///     type Error = std::convert::Infallible;
///
///     fn handle(&self, Deposit(cents): &Deposit) -> Result<Vec<AccountEvent>, Self::Error> {
///         Ok(vec![AccountEvent::Deposited { cents: *cents }])
///     }
/// }
///
/// impl Handle<Withdraw> for Account {
///     type Error = &'static str;
///
///     fn handle(&self, Withdraw(cents): &Withdraw) -> Result<Vec<AccountEvent>, Self::Error> {
///         if *cents > self.cents { Err("overdrawn") } else { Ok(vec![AccountEvent::Withdrawn { cents: *cents }]) }
///     }
/// }
///
/// let accounts = store.aggregates::<Account>();
/// accounts.execute("account-1", &Deposit(500))?;
/// accounts.execute("account-1", &Withdraw(200))?;
/// assert!(accounts.execute("account-1", &Withdraw(400)).is_err());
///
/// let account = accounts.load("account-1")?;
/// assert_eq!((account.state().cents, account.version()), (300, Version::new(2)));
/// assert_eq!(accounts.load_at_version("account-1", Version::new(1))?.state().cents, 500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Aggregate: Default {
    /// Its events: an enum, see [`DomainEvent`].
    type Event: DomainEvent;

    /// Takes an event. It has happened, so it cannot be refused: what may not be is for [`Handle::handle`] to say.
    fn apply(&mut self, event: Self::Event);

    /// Takes an event as it was read, in the newest version of its schema: for a state that also wants to know when the
    /// event happened or at which position it is. By default it is made an [`Aggregate::Event`] and applied.
    ///
    /// # Errors
    /// That the event cannot be understood; loading ends with an error that names it.
    fn apply_stored(&mut self, event: &EventRef<'_>) -> Result<(), EventError> {
        self.apply(Self::Event::from_stored(event)?);
        Ok(())
    }

    /// Takes an event whose payload was erased, or whose key was destroyed: [`EventRef::data`] gives `reason`. Called where
    /// [`Aggregate::apply_stored`] has failed for that, and has left the state as it was. By default that is an error, for a
    /// state that lacks an event without anybody having said that this is right is a wrong state. `Ok(())` without doing
    /// anything skips the event; its type, times and tags are there to do more.
    ///
    /// # Errors
    /// That the state is nothing without the event; loading ends with [`LoadError::NoPayload`].
    fn apply_erased(&mut self, _event: &EventRef<'_>, reason: PayloadError) -> Result<(), EventError> {
        Err(reason.into())
    }

    /// The tags that an event is appended with. By default none.
    fn tags(_event: &Self::Event) -> Vec<String> {
        Vec::new()
    }
}

/// How an aggregate decides on a command: with the events that come of it, or with a reason against it.
pub trait Handle<Command>: Aggregate {
    /// Why a command is rejected.
    type Error;

    /// The events that come of the command in this state; none if there is nothing to do. Called again with the newer state
    /// if somebody else's events came between, so it has no effects of its own.
    ///
    /// # Errors
    /// Why not. Then nothing is appended.
    fn handle(&self, command: &Command) -> Result<Vec<Self::Event>, Self::Error>;
}
