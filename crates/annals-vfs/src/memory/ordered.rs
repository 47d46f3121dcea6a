//! What a file system with a journal in order leaves after a crash: less can happen than on a strict disk.

use super::crash::Fate;
use super::operation::Operation;
use std::collections::BTreeSet;

/// Walks through the operations in the order in which they were done.
pub(super) struct InOrder {
    /// Every change to names and lengths before this operation survives.
    committed: u64,
    /// Whether a change was lost, and with it all later ones.
    cut: bool,
    /// Files that have lost a write that made them longer: they do not grow by later ones.
    short: BTreeSet<u64>,
}

impl InOrder {
    pub(super) fn since(committed: u64) -> Self {
        InOrder { committed, cut: false, short: BTreeSet::new() }
    }

    /// What becomes of a change to names. It is chosen only if nothing has decided it yet.
    pub(super) fn name(&mut self, sequence: u64, choose: impl FnOnce() -> Fate) -> Fate {
        if sequence >= self.committed && !self.cut {
            self.cut = choose() != Fate::Kept;
        }
        if sequence < self.committed || !self.cut { Fate::Kept } else { Fate::Lost }
    }

    /// What becomes of an operation on a file.
    pub(super) fn file(&mut self, id: u64, operation: &Operation, choose: impl FnOnce() -> Fate) -> Fate {
        if operation.sets_length() {
            return self.name(operation.sequence, choose);
        }
        let extends = operation.extends();
        if extends && self.short.contains(&id) {
            return Fate::Lost;
        }
        // New blocks become part of a file only when they have been written, and old ones hold what was in them.
        let fate = match choose() {
            Fate::Zeros | Fate::Garbage => Fate::Lost,
            Fate::Filled { size, kept, .. } => Fate::Sectors { size, kept },
            fate => fate,
        };
        match fate {
            Fate::Sectors { .. } if extends => self.shortened(id, Fate::Lost),
            Fate::Lost | Fate::Torn { .. } if extends => self.shortened(id, fate),
            fate => fate,
        }
    }

    fn shortened(&mut self, id: u64, fate: Fate) -> Fate {
        self.short.insert(id);
        fate
    }
}
