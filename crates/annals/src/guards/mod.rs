//! Guards: who has not read everything yet, and what is kept for them.
//!
//! A guard is a name and a position, said by events of a system stream ([`event`]); [`known`] has what they come to. Compaction keeps
//! every segment with events above the position of a guard, and a view made for a guard shows what rules hide there. They are
//! set through a handle ([`handle`]).

mod error;
mod event;
mod handle;
mod known;

pub use error::GuardError;
pub use handle::{GuardInfo, Guards};

pub(crate) use event::{GUARDS_STREAM, GuardEvent};
pub(crate) use known::SharedGuards;
