//! The lock of `golden.rs` on what compaction leaves: footers with stretches, manifests with what was removed.

use crate::common::{
    FRAMES_END, SPARSE_POSITIONS, binding, bound_checksum, hex, manifest, manifest_of_version_3,
    plain_checksum, sparse_footer, unhex,
};
use annals_format::{FOOTER_TRAILER_BYTES, Footer, Manifest, REASONS, Stretch};
use annals_types::Position;

#[test]
fn a_footer_with_stretches_has_these_bytes() {
    let (bytes, footer) = sparse_footer();
    assert_eq!(hex(&bytes), SPARSE_FOOTER.trim());
    let bytes = unhex(SPARSE_FOOTER);
    let length = FRAMES_END + bytes.len() as u64;
    let read = Footer::decode_trailer(bytes.last_chunk().unwrap(), binding(), length).unwrap();
    assert_eq!(read, footer);
    assert_eq!((read.count, read.first_position, read.stretch_count()), (3, Position::new(41), 2));
    let stretches = (0..3).map(|number| read.stretch(&bytes, number));
    let expected = [Some(Stretch { position: 1, record: 0 }), Some(Stretch { position: 4, record: 2 }), None];
    assert!(stretches.eq(expected));
    assert_eq!(read.check_tables(&bytes), Ok(()));
    assert_eq!(read.check_stretches(&bytes, SPARSE_POSITIONS), Ok(()));
    assert_eq!(read.pages_of_stretches(), 0..1);
    assert!((0..3).map(|index| read.offset(&bytes, index)).eq([Some(112), Some(157), Some(248)]));
}

/// The bytes as `docs/format.md` puts them together, from nothing but CRC-32.
#[test]
fn the_checksums_of_a_footer_with_stretches_are_those_of_the_document() {
    let (bytes, _) = sparse_footer();
    let (tables, trailer) = bytes.split_at(bytes.len() - FOOTER_TRAILER_BYTES);
    let stretches = 16 + 16 + 8 + 32 + 4;
    assert_eq!(tables[stretches..stretches + 8], [1_u32, 0].map(u32::to_le_bytes).concat());
    assert_eq!(tables[stretches + 8..stretches + 16], [4_u32, 2].map(u32::to_le_bytes).concat());
    let covered = stretches + 16;
    assert_eq!(tables[covered..], plain_checksum(&[&tables[..covered]]));
    assert_eq!(trailer[32..40], [3_u32, 2].map(u32::to_le_bytes).concat());
    assert_eq!(trailer[80..84], plain_checksum(&[&tables[covered..]]));
    assert_eq!(trailer[12..16], bound_checksum(&[&trailer[..12], &trailer[16..]]));
}

#[test]
fn a_manifest_with_every_section_has_these_bytes() {
    let bytes = manifest().encode();
    assert_eq!(hex(&bytes), MANIFEST.trim());
    assert_eq!(Manifest::decode(&unhex(MANIFEST)), Ok(manifest()));
    assert_eq!(bytes[12..16], plain_checksum(&[&bytes[..12], &bytes[16..]]));
    // The sections in front of the new ones are as they were.
    let older = manifest_of_version_3().encode();
    let count = 96 + 16 + 3 * 8;
    assert_eq!((bytes[48..count].to_vec(), bytes[count], older[count]), (older[48..count].to_vec(), 30, 40));
    assert_eq!(bytes[count + 8..older.len()], older[count + 8..]);
}

/// What the ledger calls the counts of a compaction is locked as well.
#[test]
fn the_reasons_for_which_events_go_are_these_in_this_order() {
    let reasons = "truncated max_count max_age max_bytes deleted tombstoned other";
    assert_eq!(REASONS.join(" "), reasons);
    assert_eq!(manifest().compactions[0].events(), 6);
}

const SPARSE_FOOTER: &str = "
59 00 00 00 00 44 00 00 00 00 00 00 05 00 00 00
ff ff ff ff ff ff ff ff 09 00 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 17 5c 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 07 f9 5c 63 01 00 00 00
00 00 00 00 04 00 00 00 02 00 00 00 17 5c b5 5d
41 4e 4e 41 4c 46 54 52 04 00 00 00 f0 08 76 15
07 00 00 00 00 00 00 00 29 00 00 00 00 00 00 00
03 00 00 00 02 00 00 00 30 01 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 15 cd 85 3d fe 9c 97 17
ff ff ff ff ff ff ff ff 09 00 00 00 00 00 00 00
5a 10 44 05 01 00 00 00
";

const MANIFEST: &str = "
41 4e 4e 41 4c 4d 41 4e 04 00 00 00 81 99 36 d8
74 68 65 20 73 74 6f 72 65 27 73 20 6e 61 6d 65
e8 02 00 00 00 00 00 00 0c 00 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 00 00 01 00 00 00 00 00
2f 00 00 00 00 00 00 00 0a 00 00 00 00 00 00 00
01 01 00 00 00 00 00 00 10 32 54 76 98 ba dc fe
01 00 00 00 0a 00 00 00 02 00 00 00 00 00 00 00
01 00 00 00 00 00 00 00 ef cd ab 89 67 45 23 01
01 00 00 00 00 00 00 00 1e 00 00 00 00 00 00 00
00 10 00 00 00 00 00 00 00 11 00 00 00 00 00 00
05 00 00 00 00 00 00 00 06 00 00 00 00 00 00 00
00 00 00 00 00 00 00 80 ff ff ff ff ff ff ff 7f
03 00 00 00 00 00 00 00 10 32 54 76 98 ba dc fe
29 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00
30 01 00 00 00 00 00 00 a8 01 00 00 00 00 00 00
06 00 00 00 00 00 00 00 07 00 00 00 00 00 00 00
ff ff ff ff ff ff ff ff 09 00 00 00 00 00 00 00
02 00 00 00 02 00 00 00 02 00 00 00 00 00 00 00
07 00 00 00 00 00 00 00 77 00 00 00 00 00 00 00
08 00 00 00 00 00 00 00 88 00 00 00 00 00 00 00
03 00 00 00 05 00 00 00 01 00 00 00 00 00 00 00
02 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
28 00 00 00 00 00 00 00 00 02 00 00 00 00 00 00
ef be ad de 00 00 00 00 04 00 00 00 02 00 00 00
01 00 00 00 00 00 00 00 07 00 00 00 00 00 00 00
80 02 00 00 00 00 00 00 05 00 00 00 04 00 00 00
01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
02 00 00 00 00 00 00 00 28 00 00 00 00 00 00 00
05 00 00 00 00 00 00 00 06 00 00 00 03 00 00 00
01 00 00 00 00 00 00 00 0a 00 00 00 00 00 00 00
26 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00
07 00 00 00 13 00 00 00 01 00 00 00 00 00 00 00
05 00 00 00 00 00 00 00 15 cd 85 3d fe 9c 97 17
02 00 00 00 00 00 00 00 26 00 00 00 00 00 00 00
28 23 00 00 00 00 00 00 00 11 00 00 00 00 00 00
00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
02 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
04 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00
28 00 00 00 00 00 00 00 08 00 00 00 02 00 00 00
01 00 00 00 00 00 00 00 09 00 00 00 00 00 00 00
08 00 00 00 00 00 00 00 09 00 00 00 04 00 00 00
01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00
01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
2b 00 00 00 00 00 00 00
";
