//! Files of snapshots: what was written comes back; any other bytes are refused.

mod bytes;

use crate::common::{RECORDED_AT, SALT, SEGMENT_ID, STORE_ID, binding};
use annals_format::names::{
    SNAPSHOT_DIR, parse_run, parse_snapshots, parse_snapshots_temporary, snapshots, snapshots_temporary,
};
use annals_format::run::FilterShape;
use annals_format::snapshot::{
    PayloadChecksum, REPLACED_MAX, SNAPSHOT_HEADER_BYTES, SnapshotEntry, SnapshotFileHeader,
    SnapshotFileKind, SnapshotFilePreamble, SnapshotHead, SnapshotKey, SnapshotTrailer,
};
use annals_format::{Damage, FORMAT_VERSION, FormatError};
use annals_types::limits::SNAPSHOT_BYTES_MAX;
use annals_types::{Position, Timestamp, Uuid, Version};
use proptest::prelude::*;

const OFFSET: u64 = 4096;

fn header() -> SnapshotFileHeader {
    SnapshotFileHeader {
        store_id: STORE_ID,
        file_id: SEGMENT_ID,
        salt: SALT,
        kind: SnapshotFileKind::Sorted,
        replaced: vec![2, 5],
    }
}

fn decode(bytes: &[u8]) -> Result<SnapshotFileHeader, FormatError> {
    let first = bytes.first_chunk().ok_or_else(|| Damage::new(0, "too short", 0u32, 0u32))?;
    SnapshotFilePreamble::decode(first)?.complete(&bytes[SNAPSHOT_HEADER_BYTES..])
}

fn head() -> SnapshotHead<'static> {
    SnapshotHead {
        stream: "account-1".into(),
        tag: "größe/2".into(),
        version: Version::new(42),
        position: Position::new(4711),
        event_id: Uuid::from_u128(0x0011_2233_4455_6677_8899_AABB_CCDD_EEFF),
        recorded_at: RECORDED_AT,
        occurred_max: Timestamp::from_nanos(-1),
        taken_at: Timestamp::from_nanos(2),
        sequence: 9,
        durable: 0x0102,
        codec: 3,
        flags: 0,
        payload_length: 5,
        payload_checksum: PayloadChecksum::of(b"state"),
    }
}

fn encoded(head: &SnapshotHead<'_>, offset: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    head.encode(offset, binding(), &mut bytes);
    bytes
}

fn trailer() -> SnapshotTrailer {
    SnapshotTrailer {
        records_end: 1000,
        count: 100,
        keys: 60,
        last_sequence: 77,
        filter: FilterShape { blocks: 3 },
        pages_checksum: 0x0BAD_CAFE,
    }
}

/// The length of the file that the trailer stands for: index from 1024, filter from 5824, one page and an eighth of a second.
const FILE_LENGTH: u64 = 5824 + 96 + 8 + 64;

#[test]
fn every_flipped_bit_of_a_structure_is_noticed() {
    let flipped = |bytes: &[u8], bit: usize| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    let bytes = header().encode();
    for bit in 0..bytes.len() * 8 {
        assert!(decode(&flipped(&bytes, bit)).is_err(), "header, bit {bit}");
    }
    let bytes = encoded(&head(), OFFSET);
    for bit in 0..bytes.len() * 8 {
        let damage = SnapshotHead::decode(&flipped(&bytes, bit), OFFSET, binding()).unwrap_err();
        assert!(
            (OFFSET..OFFSET + bytes.len() as u64).contains(&damage.offset),
            "record, bit {bit}: {damage}"
        );
    }
    let bytes = trailer().encode(binding());
    for bit in 0..bytes.len() * 8 {
        let bytes = flipped(&bytes, bit);
        let result = SnapshotTrailer::decode(bytes.first_chunk().unwrap(), 64, FILE_LENGTH, binding());
        assert!(result.is_err(), "trailer, bit {bit}");
    }
}

