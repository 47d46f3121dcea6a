//! A file of snapshots, written or sorted.

use crate::sorted::Sorted;
use crate::written::Written;
use annals_format::Binding;
use annals_vfs::sync::atomic::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// A file that snapshots are found in.
#[derive(Clone, Debug)]
pub(crate) enum AnyFile {
    Written(Arc<Written>),
    Sorted(Arc<Sorted>),
}

impl AnyFile {
    pub(crate) fn id(&self) -> u64 {
        match self {
            AnyFile::Written(file) => file.id,
            AnyFile::Sorted(file) => file.id,
        }
    }

    pub(crate) fn binding(&self) -> Binding {
        match self {
            AnyFile::Written(file) => file.binding,
            AnyFile::Sorted(file) => file.binding,
        }
    }

    pub(crate) fn path(&self) -> String {
        match self {
            AnyFile::Written(file) => file.path(),
            AnyFile::Sorted(file) => file.path(),
        }
    }

    pub(crate) fn records(&self) -> Range<u64> {
        match self {
            AnyFile::Written(file) => file.records(),
            AnyFile::Sorted(file) => file.records(),
        }
    }

    /// Has the background make a file again in which damage was found. Written ones are sorted anyway.
    pub(crate) fn tell_damaged(&self) {
        if let AnyFile::Sorted(file) = self {
            file.damaged.store(true, Ordering::Relaxed);
        }
    }
}
