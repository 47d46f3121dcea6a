//! What merging reads of a run: stretches of it, from front to back.

use super::Run;
use annals_format::Damage;
use annals_format::run::{RunTrailer, TABLE_WORD_BYTES};
use std::ops::Range;

/// Bytes that are asked for ahead at a time.
const WINDOW_BYTES: u64 = 512 * 1024;

impl Run {
    pub(crate) fn trailer(&self) -> &RunTrailer {
        &self.trailer
    }

    /// Entries of the table of ids, by their numbers, as bytes.
    pub(crate) fn id_entries(&self, numbers: Range<u64>) -> Result<&[u8], Damage> {
        let first = self.id_entries_start();
        self.pages.bytes(first + numbers.start * TABLE_WORD_BYTES..first + numbers.end * TABLE_WORD_BYTES)
    }

    /// Where in the file the entries of the table of ids begin.
    pub(crate) fn id_entries_start(&self) -> u64 {
        self.parts.id_table.start + self.trailer.id_table.directory_length()
    }

    /// Asks for the dictionary ahead of a reader who is at an offset of the file.
    pub(crate) fn read_dictionary_ahead(&self, ahead: &mut ReadAhead, offset: u64) {
        self.read_ahead(ahead, offset, self.parts.dictionary.end);
    }

    /// Asks for the group table ahead of a reader who is at a group.
    pub(crate) fn read_groups_ahead(&self, ahead: &mut ReadAhead, number: u64) {
        self.read_ahead(ahead, self.parts.groups.start + number * TABLE_WORD_BYTES, self.parts.groups.end);
    }

    /// Asks for the entries of the table of ids ahead of a reader who is at one.
    pub(crate) fn read_ids_ahead(&self, ahead: &mut ReadAhead, number: u64) {
        self.read_ahead(ahead, self.id_entries_start() + number * TABLE_WORD_BYTES, self.parts.id_table.end);
    }

    #[inline]
    fn read_ahead(&self, ahead: &mut ReadAhead, offset: u64, end: u64) {
        if offset + WINDOW_BYTES / 2 >= ahead.asked {
            let start = ahead.asked.max(offset);
            ahead.asked = end.min(start + WINDOW_BYTES);
            if start < ahead.asked {
                self.pages.prefetch(start..ahead.asked);
            }
            if ahead.asked == end {
                ahead.asked = u64::MAX;
            }
        }
    }
}

/// How far a part of a run was asked for.
#[derive(Debug, Default)]
pub(crate) struct ReadAhead {
    asked: u64,
}
