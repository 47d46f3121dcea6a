//! What may go, and what of it is hidden already.
//!
//! Rules are events of a system stream ([`event`]). What they come to ([`rules`], [`layers`]) is read when it is needed ([`shared`]),
//! and hides events from every view that is made from then on ([`hiding`], [`bounds`]); appends are decided by it ([`deciding`]).
//! They are set through a handle ([`handle`], [`setting`]); limits of bytes are enforced in rounds ([`round`]); [`planning`] measures what may go of
//! each segment. Nothing is removed here.

mod bounds;
mod changes;
mod deciding;
mod departed;
mod error;
mod event;
mod handle;
mod hiding;
mod layers;
mod listed;
mod log;
mod of_stream;
mod planning;
mod round;
mod rules;
mod setting;
mod shared;

pub use error::RetentionError;
pub use handle::{Retention, RetentionChange, StreamRetention};
pub use listed::{RetentionEntries, RetentionEntry};
pub use round::RetentionRound;

pub(crate) use bounds::Hider;
pub(crate) use deciding::{Deletion, Standing, check_ends};
pub(crate) use departed::Departed;
pub(crate) use event::{RETENTION_STREAM, RetentionEvent};
pub(crate) use hiding::Hiding;
pub(crate) use log::Log;
pub(crate) use of_stream::{deletion_of, lets_go_for_good, useless_before};
pub(crate) use rules::Rules;
pub(crate) use shared::SharedRules;
