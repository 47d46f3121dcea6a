//! A lock on the format. When one of these fails the format has changed: the version moves, and the old
//! bytes stay, to be read by the new code. The bytes are not regenerated.

use crate::common::{
    FRAMES_END, RECORDED_AT, binding, bound_checksum, empty_frame, events_of, footer, full, hex,
    lost_records, manifest_of_version_3, minimal, plain_checksum, segment_header, two_records, unhex,
};
use annals_format::{FOOTER_TRAILER_BYTES, FRAME_HEADER_BYTES, Footer, Manifest, SegmentHeader, TimeRange};
use annals_types::{Position, Timestamp};

#[test]
fn a_segment_header_has_these_bytes() {
    let bytes = segment_header().encode();
    let third = with_line(SEGMENT_HEADER_V2, 0, "41 4e 4e 41 4c 53 45 47 03 00 00 00 b2 cd 85 fc");
    let fourth = with_line(SEGMENT_HEADER_V2, 0, "41 4e 4e 41 4c 53 45 47 04 00 00 00 d0 3f 92 3a");
    assert_eq!(hex(&bytes), fourth);
    for bytes in [&fourth, &third, SEGMENT_HEADER_V2] {
        assert_eq!(SegmentHeader::decode(unhex(bytes).first_chunk().unwrap()), Ok(segment_header()));
    }
}

#[test]
fn a_frame_of_a_minimal_and_a_full_record_has_these_bytes() {
    let frame = two_records();
    assert_eq!(hex(frame.bytes()), TWO_RECORDS.trim());
    let (header, events) = events_of(frame.bytes(), binding(), 64).unwrap();
    assert_eq!((header.record_count, header.last_position()), (2, Position::new(42)));
    assert_eq!((events[0].stream.as_str(), events[1].stream.as_str()), ("account-1", "Konto-Ω"));
    assert_eq!(events[0].event_type, minimal().event_type);
    assert_eq!(Some(events[1].id), full().id);
}

#[test]
fn a_frame_of_lost_records_with_and_without_a_stream_has_these_bytes() {
    let frame = lost_records();
    assert_eq!(hex(frame.bytes()), LOST_RECORDS.trim());
    let (header, events) = events_of(frame.bytes(), binding(), 64).unwrap();
    assert_eq!((header.record_count, header.last_position()), (2, Position::new(42)));
    assert_eq!((events[0].stream.as_str(), events[0].version.get()), ("account-1", 5));
    assert_eq!((events[1].stream.as_str(), events[1].version.get()), ("", 0));
    assert!(events.iter().all(|event| event.event_type.is_empty() && event.data().unwrap().is_empty()));
}

#[test]
fn a_frame_that_only_says_what_is_durable_has_these_bytes() {
    let frame = empty_frame();
    assert_eq!(hex(frame.bytes()), EMPTY_FRAME.trim());
    let (header, events) = events_of(frame.bytes(), binding(), 64).unwrap();
    assert_eq!((header.durable, header.last_position()), (Position::new(42), Position::new(42)));
    assert!(events.is_empty());
}

#[test]
fn a_footer_of_three_records_has_these_bytes() {
    let (bytes, footer) = footer();
    assert_eq!(hex(&bytes), with_line(FOOTER_V3, 5, "41 4e 4e 41 4c 46 54 52 04 00 00 00 d1 13 c1 d5"));
    assert_eq!(decoded(&bytes), footer);
    assert_eq!((footer.version, footer.stretch_count()), (4, 0));
    assert_sums_up_its_span(&footer, &bytes);
}

#[test]
fn a_footer_of_version_3_is_read() {
    let bytes = unhex(FOOTER_V3);
    let footer = decoded(&bytes);
    assert_eq!((footer.version, footer.stretch_count()), (3, 0));
    assert_sums_up_its_span(&footer, &bytes);
}

fn decoded(bytes: &[u8]) -> Footer {
    let length = FRAMES_END + bytes.len() as u64;
    Footer::decode_trailer(bytes.last_chunk().unwrap(), binding(), length).unwrap()
}

