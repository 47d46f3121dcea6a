//! What a command works with: the store that was named and the output that was asked for.

use crate::args::store::StoreArgs;
use crate::output::{Format, Out};
use annals::{Options, Store};
use anyhow::Result;
use std::path::PathBuf;

/// The options that all commands share.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) store: PathBuf,
    pub(crate) format: Option<Format>,
}

impl Tool {
    /// Opens the store for reading only; also while another process writes to it.
    pub(crate) fn reading(&self) -> Result<Store> {
        Ok(Options::new().create(false).read_only(true).open(&self.store)?)
    }

    /// Opens the store for writing, and makes it if it is not there.
    pub(crate) fn writing(&self, args: &StoreArgs) -> Result<Store> {
        Ok(args.options().open(&self.store)?)
    }

    /// Opens the store for writing, if it is there.
    pub(crate) fn writing_existing(&self) -> Result<Store> {
        Ok(Options::new().create(false).open(&self.store)?)
    }

    /// Standard output in the form asked for.
    pub(crate) fn out(&self) -> Out {
        Out::new(self.format)
    }
}
