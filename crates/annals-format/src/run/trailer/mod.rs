//! The trailer that ends a run: how many of everything there are, and with that where everything is.

mod decode;
mod reseal;

pub use reseal::reseal_run;

use super::filter::FilterShape;
use super::group::GROUP_TERMS;
use super::table::TableShape;
use super::term::TermKind;
use crate::FORMAT_VERSION;
use crate::wire::{put_u32, put_u64, u32_at};
use annals_types::Position;

const MAGIC: [u8; 8] = *b"ANNALRUX";
const VERSION: usize = 8;
const CHECKSUM: usize = 12;
const FIRST_POSITION: usize = 16;
const COUNT: usize = 24;
const TERMS: usize = 32;
const IDS: usize = 64;
const HASH_SEED: usize = 72;
const DICTIONARY_LENGTH: usize = 80;
const PAGES_CHECKSUM: usize = 88;
const TERM_BUCKET_BITS: usize = 92;
const TERM_VALUE_BITS: usize = 93;
const ID_BUCKET_BITS: usize = 94;
const ID_VALUE_BITS: usize = 95;
const TERM_FILTER: usize = 96;
const ID_FILTER: usize = 100;
const TERM_ENTRY_BYTES: usize = 104;
const ID_ENTRY_BYTES: usize = 105;
const RESERVED: usize = 106;

/// Length of the trailer that ends a run.
pub const RUN_TRAILER_BYTES: usize = 112;

const _: () = assert!(TERMS + TermKind::ALL.len() * 8 == IDS);
const _: () = assert!(RESERVED + 6 == RUN_TRAILER_BYTES);

/// What a trailer says of its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTrailer {
    /// The first position that the run covers.
    pub first_position: Position,
    /// How many positions it covers.
    pub count: u64,
    /// How many terms of each kind it has, in the order of [`TermKind::ALL`].
    pub terms: [u64; 4],
    /// The seed of its hashes.
    pub hash_seed: u64,
    /// Length of the dictionary.
    pub dictionary_length: u64,
    /// The table of terms; its values are the places of groups, relative to the dictionary.
    pub term_table: TableShape,
    /// The table of event ids; its values are positions, relative to the first.
    pub id_table: TableShape,
    /// The filter before the table of terms: of the hashes of all terms.
    pub term_filter: FilterShape,
    /// The filter before the table of ids: of the hashes of all ids.
    pub id_filter: FilterShape,
    /// The checksum of the page checksums, see [`page_table_checksum`].
    pub pages_checksum: u32,
}

impl RunTrailer {
    /// How many terms there are.
    #[must_use]
    pub fn term_total(&self) -> u64 {
        self.terms.iter().fold(0, |total, count| total.saturating_add(*count))
    }

    /// How many groups the dictionary has.
    #[must_use]
    pub fn group_count(&self) -> u64 {
        self.term_total().div_ceil(GROUP_TERMS as u64)
    }

    /// The trailer as bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; RUN_TRAILER_BYTES] {
        let mut bytes = [0; RUN_TRAILER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        put_u32(&mut bytes, VERSION, FORMAT_VERSION);
        put_u64(&mut bytes, FIRST_POSITION, self.first_position.get());
        put_u64(&mut bytes, COUNT, self.count);
        for (kind, count) in self.terms.iter().enumerate() {
            put_u64(&mut bytes, TERMS + kind * 8, *count);
        }
        put_u64(&mut bytes, IDS, self.id_table.entries);
        put_u64(&mut bytes, HASH_SEED, self.hash_seed);
        put_u64(&mut bytes, DICTIONARY_LENGTH, self.dictionary_length);
        put_u32(&mut bytes, PAGES_CHECKSUM, self.pages_checksum);
        bytes[TERM_BUCKET_BITS] = self.term_table.bucket_bits;
        bytes[TERM_VALUE_BITS] = self.term_table.value_bits;
        bytes[ID_BUCKET_BITS] = self.id_table.bucket_bits;
        bytes[ID_VALUE_BITS] = self.id_table.value_bits;
        put_u32(&mut bytes, TERM_FILTER, self.term_filter.blocks);
        put_u32(&mut bytes, ID_FILTER, self.id_filter.blocks);
        bytes[TERM_ENTRY_BYTES] = self.term_table.entry_bytes;
        bytes[ID_ENTRY_BYTES] = self.id_table.entry_bytes;
        let checksum = trailer_checksum(&bytes);
        put_u32(&mut bytes, CHECKSUM, checksum);
        bytes
    }

    /// The checksum in an encoded trailer. Together with the checksums that the trailer holds it stands for
    /// the whole file.
    #[must_use]
    pub fn stored_checksum(bytes: &[u8; RUN_TRAILER_BYTES]) -> u32 {
        u32_at(bytes, CHECKSUM)
    }
}

/// Computes [`page_table_checksum`] of bytes that come piece by piece.
#[derive(Clone, Debug, Default)]
pub struct PageTableChecksum(crc32fast::Hasher);

impl PageTableChecksum {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes.
    #[must_use]
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}

/// The checksum of the page checksums: of all bytes from the front of the page table up to the trailer.
#[must_use]
pub fn page_table_checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

fn trailer_checksum(bytes: &[u8; RUN_TRAILER_BYTES]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..CHECKSUM]);
    hasher.update(&bytes[FIRST_POSITION..]);
    hasher.finalize()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn trailer() -> RunTrailer {
        RunTrailer {
            first_position: Position::new(42),
            count: 100,
            terms: [20, 3, 4, 5],
            hash_seed: 99,
            dictionary_length: 503,
            term_table: TableShape::of_terms(32, 503),
            id_table: TableShape::of_ids(50, 100),
            term_filter: FilterShape { blocks: 2 },
            id_filter: FilterShape { blocks: 3 },
            pages_checksum: 7,
        }
    }

    #[test]
    fn a_trailer_comes_back_as_it_was() {
        let length = trailer().parts().trailer.end;
        assert_eq!(RunTrailer::decode(&trailer().encode(), length), Ok(trailer()));
        assert!(RunTrailer::decode(&trailer().encode(), length + 8).is_err());
    }
}