fn assert_sums_up_its_span(footer: &Footer, bytes: &[u8]) {
    assert_says_what_the_footer_of_three_records_says(footer, bytes);
    let occurred = TimeRange { min: Timestamp::from_nanos(-1), max: Timestamp::from_nanos(9) };
    assert_eq!(footer.occurred_in_block(bytes, 2), Some(occurred));
    let sum = footer.span_checksum(bytes, 0).map(u32::to_le_bytes);
    assert_eq!(sum, Some(plain_checksum(&[&[7; FRAMES_END as usize]])));
    assert_eq!(footer.span_checksum(bytes, 1), None);
}

#[test]
fn a_footer_of_version_2_is_read() {
    let bytes = unhex(FOOTER_V2);
    let footer = decoded(&bytes);
    assert_says_what_the_footer_of_three_records_says(&footer, &bytes);
    let occurred = TimeRange { min: Timestamp::from_nanos(-1), max: Timestamp::from_nanos(9) };
    assert_eq!((footer.version, footer.occurred_in_block(&bytes, 2)), (2, Some(occurred)));
    assert_eq!((footer.span_count(), footer.span_checksum(&bytes, 0)), (0, None));
}

#[test]
fn a_footer_of_version_1_is_read() {
    let bytes = unhex(FOOTER_V1);
    let footer = decoded(&bytes);
    assert_says_what_the_footer_of_three_records_says(&footer, &bytes);
    assert_eq!((footer.version, footer.occurred_in_block(&bytes, 2)), (1, None));
}

fn assert_says_what_the_footer_of_three_records_says(footer: &Footer, bytes: &[u8]) {
    assert_eq!(footer.check_tables(bytes), Ok(()));
    let offsets = (0..4).map(|index| footer.offset(bytes, index));
    assert!(offsets.eq([Some(112), Some(157), Some(248), None]));
    let own = self::footer().1;
    assert_eq!((footer.segment_id, footer.first_position, footer.count), (7, Position::new(41), 3));
    assert_eq!((footer.frames_end, footer.recorded), (FRAMES_END, own.recorded));
    assert_eq!(footer.occurred, own.occurred);
    let times = footer.times();
    let [start, end] = [times.start, times.end].map(|at| usize::try_from(at - FRAMES_END).unwrap());
    assert_eq!(bytes[start..end], RECORDED_AT.as_nanos().to_le_bytes());
}

/// Those that have more sections are in `golden_sparse.rs`.
#[test]
fn a_manifest_of_a_store_that_was_never_compacted_has_these_bytes() {
    let bytes = manifest_of_version_3().encode();
    let third = with_line(MANIFEST_V2, 0, "41 4e 4e 41 4c 4d 41 4e 03 00 00 00 e9 ce be 94");
    let fourth = with_line(MANIFEST_V2, 0, "41 4e 4e 41 4c 4d 41 4e 04 00 00 00 1c 27 99 e7");
    assert_eq!(hex(&bytes), fourth);
    for bytes in [&fourth, &third, MANIFEST_V2] {
        assert_eq!(Manifest::decode(&unhex(bytes)), Ok(manifest_of_version_3()));
    }
}

#[test]
fn a_manifest_of_version_1_is_read_as_one_with_all_ids_indexed() {
    let decoded = Manifest::decode(&unhex(MANIFEST_V1));
    assert_eq!(decoded, Ok(Manifest { ids_indexed: true, ..manifest_of_version_3() }));
}

#[test]
fn a_segment_header_of_version_1_is_read() {
    let bytes = unhex(SEGMENT_HEADER_V1);
    assert_eq!(SegmentHeader::decode(bytes.first_chunk().unwrap()), Ok(segment_header()));
}

