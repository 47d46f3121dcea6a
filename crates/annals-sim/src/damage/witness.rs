//! What came of opening and reading a damaged store.

use crate::answers::ask_everything;
use crate::suite::Failure;
use annals::{Corruption, Event, OpenError, ReadError, Store};
use std::collections::BTreeSet;

/// The errors that were met.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// The files that they name.
    pub(super) files: BTreeSet<String>,
    /// The positions that cannot be read.
    pub(super) unreadable: BTreeSet<u64>,
    /// The last position that the store shows.
    pub(super) end: u64,
    /// Whether the store does not open.
    pub(super) refused: bool,
}

/// An error must say which file is meant.
fn named(corruption: &Corruption) -> Result<String, Failure> {
    let known = ["MANIFEST", "log/", "index/"];
    match known.iter().any(|name| corruption.file.starts_with(name)) && !corruption.what.is_empty() {
        true => Ok(corruption.file.clone()),
        false => Err(Failure::new(format!("an error that does not say where: {corruption:?}"))),
    }
}

impl Witness {
    /// Notes that the store does not open. `newer` says whether it may have been written by a newer version.
    ///
    /// # Errors
    /// An error that damage does not explain.
    pub(super) fn refused(
        &mut self,
        error: &OpenError,
        no_manifest: bool,
        newer: bool,
    ) -> Result<(), Failure> {
        self.refused = true;
        match error {
            OpenError::Corrupt(corruption) => {
                self.files.insert(named(corruption)?);
                Ok(())
            }
            OpenError::NotFound { .. } | OpenError::NotAStore { .. } if no_manifest => Ok(()),
            OpenError::Newer { .. } if newer => Ok(()),
            other => Err(Failure::new(format!("refused with {other:?}"))),
        }
    }

    /// Notes that a read fails.
    ///
    /// # Errors
    /// An error that damage does not explain.
    pub(super) fn note(&mut self, error: &ReadError) -> Result<(), Failure> {
        note(&mut self.files, error, false)
    }

    /// Reads a store in every way.
    ///
    /// # Errors
    /// A wrong answer, or an error that damage does not explain.
    pub(super) fn read(&mut self, store: &Store, truth: &[Event], newer: bool) -> Result<(), Failure> {
        let view = store.view();
        let mut found = BTreeSet::new();
        ask_everything(&view, truth, &mut |error| note(&mut found, &error, newer))?;
        for event in truth {
            if view.event_at(event.position).is_err() {
                self.unreadable.insert(event.position.get());
            }
        }
        if let Err(error) = store.stats() {
            note(&mut found, &error, newer)?;
        }
        if self.unreadable.is_empty() && !found.is_empty() {
            return Err(Failure::new(format!(
                "every event can be read, and {found:?} make other reads fail"
            )));
        }
        self.files.append(&mut found);
        Ok(())
    }
}

fn note(files: &mut BTreeSet<String>, error: &ReadError, newer: bool) -> Result<(), Failure> {
    match error {
        ReadError::Corrupt(corruption) => {
            files.insert(named(corruption)?);
            Ok(())
        }
        ReadError::Newer { .. } if newer => Ok(()),
        other => Err(Failure::new(format!("a read fails with {other:?}"))),
    }
}
