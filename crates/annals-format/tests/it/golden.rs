//! A lock on the format. When one of these fails the format has changed: the version moves, and the old
//! bytes stay, to be read by the new code. The bytes are not regenerated.

use crate::common::{
    FRAMES_END, binding, bound_checksum, empty_frame, events_of, footer, full, hex, manifest, minimal,
    plain_checksum, segment_header, two_records,
};
use annals_format::{FOOTER_TRAILER_BYTES, FRAME_HEADER_BYTES, Footer, Manifest, SegmentHeader};
use annals_types::Position;

#[test]
fn a_segment_header_has_these_bytes() {
    let bytes = segment_header().encode();
    assert_eq!(hex(&bytes), SEGMENT_HEADER.trim());
    assert_eq!(SegmentHeader::decode(&bytes), Ok(segment_header()));
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
    assert_eq!(hex(&bytes), FOOTER.trim());
    let length = FRAMES_END + bytes.len() as u64;
    let decoded = Footer::decode_trailer(bytes.last_chunk().unwrap(), binding(), length);
    assert_eq!(decoded, Ok(footer.clone()));
    assert_eq!(footer.check_tables(&bytes), Ok(()));
}

#[test]
fn a_manifest_with_every_section_has_these_bytes() {
    let bytes = manifest().encode();
    assert_eq!(hex(&bytes), MANIFEST.trim());
    assert_eq!(Manifest::decode(&bytes), Ok(manifest()));
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
    assert_eq!(tables[24..28], plain_checksum(&[&tables[..24]]));
    assert_eq!(trailer[80..84], plain_checksum(&[&tables[24..28]]));

    let bytes = manifest().encode();
    assert_eq!(bytes[12..16], plain_checksum(&[&bytes[..12], &bytes[16..]]));
}

const SEGMENT_HEADER: &str = "
";

const TWO_RECORDS: &str = "
";

const EMPTY_FRAME: &str = "
";

const FOOTER: &str = "
";

const MANIFEST: &str = "
";