#[test]
fn a_structure_that_is_cut_is_damage() {
    let bytes = header().encode();
    assert!((0..bytes.len()).all(|length| decode(&bytes[..length]).is_err()));
    let bytes = encoded(&head(), OFFSET);
    assert!(
        (0..bytes.len()).all(|length| SnapshotHead::decode(&bytes[..length], OFFSET, binding()).is_err())
    );
}

#[test]
fn a_record_at_another_place_is_refused() {
    let bytes = encoded(&head(), OFFSET);
    assert!(SnapshotHead::decode(&bytes, OFFSET + 8, binding()).is_err());
    let other = annals_format::Binding::new(&STORE_ID, SEGMENT_ID + 1, SALT);
    assert!(SnapshotHead::decode(&bytes, OFFSET, other).is_err());
    assert!(SnapshotTrailer::decode(&trailer().encode(other), 64, FILE_LENGTH, binding()).is_err());
}

#[test]
fn a_trailer_belongs_to_a_file_of_one_length() {
    let bytes = trailer().encode(binding());
    for length in [0, 64, FILE_LENGTH - 1, FILE_LENGTH + 1, FILE_LENGTH + 64, u64::MAX] {
        assert!(SnapshotTrailer::decode(&bytes, 64, length, binding()).is_err(), "{length}");
    }
    assert!(SnapshotTrailer::decode(&bytes, 1001, FILE_LENGTH, binding()).is_err());
}

#[test]
fn numbers_that_are_absurd_are_damage_under_a_right_checksum_too() {
    for trailer in [
        SnapshotTrailer { count: u64::MAX, ..trailer() },
        SnapshotTrailer { count: u64::MAX / 48, ..trailer() },
        SnapshotTrailer { records_end: u64::MAX, ..trailer() },
        SnapshotTrailer { records_end: 1001, ..trailer() },
        SnapshotTrailer { keys: 101, ..trailer() },
        SnapshotTrailer { filter: FilterShape { blocks: u32::MAX }, ..trailer() },
    ] {
        let bytes = trailer.encode(binding());
        assert!(SnapshotTrailer::decode(&bytes, 64, FILE_LENGTH, binding()).is_err(), "{trailer:?}");
    }
    for replaced in [vec![5, 2], vec![5, 5], vec![7], vec![u64::MAX]] {
        let header = SnapshotFileHeader { replaced, ..header() };
        assert!(decode(&header.encode()).is_err(), "{header:?}");
    }
    let too_long = SnapshotHead { payload_length: SNAPSHOT_BYTES_MAX as u32 + 1, ..head() };
    assert!(SnapshotHead::decode(&encoded(&too_long, OFFSET), OFFSET, binding()).is_err());
    let longest = SnapshotHead { payload_length: SNAPSHOT_BYTES_MAX as u32, ..head() };
    assert_eq!(SnapshotHead::decode(&encoded(&longest, OFFSET), OFFSET, binding()), Ok(longest));
}

#[test]
fn a_header_names_at_most_so_many_files() {
    let most =
        SnapshotFileHeader { file_id: u64::MAX, replaced: (0..REPLACED_MAX as u64).collect(), ..header() };
    assert_eq!(decode(&most.encode()), Ok(most));
}

#[test]
fn a_newer_version_is_told_apart_from_damage_and_an_older_one_is_damage() {
    let with_version = |version: u32| {
        let mut bytes = header().encode();
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        annals_format::reseal::snapshots(&mut bytes);
        decode(&bytes)
    };
    let newer = FormatError::Newer { found: FORMAT_VERSION + 1, supported: FORMAT_VERSION };
    assert_eq!(with_version(FORMAT_VERSION + 1), Err(newer));
    assert!(matches!(with_version(2), Err(FormatError::Damaged(_))));
    assert_eq!(with_version(FORMAT_VERSION), Ok(header()));
}

