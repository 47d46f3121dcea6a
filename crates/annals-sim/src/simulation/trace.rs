//! What a run did, in one number.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Everything that was noted so far. The same notes give the same number, in every process.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace(DefaultHasher);

impl Trace {
    pub(super) fn note(&mut self, what: &impl Hash) {
        what.hash(&mut self.0);
    }

    pub(super) fn number(&self) -> u64 {
        self.0.finish()
    }
}
