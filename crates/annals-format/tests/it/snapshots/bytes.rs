//! The bytes of files of snapshots, locked.

use super::{FILE_LENGTH, OFFSET, decode, encoded, head, header, trailer};
use crate::common::{RECORDED_AT, STORE_ID, binding, bound_checksum, hex, plain_checksum, unhex};
use annals_format::snapshot::{
    SnapshotEntry, SnapshotHead, SnapshotKey, SnapshotTrailer, may_be_snapshot, snapshot_hash_seed,
    snapshot_head_length,
};
use annals_types::{Timestamp, Version};

#[test]
fn a_header_that_replaces_two_files_has_these_bytes() {
    let list = unhex("02 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00");
    let third = unhex(
        "41 4e 4e 41 4c 53 4e 50 03 00 00 00 00 00 00 00
         74 68 65 20 73 74 6f 72 65 27 73 20 6e 61 6d 65
         07 00 00 00 00 00 00 00 ef cd ab 89 67 45 23 01
         02 00 00 00 00 00 00 00 02 00 00 00 00 00 00 ff",
    );
    for version in 3..=4 {
        let mut bytes = third.clone();
        bytes[8] = version;
        bytes[52..56].copy_from_slice(&plain_checksum(&[&list]));
        let checksum = plain_checksum(&[&bytes[..12], &bytes[16..]]);
        bytes[12..16].copy_from_slice(&checksum);
        bytes.extend(&list);
        assert_eq!(hex(&header().encode()) == hex(&bytes), version == 4);
        assert_eq!(decode(&bytes), Ok(header()));
        assert_eq!(header().length(), bytes.len());
    }
}

#[test]
fn a_record_has_these_bytes() {
    let mut bytes = unhex(
        "41 53 4e 50 00 00 00 00 05 00 00 00 00 00 00 00
         09 00 09 03 00 00 00 00 02 01 00 00 00 00 00 00
         09 00 00 00 00 00 00 00 2a 00 00 00 00 00 00 00
         67 12 00 00 00 00 00 00 00 11 22 33 44 55 66 77
         88 99 aa bb cc dd ee ff 15 cd e3 c3 4d 9c 97 17
         ff ff ff ff ff ff ff ff 02 00 00 00 00 00 00 00
         61 63 63 6f 75 6e 74 2d 31 67 72 c3 b6 c3 9f 65
         2f 32",
    );
    bytes[72..80].copy_from_slice(&RECORDED_AT.as_nanos().to_le_bytes());
    bytes[12..16].copy_from_slice(&plain_checksum(&[b"state"]));
    let checksum = bound_checksum(&[&OFFSET.to_le_bytes(), &bytes[..4], &bytes[8..]]);
    bytes[4..8].copy_from_slice(&checksum);
    assert_eq!(hex(&encoded(&head(), OFFSET)), hex(&bytes));
    assert_eq!(SnapshotHead::decode(&bytes, OFFSET, binding()), Ok(head()));
    assert_eq!((head().head_length(), head().record_length()), (114, 120));
    assert!(may_be_snapshot(&bytes) && !may_be_snapshot(&bytes[1..]) && !may_be_snapshot(&bytes[..3]));
    assert_eq!(snapshot_head_length(bytes.first_chunk().unwrap()), 114);
}

#[test]
fn an_entry_has_these_bytes() {
    let entry = SnapshotEntry {
        key: SnapshotKey { stream: 0x0102_0304_0506_0708, tag: 0x1112_1314_1516_1718 },
        version: Version::new(42),
        sequence: 9,
        occurred_max: Timestamp::from_nanos(-2),
        offset: 4096,
        length: 120,
    };
    let bytes = unhex(
        "08 07 06 05 04 03 02 01 18 17 16 15 14 13 12 11
         2a 00 00 00 00 00 00 00 09 00 00 00 00 00 00 00
         fe ff ff ff ff ff ff ff 00 02 00 00 0f 00 00 00",
    );
    assert_eq!(hex(&entry.encode()), hex(&bytes));
    assert_eq!(SnapshotEntry::decode(bytes.first_chunk().unwrap()), entry);
}

#[test]
fn a_trailer_has_these_bytes() {
    let third = unhex(
        "41 4e 4e 41 4c 53 4e 58 03 00 00 00 00 00 00 00
         e8 03 00 00 00 00 00 00 64 00 00 00 00 00 00 00
         3c 00 00 00 00 00 00 00 4d 00 00 00 00 00 00 00
         03 00 00 00 fe ca ad 0b 00 00 00 00 00 00 00 00",
    );
    for version in 3..=4 {
        let mut bytes = third.clone();
        bytes[8] = version;
        let checksum = bound_checksum(&[&bytes[..12], &bytes[16..]]);
        bytes[12..16].copy_from_slice(&checksum);
        assert_eq!(hex(&trailer().encode(binding())) == hex(&bytes), version == 4);
        let decoded = SnapshotTrailer::decode(bytes.first_chunk().unwrap(), 64, FILE_LENGTH, binding());
        assert_eq!(decoded, Ok(trailer()));
    }
    let parts = trailer().parts().unwrap();
    assert_eq!((parts.index, parts.filter), (1024..5824, 5824..5920));
    assert_eq!((parts.page_table, parts.trailer), (5920..5928, 5928..FILE_LENGTH));
}

#[test]
fn hashes_are_part_of_the_format() {
    let seed = snapshot_hash_seed(&STORE_ID);
    let xxh = |bytes: &[u8], seed| xxhash_of(bytes, seed);
    assert_eq!(seed, xxh(&STORE_ID, 0));
    let key = SnapshotKey::new("account-7", "balance/1", seed);
    assert_eq!((key.stream, key.tag), (xxh(b"account-7", seed), xxh(b"balance/1", seed + 1)));
    let key = SnapshotKey { stream: 0xFFFF_0000_0000_0000, tag: 0x0000_0001_0000_0002 };
    assert_eq!(key.filter_hash(), 0xFFFF_0002_0000_0001);
}

/// XXH3, by way of another structure of the format that has it: the hash of an event type with a seed.
fn xxhash_of(bytes: &[u8], seed: u64) -> u64 {
    use annals_format::run::{TermKind, term_hash};
    let text = std::str::from_utf8(bytes).unwrap();
    term_hash(TermKind::Stream, text, seed.wrapping_sub(u64::from(TermKind::Stream.code())))
}
