//! Reading a trailer: what may be wrong with it.

use super::{
    CHECKSUM, COUNT, DICTIONARY_LENGTH, FIRST_POSITION, HASH_SEED, ID_BUCKET_BITS, ID_ENTRY_BYTES, ID_FILTER,
    ID_VALUE_BITS, IDS, MAGIC, PAGES_CHECKSUM, RESERVED, RUN_TRAILER_BYTES, RunTrailer, TERM_BUCKET_BITS,
    TERM_ENTRY_BYTES, TERM_FILTER, TERM_VALUE_BITS, TERMS, VERSION, trailer_checksum,
};
use crate::damage::{Damage, FormatError};
use crate::run::filter::FilterShape;
use crate::run::header::check_version;
use crate::run::table::TableShape;
use crate::wire::{u32_at, u64_at};
use annals_types::Position;

/// No file is longer: sums of a few lengths that are not longer either fit into 64 bits.
const FILE_BYTES_MAX: u64 = 1 << 60;

impl RunTrailer {
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

#[cfg(test)]
mod tests {
    use super::super::tests::trailer;
    use super::*;
    use crate::wire::{put_u32, put_u64};
    use proptest::prelude::*;

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
