//! Making one sorted file of others, in steps.
//!
//! The sources are walked in the order of keys, record by record, and what is still wanted of them is copied into a file under
//! a temporary name. Then that file is walked itself, for its index and its filter: so neither is kept in memory, and what was
//! written is read once before anything is removed for it.

mod choose;
mod copying;
mod group;
mod index;
mod input;
mod job;
mod output;
mod sources;
mod survey;

pub(crate) use choose::choose;
pub(crate) use group::Group;
pub(crate) use input::Input;
pub(crate) use job::{Job, Kind, Progress};
pub(crate) use sources::Sources;
pub(crate) use survey::Survey;

use crate::forget::Forget;
use std::sync::Arc;

/// What stays of the sources of a merge.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    /// How many of each pair of stream and tag, the newest ones; `None` for all.
    pub(crate) newest: Option<u64>,
    /// What is dropped all the same.
    pub(crate) forget: Option<Arc<Forget>>,
}

impl Keep {
    pub(crate) fn newest(newest: Option<u64>) -> Self {
        Keep { newest, forget: None }
    }
}
