//! Compaction: writing sealed segments anew without the events that rules of retention hide for good.
//!
//! What goes is decided by the rules as a view sees them ([`going`]). A segment, or some small ones, is the unit of work ([`unit`]): it is
//! written anew and indexed, and then one manifest puts it in the place of the old one ([`publish`]), and leaves of the runs that it was
//! in what is beside it. A crash at any point leaves the old files or the new ones. Readers that were begun before go on reading the old ones, which are removed when
//! the last of them has let go. What went is in the manifest until the ledger has it ([`ledger`]).
//!
//! It is done when somebody asks for it ([`handle`]), and by a thread of the store's own ([`worker`]), one at a time ([`turns`]).

mod control;
mod erased;
mod fate;
mod going;
mod handle;
mod job;
mod ledger;
mod pace;
mod publish;
mod recompress;
mod survey;
mod turns;
mod unit;
mod worker;

pub use control::{CompactionControl, CompactionProgress};
pub use erased::{ErasedEvent, ErasedEvents};
pub(crate) use fate::{Fate, Fates};
pub(crate) use handle::BYTES_PER_SECOND;
pub use handle::{CompactError, Compaction, CompactionReport};
pub(crate) use job::Job;
pub(crate) use ledger::{LEDGER_STREAM, told_compaction};
pub use ledger::{LedgerEntry, RemovedEvents};
pub(crate) use survey::survey;
pub(crate) use turns::Turns;
pub(crate) use unit::Unit;
pub(crate) use worker::Worker;
pub use worker::{CompactionOptions, CompactionState};