/// The checksums as `docs/format.md` defines them, from nothing but CRC-32.
#[test]
fn the_checksums_are_those_of_the_document() {
    let header = segment_header().encode();
    assert_eq!(header[12..16], plain_checksum(&[&header[..12], &header[16..]]));

    let frame = two_records();
    let bytes = frame.bytes();
    assert_eq!(bytes[4..8], bound_checksum(&[&bytes[..4], &bytes[8..FRAME_HEADER_BYTES]]));
    let (one, two) = (frame.record(0), frame.record(1));
    assert_eq!(bytes[40..44], plain_checksum(&[&one[..4], &two[..4]]));
    for (record, position) in [(one, 41_u64), (two, 42)] {
        assert_eq!(record[..4], bound_checksum(&[&position.to_le_bytes(), &record[4..36]]));
        assert_eq!(record[8..12], plain_checksum(&[&record[36..]]));
    }

    let (bytes, _) = footer();
    let (tables, trailer) = bytes.split_at(bytes.len() - FOOTER_TRAILER_BYTES);
    assert_eq!(trailer[12..16], bound_checksum(&[&trailer[..12], &trailer[16..]]));
    let covered = 16 + 16 + 8 + 32 + 4;
    assert_eq!(tables[covered..covered + 4], plain_checksum(&[&tables[..covered]]));
    assert_eq!(trailer[80..84], plain_checksum(&[&tables[covered..covered + 4]]));

    let bytes = manifest_of_version_3().encode();
    assert_eq!(bytes[12..16], plain_checksum(&[&bytes[..12], &bytes[16..]]));
}

/// Golden bytes of an older version with one line of a later one: that of the version and the checksum.
pub(crate) fn with_line(golden: &str, number: usize, line: &str) -> String {
    let lines = golden.trim().lines().enumerate();
    lines.map(|(index, old)| if index == number { line } else { old }).collect::<Vec<_>>().join("\n")
}

const SEGMENT_HEADER_V2: &str = "
41 4e 4e 41 4c 53 45 47 02 00 00 00 bf 31 49 95
74 68 65 20 73 74 6f 72 65 27 73 20 6e 61 6d 65
07 00 00 00 00 00 00 00 29 00 00 00 00 00 00 00
ef cd ab 89 67 45 23 01 00 00 00 00 00 00 00 00
";

const SEGMENT_HEADER_V1: &str = "
41 4e 4e 41 4c 53 45 47 01 00 00 00 a8 35 1c 2f
74 68 65 20 73 74 6f 72 65 27 73 20 6e 61 6d 65
07 00 00 00 00 00 00 00 29 00 00 00 00 00 00 00
ef cd ab 89 67 45 23 01 00 00 00 00 00 00 00 00
";

const TWO_RECORDS: &str = "
41 46 52 4d 92 ac 6e 4c e0 00 00 00 02 00 00 00
29 00 00 00 00 00 00 00 28 00 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 d4 61 eb c1 00 00 00 00
21 16 1b 5f 33 00 00 00 c5 75 b2 a8 00 00 00 00
05 00 00 00 00 00 00 00 15 cd 85 3d fe 9c 97 17
09 00 06 00 61 63 63 6f 75 6e 74 2d 31 6f 70 65
6e 65 64 8c 03 88 9a 78 00 00 00 1c 66 7e 68 1f
00 01 00 06 00 00 00 00 00 00 00 15 cd 85 3d fe
9c 97 17 08 00 08 00 00 11 22 33 44 55 66 77 88
99 aa bb cc dd ee ff ff ff ff ff ff ff ff ff 03
00 00 00 05 00 00 00 0e 00 00 00 4b 6f 6e 74 6f
2d ce a9 67 72 c3 b6 c3 9f 65 72 08 00 62 72 61
6e 63 68 3a 37 02 00 c3 a9 74 72 61 63 65 7b 22
63 65 6e 74 73 22 3a 35 30 30 7d 00 00 00 00 00
";

const LOST_RECORDS: &str = "
41 46 52 4d d6 fb 0f 66 88 00 00 00 02 00 00 00
29 00 00 00 00 00 00 00 28 00 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 8b 87 17 11 00 00 00 00
12 9b 73 76 2d 00 00 00 30 b8 4e 78 40 00 00 00
05 00 00 00 00 00 00 00 15 cd 85 3d fe 9c 97 17
09 00 00 00 61 63 63 6f 75 6e 74 2d 31 4d 7a 78
5a 24 00 00 00 00 00 00 00 40 00 00 00 00 00 00
00 00 00 00 00 15 cd 85 3d fe 9c 97 17 00 00 00
00 00 00 00 00 00 00 00
";