#[test]
fn a_header_that_is_torn_is_told_apart_from_one_with_a_flipped_bit() {
    let bytes = header().encode();
    let first: [u8; SNAPSHOT_HEADER_BYTES] = *bytes.first_chunk().unwrap();
    for kept in 0..SNAPSHOT_HEADER_BYTES {
        let mut torn = first;
        torn[kept..].fill(0);
        assert!(SnapshotFilePreamble::is_unfinished(&torn), "{kept}");
    }
    for bit in 0..SNAPSHOT_HEADER_BYTES * 8 {
        let mut flipped = first;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!SnapshotFilePreamble::is_unfinished(&flipped), "{bit}");
    }
}

#[test]
fn what_begins_otherwise_is_foreign() {
    for first in [[0; SNAPSHOT_HEADER_BYTES], [0xFF; SNAPSHOT_HEADER_BYTES]] {
        assert!(matches!(SnapshotFilePreamble::decode(&first), Err(FormatError::Foreign { .. })));
    }
}

#[test]
fn entries_are_in_the_order_in_which_a_lookup_wants_them() {
    let entry = |stream, tag, version, sequence| SnapshotEntry {
        key: SnapshotKey { stream, tag },
        version: Version::new(version),
        sequence,
        occurred_max: Timestamp::EPOCH,
        offset: 64,
        length: 104,
    };
    let sorted =
        [entry(1, 1, 9, 1), entry(1, 1, 5, 8), entry(1, 1, 5, 7), entry(1, 2, 99, 9), entry(2, 0, 1, 1)];
    assert!(sorted.is_sorted_by(|one, other| one.compare(other).is_lt()));
}

fn within(path: &str) -> String {
    path.strip_prefix(SNAPSHOT_DIR).and_then(|path| path.strip_prefix('/')).unwrap().to_owned()
}

proptest! {
    #[test]
    fn a_name_is_parsed_back_to_its_number(id: u64) {
        prop_assert_eq!(parse_snapshots(&within(&snapshots(id))), Some(id));
        prop_assert_eq!(parse_snapshots_temporary(&within(&snapshots_temporary(id))), Some(id));
        prop_assert_eq!(parse_snapshots(&within(&snapshots_temporary(id))), None);
        prop_assert_eq!(parse_snapshots_temporary(&within(&snapshots(id))), None);
        prop_assert_eq!(parse_run(&within(&snapshots(id))), None);
    }

    #[test]
    fn any_record_comes_back(
        stream in "\\PC{1,60}", tag in "\\PC{1,30}", numbers: [u64; 4], times: [i64; 3], id: u128,
        codec: u8, flags: u32, payload_length in 0..=SNAPSHOT_BYTES_MAX as u32, payload_checksum: u32, place in 0..1u64 << 32,
    ) {
        let head = SnapshotHead {
            stream: stream.into(), tag: tag.into(),
            version: Version::new(numbers[0]), position: Position::new(numbers[1]), event_id: Uuid::from_u128(id),
            recorded_at: Timestamp::from_nanos(times[0]), occurred_max: Timestamp::from_nanos(times[1]),
            taken_at: Timestamp::from_nanos(times[2]),
            sequence: numbers[2], durable: numbers[3], codec, flags, payload_length, payload_checksum,
        };
        let bytes = encoded(&head, place * 8);
        prop_assert_eq!(bytes.len() as u64, head.head_length());
        prop_assert_eq!(SnapshotHead::decode(&bytes, place * 8, binding()), Ok(head));
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(mut bytes: Vec<u8>, right: bool) {
        if right {
            annals_format::reseal::snapshots(&mut bytes);
        }
        let _ = decode(&bytes);
        let _ = SnapshotHead::decode(&bytes, OFFSET, binding());
        if let Some(trailer) = bytes.last_chunk() {
            let _ = SnapshotTrailer::decode(trailer, 64, bytes.len() as u64, binding());
        }
    }
}
