//! What merging reads of a run: stretches of it, from front to back.

use super::Run;
use annals_format::Damage;
use annals_format::run::{DIRECTORY_WORD_BYTES, RunTrailer, TABLE_WORD_BYTES};
use std::ops::Range;

/// Bytes that are asked for ahead at a time.
const WINDOW_BYTES: u64 = 512 * 1024;

impl Run {
    pub(crate) fn trailer(&self) -> &RunTrailer {
        &self.trailer
    }

    /// Where in the file an entry of the table of ids is.
    pub(crate) fn id_entry_at(&self, number: u64) -> u64 {
        let table = &self.trailer.id_table;
        self.parts.id_table.start + table.directory_length() + number * u64::from(table.entry_bytes)
    }

    /// The numbers of the entries of a bucket of the table of ids.
    pub(crate) fn id_bucket(&self, bucket: u64) -> Result<Range<u64>, Damage> {
        let words = self.id_directory_at(bucket)..self.id_directory_at(bucket + 2);
        let at = words.start;
        self.trailer.id_table.bucket_range(self.pages.bytes(words)?, at)
    }

    /// Entries of the table of ids, by their numbers, as bytes.
    pub(crate) fn id_entries(&self, numbers: Range<u64>) -> Result<&[u8], Damage> {
        self.pages.bytes(self.id_entry_at(numbers.start)..self.id_entry_at(numbers.end))
    }

    /// Where in the file a word of the directory of the table of ids is.
    pub(crate) fn id_directory_at(&self, number: u64) -> u64 {
        self.parts.id_table.start + number * DIRECTORY_WORD_BYTES
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
        self.read_ahead(ahead, self.id_entry_at(number), self.parts.id_table.end);
    }

    /// Asks for the directory of the table of ids ahead of a reader who is at a bucket.
    pub(crate) fn read_id_directory_ahead(&self, ahead: &mut ReadAhead, bucket: u64) {
        self.read_ahead(ahead, self.id_directory_at(bucket), self.id_entry_at(0));
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
