//! How a backup is made, and as of when one is restored.

use annals_types::{Position, Timestamp};

/// How a backup is made or restored.
///
/// ```
/// use annals::BackupOptions;
/// let careful = BackupOptions::new();
/// let quick = BackupOptions::new().verify(false).links(true);
/// assert_ne!(careful, quick);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupOptions {
    pub(super) verify: bool,
    pub(super) links: bool,
}

impl Default for BackupOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl BackupOptions {
    /// Everything that is taken is verified, and files are linked where that is possible.
    #[must_use]
    pub fn new() -> Self {
        BackupOptions { verify: true, links: true }
    }

    /// Whether every byte that is taken is read and its checksums are verified before it counts. Default: yes. Of the segments
    /// that are still written every frame is verified in any case.
    #[must_use]
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// Whether files that do not change any more may be second names of the same files (hard links) where both directories are
    /// on one file system. Default: yes. It takes no time and no room, and is safe against everything that is done to the
    /// directories; what damages a file itself, such as a bad block, damages it under both names. Without it files are cloned
    /// where the file system can, which shares the bytes as well, and copied otherwise.
    #[must_use]
    pub fn links(mut self, links: bool) -> Self {
        self.links = links;
        self
    }
}

/// As of when a store is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreTo {
    /// Everything that the backup has.
    End,
    /// Events up to this position. A batch is there as a whole or not at all: a position within one means the end of the batch
    /// before it, and the report says so.
    Position(Position),
    /// Events recorded up to this time, inclusive.
    Recorded(Timestamp),
}
