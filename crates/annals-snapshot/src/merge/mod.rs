//! Making one sorted file of others, in steps.
//!
//! The sources are walked in the order of keys, record by record, and what is still wanted of them is copied into a file under
//! a temporary name. Then that file is walked itself, for its index and its filter: so neither is kept in memory, and what was
//! written is read once before anything is removed for it.

mod choose;
mod group;
mod index;
mod input;
mod job;
mod output;
mod sources;
mod survey;

pub(crate) use choose::choose;
pub(crate) use job::{Job, Kind, Progress};
pub(crate) use sources::Sources;
pub(crate) use survey::Survey;
