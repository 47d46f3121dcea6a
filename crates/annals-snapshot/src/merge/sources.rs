//! What a merge is made of.

use super::input::Input;
use crate::files::{Broken, Files, Rest};
use crate::sorted::Sorted;
use crate::written::Written;
use std::io;
use std::sync::Arc;

/// What a merge is made of.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) written: Vec<Arc<Written>>,
    pub(crate) sorted: Vec<Arc<Sorted>>,
    pub(crate) broken: Vec<Broken>,
    /// Files that stay, and whose snapshots take the place of older ones in the sources.
    pub(crate) beside: Vec<Arc<Sorted>>,
}

impl Sources {
    /// The numbers of the files that go.
    pub(super) fn ids(&self) -> Vec<u64> {
        let written = self.written.iter().map(|file| file.id);
        let sorted = self.sorted.iter().map(|file| file.id);
        let mut ids: Vec<u64> = written.chain(sorted).chain(self.broken.iter().map(|file| file.id)).collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn inputs(&self) -> io::Result<Vec<Input>> {
        let mut inputs = Vec::new();
        for file in &self.written {
            inputs.push(Input::of_written(file)?);
        }
        for file in &self.sorted {
            inputs.push(Input::of_sorted(file)?);
        }
        for broken in &self.broken {
            if let Rest::Records(header, file) = &broken.rest {
                inputs.push(Input::of_rest(header, file, broken.length)?);
            }
        }
        Ok(inputs)
    }

    /// How many files go.
    pub(crate) fn count(&self) -> usize {
        self.written.len() + self.sorted.len() + self.broken.len()
    }

    /// What is needed to make a file again: itself, and all others beside it.
    pub(crate) fn rewriting(files: &Files, id: u64) -> Option<Self> {
        let (sorted, beside): (Vec<_>, Vec<_>) = files.sorted.iter().cloned().partition(|file| file.id == id);
        let broken: Vec<Broken> = files.broken.iter().filter(|broken| broken.id == id).cloned().collect();
        let found = !sorted.is_empty() || !broken.is_empty();
        found.then_some(Sources { written: Vec::new(), sorted, broken, beside })
    }
}
