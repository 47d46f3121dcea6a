//! Erasing what events say: their payloads go, for good, and the events stay.
//!
//! What is asked for is an event of a system stream first ([`request`]), which names the events by their positions. From the moment on
//! when it is durable nobody is shown their payloads any more ([`under_way`]). Then the segments are written anew without them, by the
//! steps of compaction ([`execute`]), the ledger is told, and snapshots that may have what they said go ([`states`]). When all of
//! that is done the manifest says so. A crash in between leaves a request that is under way: the next erasure or compaction goes on with it.

mod choosing;
mod error;
mod execute;
mod finding;
mod handle;
mod request;
mod states;
mod stretches;
mod under_way;

pub use error::{EraseError, Interrupted};
pub use handle::{Erase, ErasePlan, EraseReport, EraseSegment, EraseTarget};

pub(crate) use execute::erased_at;
pub(crate) use request::ERASURE_STREAM;
pub(crate) use states::Gate;
pub(crate) use under_way::{Concealing, Numbered, UnderWay};
