//! The trailer that ends a run: how many of everything there are, and with that where everything is.

use super::filter::FilterShape;
use super::group::GROUP_TERMS;
use super::header::{check_version, reseal_run_header};
use super::table::TableShape;
use super::term::TermKind;
use crate::FORMAT_VERSION;
use crate::damage::{Damage, FormatError};
use crate::pages::page_checksums;
use crate::wire::{put_u32, put_u64, u32_at, u64_at};
use annals_types::Position;
use std::ops::Range;

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
/// No file is longer: sums of a few lengths that are not longer either fit into 64 bits.
const FILE_BYTES_MAX: u64 = 1 << 60;

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

    /// Reads the trailer that ends a run of `file_length` bytes.
    ///
    /// The checks, in order: magic, checksum, version, reserved bytes, positions within
    /// [`Position::MAX`], shapes of the tables, and that the parts fill the file exactly.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn decode(bytes: &[u8; RUN_TRAILER_BYTES], file_length: u64) -> Result<Self, FormatError> {
        let base = file_length.saturating_sub(RUN_TRAILER_BYTES as u64);
        let at = |field: usize| base + field as u64;
        if bytes[..8] != MAGIC {
            return Err(Damage::new(base, "run trailer magic", u64_at(bytes, 0), u64_at(&MAGIC, 0)).into());
        }
        let (found, expected) = (u32_at(bytes, CHECKSUM), trailer_checksum(bytes));
        if found != expected {
            return Err(Damage::new(at(CHECKSUM), "run trailer checksum", found, expected).into());
        }
        check_version(u32_at(bytes, VERSION), at(VERSION))?;
        let reserved = u64_at(bytes, RESERVED - 2) >> 16;
        if reserved != 0 {
            let what = "reserved bytes of the run trailer";
            return Err(Damage::new(at(RESERVED), what, reserved, 0u64).into());
        }
        let mut trailer = RunTrailer {
            first_position: Position::new(u64_at(bytes, FIRST_POSITION)),
            count: u64_at(bytes, COUNT),
            terms: [0, 1, 2, 3].map(|kind| u64_at(bytes, TERMS + kind * 8)),
            hash_seed: u64_at(bytes, HASH_SEED),
            dictionary_length: u64_at(bytes, DICTIONARY_LENGTH),
            term_table: TableShape {
                entries: 0,
                bucket_bits: bytes[TERM_BUCKET_BITS],
                value_bits: bytes[TERM_VALUE_BITS],
                entry_bytes: bytes[TERM_ENTRY_BYTES],
            },
            id_table: TableShape {
                entries: u64_at(bytes, IDS),
                bucket_bits: bytes[ID_BUCKET_BITS],
                value_bits: bytes[ID_VALUE_BITS],
                entry_bytes: bytes[ID_ENTRY_BYTES],
            },
            term_filter: FilterShape { blocks: u32_at(bytes, TERM_FILTER) },
            id_filter: FilterShape { blocks: u32_at(bytes, ID_FILTER) },
            pages_checksum: u32_at(bytes, PAGES_CHECKSUM),
        };
        trailer.term_table.entries = trailer.term_total();
        let last = trailer.first_position.plus(trailer.count).previous();
        if last > Position::MAX {
            let most = Position::MAX.get();
            return Err(Damage::new(at(COUNT), "last position of a run", last.get(), most).into());
        }
        // Bounding each length by the file's keeps the sums in `parts` from overflowing.
        let fits = file_length <= FILE_BYTES_MAX
            && trailer.term_table.is_possible(file_length)
            && trailer.id_table.is_possible(file_length)
            && trailer.id_table.knows_ids()
            && trailer.dictionary_length <= file_length
            && trailer.parts().trailer.end == file_length;
        if !fits {
            let length = trailer.dictionary_length;
            return Err(Damage::new(at(TERMS), "lengths in the run trailer", length, file_length).into());
        }
        Ok(trailer)
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

