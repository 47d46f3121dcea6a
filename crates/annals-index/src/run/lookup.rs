//! What exact lookups look at: filter, hash table, then at most one group of the dictionary.

use super::Run;
use crate::key::IdKey;
use crate::postings::Postings;
use annals_format::Damage;
use annals_format::run::{
    BLOCK_POSITIONS, FilterBlock, FilterShape, GROUP_HEADER_BYTES, GroupHeader, TABLE_WORD_BYTES, TableShape,
    TermEntry,
};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use std::ops::Range;

/// A group of the dictionary.
pub(crate) struct Group<'a> {
    pub(crate) entries: &'a [u8],
    /// Where the entries are in the file.
    pub(crate) offset: u64,
    /// Where the lists are, relative to the dictionary.
    lists: Range<u64>,
}

impl Run {
    pub(super) fn find_id_candidates(&self, key: &IdKey, out: &mut Vec<Position>) -> Result<(), Damage> {
        let hash = key.hash(self.trailer.hash_seed);
        let shape = &self.trailer.id_table;
        // The filter knows as much of a hash as the table does.
        let known = if planted(Bug::IdFilterAskedForWholeHash) { hash | 1 } else { hash };
        if !self.may_contain(self.trailer.id_filter, &self.parts.id_filter, known)? {
            return Ok(());
        }
        let bucket = self.pages.bytes(self.bucket(shape, &self.parts.id_table, hash)?)?;
        for relative in shape.values(bucket, hash) {
            if relative >= self.trailer.count {
                let at = self.parts.id_table.start;
                return Err(Damage::new(at, "position in the id table", relative, self.trailer.count));
            }
            if self.shows(relative) {
                out.push(self.trailer.first_position.plus(relative));
            }
        }
        Ok(())
    }

    /// The group at a place of the dictionary; `told_at` is where in the file the place was found.
    pub(super) fn group(&self, place: u64, told_at: u64) -> Result<Group<'_>, Damage> {
        let dictionary = &self.parts.dictionary;
        let start = dictionary.start.saturating_add(place);
        let offset = start.saturating_add(GROUP_HEADER_BYTES as u64);
        let header = if offset <= dictionary.end { self.pages.bytes(start..offset)? } else { &[] };
        let Some(header) = header.first_chunk() else {
            return Err(Damage::new(told_at, "place of a group", place, self.trailer.dictionary_length));
        };
        let header = GroupHeader::decode(header);
        let lists = offset + u64::from(header.entries_length);
        let end = lists + u64::from(header.lists_length);
        if end > dictionary.end {
            return Err(Damage::new(start, "length of a group", end, dictionary.end));
        }
        let entries = self.pages.bytes(offset..lists)?;
        Ok(Group { entries, offset, lists: lists - dictionary.start..end - dictionary.start })
    }

    /// The group with a number.
    pub(crate) fn numbered_group(&self, number: u64) -> Result<Group<'_>, Damage> {
        let at = self.parts.groups.start + number * TABLE_WORD_BYTES;
        let word = self.pages.bytes(at..at + TABLE_WORD_BYTES)?;
        let Some(place) = word.first_chunk() else {
            return Err(Damage::new(at, "entry of the group table", word.len() as u64, TABLE_WORD_BYTES));
        };
        self.group(u64::from_le_bytes(*place), at)
    }

    /// What an entry of a group says, within bounds, whether inside of the window or not. The place becomes one of the dictionary,
    /// unless it is a position.
    pub(crate) fn postings(&self, entry: &TermEntry, group: &Group<'_>) -> Result<Postings, Damage> {
        let TermEntry { count, first_version, place } = *entry;
        if count == 0 || count > self.trailer.count {
            return Err(Damage::new(group.offset, "position count of a term", count, self.trailer.count));
        }
        let (start, bound) = if count == 1 {
            (0, self.trailer.count)
        } else if count <= BLOCK_POSITIONS as u64 {
            (group.lists.start, group.lists.end - group.lists.start)
        } else {
            (0, self.trailer.dictionary_length)
        };
        if place >= bound {
            return Err(Damage::new(group.offset, "place of the positions of a term", place, bound));
        }
        Ok(Postings::whole(count, first_version, start + place))
    }

    /// Whether a filter leaves it open that there is a key with this hash. Without a filter everything is open.
    pub(super) fn may_contain(
        &self,
        shape: FilterShape,
        filter: &Range<u64>,
        hash: u64,
    ) -> Result<bool, Damage> {
        let of = if planted(Bug::FilterBlockOfOtherHash) { hash.reverse_bits() } else { hash };
        let Some(block) = shape.block_bytes(of) else { return Ok(true) };
        Ok(FilterBlock::may_contain(self.pages.bytes(within(filter, block))?, hash))
    }

    /// Where in the file the entries of the bucket of a hash are.
    pub(super) fn bucket(
        &self,
        shape: &TableShape,
        table: &Range<u64>,
        hash: u64,
    ) -> Result<Range<u64>, Damage> {
        let words = within(table, shape.bucket_words(hash));
        let offset = words.start;
        let entries = shape.bucket_entries(self.pages.bytes(words)?, offset)?;
        Ok(within(table, entries))
    }
}

/// A range of a part as one of the file.
fn within(part: &Range<u64>, range: Range<u64>) -> Range<u64> {
    part.start + range.start..part.start + range.end
}