const EMPTY_FRAME: &str = "
41 46 52 4d 0e d1 05 00 30 00 00 00 00 00 00 00
2b 00 00 00 00 00 00 00 2a 00 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 00 00 00 00 00 00 00 00
";

pub(crate) const FOOTER_V3: &str = "
59 00 00 00 00 44 00 00 00 00 00 00 05 00 00 00
ff ff ff ff ff ff ff ff 09 00 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 17 5c 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 07 f9 5c 63 a6 a3 92 0e
41 4e 4e 41 4c 46 54 52 03 00 00 00 e9 08 ee c8
07 00 00 00 00 00 00 00 29 00 00 00 00 00 00 00
03 00 00 00 00 00 00 00 30 01 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 15 cd 85 3d fe 9c 97 17
ff ff ff ff ff ff ff ff 09 00 00 00 00 00 00 00
63 bf b5 36 01 00 00 00
";

pub(crate) const FOOTER_V2: &str = "
59 00 00 00 00 44 00 00 00 00 00 00 05 00 00 00
ff ff ff ff ff ff ff ff 09 00 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 17 5c 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 44 09 f0 b8 00 00 00 00
41 4e 4e 41 4c 46 54 52 02 00 00 00 36 ab bc 1f
07 00 00 00 00 00 00 00 29 00 00 00 00 00 00 00
03 00 00 00 00 00 00 00 30 01 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 15 cd 85 3d fe 9c 97 17
ff ff ff ff ff ff ff ff 09 00 00 00 00 00 00 00
fa f1 e5 eb 01 00 00 00
";

pub(crate) const FOOTER_V1: &str = "
70 00 00 00 9d 00 00 00 f8 00 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 96 1c 70 68 00 00 00 00
41 4e 4e 41 4c 46 54 52 01 00 00 00 92 92 92 73
07 00 00 00 00 00 00 00 29 00 00 00 00 00 00 00
03 00 00 00 00 00 00 00 30 01 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 15 cd 85 3d fe 9c 97 17
ff ff ff ff ff ff ff ff 09 00 00 00 00 00 00 00
ec ab 05 c0 00 00 00 00
";

const MANIFEST_V2: &str = "
41 4e 4e 41 4c 4d 41 4e 02 00 00 00 f8 59 24 0e
74 68 65 20 73 74 6f 72 65 27 73 20 6e 61 6d 65
98 01 00 00 00 00 00 00 0c 00 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 00 00 01 00 00 00 00 00
2f 00 00 00 00 00 00 00 0a 00 00 00 00 00 00 00
01 01 00 00 00 00 00 00 10 32 54 76 98 ba dc fe
01 00 00 00 0a 00 00 00 02 00 00 00 00 00 00 00
01 00 00 00 00 00 00 00 ef cd ab 89 67 45 23 01
01 00 00 00 00 00 00 00 28 00 00 00 00 00 00 00
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
80 02 00 00 00 00 00 00
";

const MANIFEST_V1: &str = "
41 4e 4e 41 4c 4d 41 4e 01 00 00 00 db ff bd 75
74 68 65 20 73 74 6f 72 65 27 73 20 6e 61 6d 65
98 01 00 00 00 00 00 00 0c 00 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 00 00 01 00 00 00 00 00
2f 00 00 00 00 00 00 00 0a 00 00 00 00 00 00 00
01 00 00 00 00 00 00 00 10 32 54 76 98 ba dc fe
01 00 00 00 0a 00 00 00 02 00 00 00 00 00 00 00
01 00 00 00 00 00 00 00 ef cd ab 89 67 45 23 01
01 00 00 00 00 00 00 00 28 00 00 00 00 00 00 00
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
80 02 00 00 00 00 00 00
";
