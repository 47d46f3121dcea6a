//! What a backup or a restore has done.

use annals_types::{Position, Timestamp};

/// What [`Store::backup`](crate::Store::backup) did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// The last position of the backup: everything up to here is in it, and nothing else.
    pub position: Position,
    /// When the last event up to that position was recorded that is there; `None` if there is none.
    pub recorded_at: Option<Timestamp>,
    /// The last position of the backup that was there before, if there was one.
    pub former: Option<Position>,
    /// How the files came there.
    pub files: FilesTaken,
    /// Bytes that were read and verified.
    pub verified_bytes: u64,
    /// What is not wrong but worth knowing: a file of the index that was left out because it is damaged.
    pub notes: Vec<String>,
}

/// What [`restore`](crate::restore) did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// The last position of the new store. Less than the position that was asked for if that one is within a batch, or was removed.
    pub position: Position,
    /// When the last event up to that position was recorded that is there; `None` if there is none.
    pub recorded_at: Option<Timestamp>,
    /// The last position of the backup.
    pub backup_position: Position,
    /// How the files came there.
    pub files: FilesTaken,
    /// Bytes that were read and verified.
    pub verified_bytes: u64,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// How files came to a backup or to a restored store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilesTaken {
    /// They were there before, and are as they were.
    pub kept: FileCount,
    /// Second names of the same files.
    pub linked: FileCount,
    /// Files of their own that share the bytes.
    pub cloned: FileCount,
    /// Copies. Of a file that was there in part only what was missing counts.
    pub copied: FileCount,
}

/// How many files, and how many bytes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCount {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

impl FileCount {
    pub(super) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// How far a backup or a restore has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupProgress {
    /// What is done, in bytes.
    pub bytes_done: u64,
    /// What is to be done in all, as far as is known: what is taken, and again what of it is verified.
    pub bytes_total: u64,
}

/// Tells how far it has come, now and then.
pub(super) struct Progress<'p> {
    tell: &'p mut dyn FnMut(BackupProgress),
    done: u64,
    total: u64,
}

impl<'p> Progress<'p> {
    pub(super) fn new(tell: &'p mut dyn FnMut(BackupProgress)) -> Self {
        tell(BackupProgress { bytes_done: 0, bytes_total: 0 });
        Progress { tell, done: 0, total: 0 }
    }

    /// So much is left to be done.
    pub(super) fn left(&mut self, bytes: u64) {
        self.total = self.done.saturating_add(bytes);
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.done = self.done.saturating_add(bytes);
        self.total = self.total.max(self.done);
        (self.tell)(BackupProgress { bytes_done: self.done, bytes_total: self.total });
    }

    /// Everything is done, also where less was to be done than was expected.
    pub(super) fn end(&mut self) {
        self.add(self.total - self.done);
    }
}
