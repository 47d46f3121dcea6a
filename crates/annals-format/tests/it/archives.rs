//! The catalog of an archive: its bytes, and what is no such catalog.

use crate::common::{hex, unhex};
use crate::golden::with_line;
use annals_format::{ArchiveCatalog, ArchivedObject, FormatError};
use annals_types::{Position, Timestamp, Uuid};

fn catalog(objects: usize) -> ArchiveCatalog {
    let object = |n: u64| ArchivedObject {
        segment_id: 7,
        salt: 0x0807_0605_0403_0201,
        from: n * 16,
        to: n * 16 + 16,
        shipper: Uuid::from_u128(9),
    };
    ArchiveCatalog {
        store_id: *b"0123456789abcdef",
        sequence: 3,
        shipper: Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
        position: Position::new(42),
        recorded_at: Timestamp::from_nanos(-2),
        event_id: Uuid::from_u128(5),
        written_at: Timestamp::from_nanos(6),
        manifest: b"MANIFEST".to_vec(),
        objects: (0..objects as u64).map(object).collect(),
    }
}

/// Of version 3 of the format. Never regenerated: if this fails the format has changed.
const GOLDEN: &str = "
41 4e 4e 41 4c 41 52 43 03 00 00 00 1e b8 3f c8
30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66
03 00 00 00 00 00 00 00 00 11 22 33 44 55 66 77
88 99 aa bb cc dd ee ff 2a 00 00 00 00 00 00 00
fe ff ff ff ff ff ff ff 00 00 00 00 00 00 00 00
00 00 00 00 00 00 00 05 06 00 00 00 00 00 00 00
08 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
4d 41 4e 49 46 45 53 54 07 00 00 00 00 00 00 00
01 02 03 04 05 06 07 08 00 00 00 00 00 00 00 00
10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 00 00 00 09
";

#[test]
fn the_catalog_of_an_archive_has_these_bytes() {
    let fourth = with_line(GOLDEN, 0, "41 4e 4e 41 4c 41 52 43 04 00 00 00 c2 d3 ae 9a");
    assert_eq!(hex(&catalog(1).encode()), fourth);
    for bytes in [&fourth, GOLDEN] {
        assert_eq!(ArchiveCatalog::decode(&unhex(bytes)), Ok(catalog(1)));
    }
}

#[test]
fn a_catalog_is_read_as_it_was_written_and_every_flipped_bit_and_cut_is_noticed() {
    for objects in [0, 1, 3] {
        let whole = catalog(objects).encode();
        assert_eq!(ArchiveCatalog::decode(&whole), Ok(catalog(objects)));
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(ArchiveCatalog::decode(&bytes).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(ArchiveCatalog::decode(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}

#[test]
fn a_catalog_of_a_newer_version_asks_for_a_newer_program_and_an_empty_stretch_is_damage() {
    let mut bytes = catalog(1).encode();
    bytes[8] = 200;
    assert!(matches!(ArchiveCatalog::decode(&bytes), Err(FormatError::Newer { found: 200, .. })));
    let mut empty = catalog(1);
    empty.objects[0].to = 0;
    assert!(matches!(ArchiveCatalog::decode(&empty.encode()), Err(FormatError::Damaged(_))));
}
