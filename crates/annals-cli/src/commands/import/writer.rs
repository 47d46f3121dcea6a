//! The writing side of an import: batches into the store, one after the other.

use super::identity::Source;
use super::outcome::Tally;
use super::pending::Pending;
use super::settle;
use annals::{AppendError, Store};
use anyhow::Error;
use std::sync::mpsc::Receiver;

/// One writer.
pub(crate) struct Writer<'a> {
    pub(crate) store: &'a Store,
    pub(crate) source: &'a Source,
    /// The file, as messages call it.
    pub(crate) name: &'a str,
    pub(crate) tally: &'a Tally,
}

/// Why a batch could not be appended: the line at which, and the error.
pub(crate) struct Stop {
    pub(crate) line: u64,
    pub(crate) error: Error,
}

impl Writer<'_> {
    /// Appends what comes. After a failure of its own it lets the rest go: that stands after the failure.
    pub(crate) fn run(&self, batches: &Receiver<Pending>) {
        for mut pending in batches {
            if let Err(stop) = self.append(&mut pending) {
                self.tally.fail(stop.line, stop.error);
                return;
            }
        }
    }

    fn append(&self, pending: &mut Pending) -> Result<(), Stop> {
        let batch = std::mem::take(&mut pending.batch);
        match self.store.append_batch(batch) {
            Ok(appended) if appended.already_applied => self.tally.skipped(pending.len()),
            Ok(appended) => self.tally.appended(appended.first_position, appended.last_position),
            Err(AppendError::IdTaken { .. }) => return settle::settle(self, pending),
            Err(error) => return Err(self.stop(pending, error.into())),
        }
        Ok(())
    }

    /// The end of the import by something that is not the fault of a line.
    pub(crate) fn stop(&self, pending: &Pending, error: Error) -> Stop {
        let line = pending.first_line();
        let context = format!("cannot append the events from {}:{line} on", self.name);
        Stop { line, error: error.context(context) }
    }
}