/// See [`crate::reseal`]. `bytes` are those of the whole file.
pub fn reseal_run(bytes: &mut [u8]) {
    reseal_run_header(bytes);
    let length = bytes.len() as u64;
    let seal = |bytes: &mut [u8]| {
        let trailer = bytes.last_chunk_mut::<RUN_TRAILER_BYTES>()?;
        let checksum = trailer_checksum(trailer);
        put_u32(trailer, CHECKSUM, checksum);
        RunTrailer::decode(trailer, length).ok()
    };
    let Some(trailer) = seal(bytes) else { return };
    // That the parts lie within the file was checked by decoding.
    let place = |range: Range<u64>| range.start as usize..range.end as usize;
    let parts = trailer.parts();
    let sums = page_checksums(&bytes[..place(parts.page_table.clone()).start]);
    let sums: Vec<u8> = sums.flat_map(u32::to_le_bytes).collect();
    bytes[place(parts.page_table.clone())].copy_from_slice(&sums);
    let checksum = page_table_checksum(&bytes[place(parts.page_table.start..parts.trailer.start)]);
    if let Some(trailer) = bytes.last_chunk_mut::<RUN_TRAILER_BYTES>() {
        put_u32(trailer, PAGES_CHECKSUM, checksum);
    }
    seal(bytes);
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
    use proptest::prelude::*;

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

    /// A sample whose bytes were changed, under the right checksum.
    fn sealed(change: impl FnOnce(&mut [u8; RUN_TRAILER_BYTES])) -> [u8; RUN_TRAILER_BYTES] {
        let mut bytes = trailer().encode();
        change(&mut bytes);
        let checksum = trailer_checksum(&bytes);
        put_u32(&mut bytes, CHECKSUM, checksum);
        bytes
    }

    fn refused_for(bytes: &[u8; RUN_TRAILER_BYTES]) -> &'static str {
        match RunTrailer::decode(bytes, trailer().parts().trailer.end) {
            Err(FormatError::Damaged(damage)) => damage.what,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_trailer_of_the_first_version_is_refused() {
        let bytes = sealed(|bytes| put_u32(bytes, VERSION, 1));
        assert!(refused_for(&bytes).starts_with("version of a run"));
    }

    #[test]
    fn reserved_bytes_are_looked_at() {
        for at in RESERVED..RUN_TRAILER_BYTES {
            assert!(refused_for(&sealed(|bytes| bytes[at] = 1)).starts_with("reserved bytes"));
        }
    }

    #[test]
    fn absurd_shapes_of_tables_are_refused_before_anything_is_computed_with_them() {
        let length = trailer().parts().trailer.end;
        let id_table = trailer().id_table;
        for absurd in [
            TableShape { entry_bytes: 0, ..id_table },
            TableShape { entry_bytes: 5, ..id_table },
            TableShape { entry_bytes: 9, ..id_table },
            TableShape { entry_bytes: 255, ..id_table },
            TableShape { bucket_bits: 41, ..id_table },
            TableShape { bucket_bits: 255, ..id_table },
            TableShape { value_bits: 41, ..id_table },
            TableShape { value_bits: 49, entry_bytes: 8, ..id_table },
            TableShape { value_bits: 255, ..id_table },
            TableShape { entries: u64::MAX, ..id_table },
        ] {
            assert!(!absurd.is_possible(length), "{absurd:?}");
            let of_ids = RunTrailer { id_table: absurd, ..trailer() };
            assert!(RunTrailer::decode(&of_ids.encode(), length).is_err());
            let of_terms = RunTrailer { term_table: absurd, ..trailer() };
            assert!(absurd.entries > length || RunTrailer::decode(&of_terms.encode(), length).is_err());
        }
    }

    #[test]
    fn a_table_of_ids_that_does_not_know_their_hashes_is_refused() {
        // 40 hash bits of an entry and 1 of the bucket.
        let id_table = TableShape { value_bits: 8, bucket_bits: 1, ..trailer().id_table };
        let less = RunTrailer { id_table, ..trailer() };
        assert!(RunTrailer::decode(&less.encode(), less.parts().trailer.end).is_err());
        let enough = RunTrailer { id_table: TableShape { bucket_bits: 2, ..id_table }, ..trailer() };
        assert_eq!(RunTrailer::decode(&enough.encode(), enough.parts().trailer.end), Ok(enough));
    }

    #[test]
    fn block_counts_beyond_the_file_are_refused() {
        let length = trailer().parts().trailer.end;
        for blocks in [9, 1 << 20, u32::MAX] {
            let filter = FilterShape { blocks };
            for absurd in [
                RunTrailer { term_filter: filter, ..trailer() },
                RunTrailer { id_filter: filter, ..trailer() },
            ] {
                assert!(RunTrailer::decode(&absurd.encode(), length).is_err());
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_trailer_is_noticed() {
        let (bytes, length) = (trailer().encode(), trailer().parts().trailer.end);
        for bit in 0..RUN_TRAILER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(RunTrailer::decode(&flipped, length).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn lengths_whose_sum_has_no_room_in_64_bits_are_refused() {
        let huge = RunTrailer {
            dictionary_length: i64::MAX as u64,
            terms: [1 << 60, 0, 0, 0],
            id_table: TableShape { entries: 1 << 60, bucket_bits: 40, value_bits: 0, entry_bytes: 8 },
            ..trailer()
        };
        for length in [1 << 60, i64::MAX as u64, u64::MAX] {
            assert!(RunTrailer::decode(&huge.encode(), length).is_err());
        }
    }

    proptest! {
        #[test]
        fn absurd_numbers_under_a_right_checksum_are_refused(
            field in (FIRST_POSITION..RUN_TRAILER_BYTES - 7).prop_filter("not a length", |at| *at < HASH_SEED - 7 || *at > 79),
            value in prop_oneof![any::<u64>(), Just(u64::MAX), (0u32..64).prop_map(|bit| 1 << bit)],
            length in prop_oneof![any::<u64>(), Just(trailer().parts().trailer.end)],
        ) {
            let mut bytes = trailer().encode();
            put_u64(&mut bytes, field, value);
            let checksum = trailer_checksum(&bytes);
            put_u32(&mut bytes, CHECKSUM, checksum);
            if let Ok(decoded) = RunTrailer::decode(&bytes, length) {
                prop_assert_eq!(decoded.parts().trailer.end, length);
            }
        }
    }
}
