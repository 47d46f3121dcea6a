//! Where the parts of a run are: they follow from the numbers in its trailer.

use super::filter::{FILTER_ALIGNMENT, FilterShape};
use super::group::TABLE_WORD_BYTES;
use super::header::RUN_HEADER_BYTES;
use super::trailer::{RUN_TRAILER_BYTES, RunTrailer};
use crate::pages::PAGE_BYTES;
use std::ops::Range;

/// Parts begin at multiples of this many bytes.
const PART_ALIGNMENT: u64 = 8;

const _: () = assert!((RUN_HEADER_BYTES as u64).is_multiple_of(PART_ALIGNMENT));

/// Where the parts of a run are in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunParts {
    /// The terms and their positions.
    pub dictionary: Range<u64>,
    /// The group table: where each group begins, relative to the dictionary.
    pub groups: Range<u64>,
    /// The table of terms.
    pub term_table: Range<u64>,
    /// The table of event ids.
    pub id_table: Range<u64>,
    /// The filter of terms; empty if there is none.
    pub term_filter: Range<u64>,
    /// The filter of ids; empty if there is none.
    pub id_filter: Range<u64>,
    /// The checksums of the pages: of all bytes before them.
    pub page_table: Range<u64>,
    /// The trailer.
    pub trailer: Range<u64>,
}

impl RunTrailer {
    /// Where the parts are.
    #[must_use]
    pub fn parts(&self) -> RunParts {
        let mut end = RUN_HEADER_BYTES as u64;
        let mut part = |length: u64, alignment: u64| {
            let start = end.next_multiple_of(alignment);
            end = start + length;
            start..end
        };
        let alignment =
            |filter: FilterShape| if filter.blocks > 0 { FILTER_ALIGNMENT } else { PART_ALIGNMENT };
        let dictionary = part(self.dictionary_length, PART_ALIGNMENT);
        let groups = part(self.group_count() * TABLE_WORD_BYTES, PART_ALIGNMENT);
        let term_table = part(self.term_table.length(), PART_ALIGNMENT);
        let id_table = part(self.id_table.length(), PART_ALIGNMENT);
        let term_filter = part(self.term_filter.length(), alignment(self.term_filter));
        let id_filter = part(self.id_filter.length(), alignment(self.id_filter));
        let page_table = part(id_filter.end.div_ceil(PAGE_BYTES as u64) * 4, PART_ALIGNMENT);
        let trailer = part(RUN_TRAILER_BYTES as u64, PART_ALIGNMENT);
        RunParts { dictionary, groups, term_table, id_table, term_filter, id_filter, page_table, trailer }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trailer::tests::trailer;
    use super::*;

    #[test]
    fn parts_follow_each_other_at_multiples_of_eight_and_filters_at_multiples_of_64() {
        let parts = trailer().parts();
        let all = [
            parts.dictionary,
            parts.groups,
            parts.term_table,
            parts.id_table,
            parts.term_filter,
            parts.id_filter,
            parts.page_table,
            parts.trailer,
        ];
        assert_eq!(all[0].start, RUN_HEADER_BYTES as u64);
        for (index, pair) in all.windows(2).enumerate() {
            let alignment = if (3..5).contains(&index) { 64 } else { 8 };
            assert_eq!(pair[0].end.next_multiple_of(alignment), pair[1].start);
        }
    }
}
