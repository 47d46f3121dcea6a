//! What opening found, for people.

use annals_format::Manifest;
use annals_types::Position;
use annals_wal::{Case, Recovered};
use std::fmt;

/// What recovery found when the store was opened.
///
/// A torn tail is normal after a crash: bytes of batches that were never acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Whether the store had been closed in good order.
    pub clean: bool,
    /// The last position after recovery.
    pub last_position: Position,
    /// How many segments had no footer yet and were read.
    pub segments_read: usize,
    /// File, offset and kind of bytes that were cut from the end of the log.
    pub torn_tail: Option<TornTail>,
}

/// Unfinished bytes after the last whole batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment's file.
    pub file: String,
    /// Where they began.
    pub offset: u64,
    /// What was wrong with the first of them.
    pub what: String,
}

impl RecoveryReport {
    pub(crate) fn new(manifest: &Manifest, recovered: &Recovered) -> Self {
        let torn = recovered.findings.iter().find(|finding| finding.case == Case::TornTail);
        RecoveryReport {
            clean: manifest.clean.is_some() || (manifest.open.is_empty() && manifest.sealed.is_empty()),
            last_position: recovered.next.previous(),
            segments_read: recovered.segments.len(),
            torn_tail: torn.map(|finding| TornTail {
                file: annals_format::names::segment(finding.segment_id),
                offset: finding.frames_end,
                what: finding.torn.as_ref().map(ToString::to_string).unwrap_or_default(),
            }),
        }
    }
}

impl fmt::Display for RecoveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ending = if self.clean { "closed in good order" } else { "not closed in good order" };
        write!(f, "{ending}, segments read: {}, last position: {}", self.segments_read, self.last_position)?;
        if let Some(torn) = &self.torn_tail {
            write!(f, ", torn tail cut from {} at offset {} ({})", torn.file, torn.offset, torn.what)?;
        }
        Ok(())
    }
}
