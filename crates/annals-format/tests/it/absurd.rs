//! Lengths and counts that cannot be, under checksums that fit: errors, at once and without memory.

use crate::common::{
    FRAMES_END, RECORDED_AT, binding, bound_checksum, footer, full, manifest, minimal, plain_checksum,
    segment_header, sparse_footer, stamp, two_records, unhex,
};
use crate::golden::{FOOTER_V1, FOOTER_V2, FOOTER_V3};
use annals_format::{
    FOOTER_TRAILER_BYTES, FORMAT_VERSION, Footer, FormatError, FrameBuilder, FrameFault, Manifest,
    SEGMENT_HEADER_BYTES, SegmentHeader, check_frame, parse_record,
};
use annals_types::{Position, Version};

/// Values at the borders of what a 64-bit field can say.
pub(crate) const ABSURD: [u64; 14] = [
    0,
    1,
    35,
    36,
    47,
    48,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 62,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

pub(crate) fn put(bytes: &mut [u8], offset: usize, width: usize, value: u64) {
    bytes[offset..offset + width].copy_from_slice(&value.to_le_bytes()[..width]);
}

/// The values that fit into so many bytes and are not what stands there.
pub(crate) fn absurd(bytes: &[u8], offset: usize, width: usize) -> Vec<u64> {
    let mut own = [0; 8];
    own[..width].copy_from_slice(&bytes[offset..offset + width]);
    let most = u64::MAX >> (64 - 8 * width);
    ABSURD.into_iter().filter(|value| *value <= most && *value != u64::from_le_bytes(own)).collect()
}

fn seal_frame(bytes: &mut [u8]) {
    let checksum = bound_checksum(&[&bytes[..4], &bytes[8..48]]);
    bytes[4..8].copy_from_slice(&checksum);
}

fn seal_record(record: &mut [u8], position: u64) {
    let body = plain_checksum(&[&record[36..]]);
    record[8..12].copy_from_slice(&body);
    let header = bound_checksum(&[&position.to_le_bytes(), &record[4..36]]);
    record[..4].copy_from_slice(&header);
}

fn damaged(fault: &FrameFault, what: &str) -> bool {
    matches!(fault, FrameFault::Damaged(damage) if damage.what.contains(what))
}

#[test]
fn a_frame_length_out_of_bounds_is_an_error() {
    let frame = two_records();
    for length in absurd(frame.bytes(), 8, 4) {
        let mut bytes = frame.bytes().to_vec();
        put(&mut bytes, 8, 4, length);
        seal_frame(&mut bytes);
        let fault = check_frame(&bytes, binding(), 64, |_, _| {}).unwrap_err();
        assert!(damaged(&fault, "frame length") || damaged(&fault, "record"), "{length}: {fault:?}");
    }
    // Within the bounds, but longer than what is there.
    let mut bytes = frame.bytes().to_vec();
    put(&mut bytes, 8, 4, 128 << 20);
    seal_frame(&mut bytes);
    let fault = check_frame(&bytes, binding(), 64, |_, _| {}).unwrap_err();
    assert_eq!(fault, FrameFault::Short { needed: 128 << 20 });
    // Longer than the records by a whole alignment, though all of it is zero.
    let mut bytes = [frame.bytes(), &[0; 8]].concat();
    let length = bytes.len() as u64;
    put(&mut bytes, 8, 4, length);
    seal_frame(&mut bytes);
    assert!(damaged(&check_frame(&bytes, binding(), 64, |_, _| {}).unwrap_err(), "zeros behind"));
}

#[test]
fn a_record_count_out_of_bounds_is_an_error() {
    let frame = two_records();
    for count in absurd(frame.bytes(), 12, 4) {
        let mut bytes = frame.bytes().to_vec();
        put(&mut bytes, 12, 4, count);
        seal_frame(&mut bytes);
        assert!(check_frame(&bytes, binding(), 64, |_, _| {}).is_err(), "{count}");
    }
}

#[test]
fn positions_at_the_end_of_their_range_do_not_overflow() {
    for position in [0, u64::MAX - 1, u64::MAX] {
        let mut frame = FrameBuilder::new();
        (0..3).for_each(|_| frame.push("s", &minimal()).unwrap());
        frame.stamp(&stamp(position, u64::MAX), |_| Version::new(u64::MAX));
        let _ = check_frame(frame.bytes(), binding(), u64::MAX - 4096, |_, _| {});
    }
}

#[test]
fn bytes_in_reserved_places_are_an_error() {
    let mut bytes = segment_header().encode();
    bytes[63] = 1;
    let checksum = plain_checksum(&[&bytes[..12], &bytes[16..]]);
    bytes[12..16].copy_from_slice(&checksum);
    assert!(matches!(SegmentHeader::decode(&bytes), Err(FormatError::Damaged(_))));

    for reserved in 81..88 {
        for bit in (0..8).filter(|bit| reserved != 81 || *bit > 1) {
            let mut bytes = manifest().encode();
            bytes[reserved] |= 1 << bit;
            seal_manifest(&mut bytes);
            match Manifest::decode(&bytes) {
                Err(FormatError::Damaged(damage)) => assert_eq!(damage.offset, reserved as u64),
                other => panic!("bit {bit} of {reserved}: {other:?}"),
            }
        }
    }

    // What the later versions have given a meaning was reserved before.
    for (version, flags) in [(1, 1), (1, 2), (2, 2), (3, 3)] {
        let mut bytes = manifest().encode();
        assert_eq!(bytes[81], 1);
        bytes[81] = flags;
        put(&mut bytes, 8, 4, version);
        seal_manifest(&mut bytes);
        let decoded = Manifest::decode(&bytes);
        assert!(matches!(decoded, Err(FormatError::Damaged(_))), "flags {flags} in version {version}");
    }
    let bytes = unhex(FOOTER_V1);
    let mut trailer: [u8; FOOTER_TRAILER_BYTES] = *bytes.last_chunk().unwrap();
    trailer[87] = 1;
    seal_trailer(&mut trailer);
    let length = FRAMES_END + bytes.len() as u64;
    assert!(matches!(Footer::decode_trailer(&trailer, binding(), length), Err(FormatError::Damaged(_))));
}

#[test]
fn lengths_in_a_record_out_of_bounds_are_errors() {
    let frame = two_records();
    // Offset, width and name of every length: in the header, and in the body of a record with everything.
    for (offset, width) in [(4, 4), (32, 2), (34, 2), (36 + 28, 4), (36 + 32, 4)] {
        let own = frame.record(1);
        for value in absurd(own, offset, width) {
            let mut record = own.to_vec();
            put(&mut record, offset, width, value);
            seal_record(&mut record, 42);
            match parse_record(&record, binding(), Position::new(42), 112) {
                Err(damage) => assert!(damage.offset >= 112, "{damage}"),
                // Shorter parts move the borders within the body; the bytes are still all there.
                Ok(event) => assert!(value < own.len() as u64, "{value} at {offset}: {event:?}"),
            }
        }
    }
}

#[test]
fn a_record_length_below_the_header_or_beyond_the_bytes_is_an_error() {
    let frame = two_records();
    for length in [0, 1, 35, frame.record(0).len() as u64 + 1, u32::MAX.into()] {
        let mut record = frame.record(0).to_vec();
        put(&mut record, 4, 4, length);
        seal_record(&mut record, 41);
        let damage = parse_record(&record, binding(), Position::new(41), 112).unwrap_err();
        assert_eq!((damage.what, damage.offset, damage.found), ("record length", 116, length));
    }
}

#[test]
fn text_that_is_not_utf_8_and_broken_tags_are_errors() {
    let mut frame = FrameBuilder::new();
    frame.push("stream", &minimal().with_tag("tag")).unwrap();
    frame.stamp(&stamp(41, 0), |_| Version::FIRST);
    // Behind the length of the tags: "stream", "opened", 3, "tag".
    for (offset, what) in [(40, "stream name"), (46, "event type"), (52, "tags"), (54, "tags")] {
        let mut record = frame.record(0).to_vec();
        record[offset] = 0xFF;
        seal_record(&mut record, 41);
        let damage = parse_record(&record, binding(), Position::new(41), 112).unwrap_err();
        assert_eq!(damage.what, what);
    }
}

#[test]
fn flags_and_codecs_of_later_versions_are_refused_and_not_guessed_at() {
    let frame = two_records();
    // Bit 6 is that of lost records, which `lost.rs` is about, bits 5 and 7 those of encrypted and erased ones: `payloads.rs`.
    for flag in 8..16 {
        let mut record = frame.record(1).to_vec();
        record[12 + flag / 8] |= 1 << (flag % 8);
        seal_record(&mut record, 42);
        let damage = parse_record(&record, binding(), Position::new(42), 112).unwrap_err();
        assert_eq!(damage.what, "record flags of a newer version");
    }
    for codec in 2..=255 {
        let mut record = frame.record(1).to_vec();
        record[15] = codec;
        seal_record(&mut record, 42);
        let damage = parse_record(&record, binding(), Position::new(42), 112).unwrap_err();
        assert_eq!(damage.what, "record codec of a newer version");
    }
}

#[test]
fn files_of_a_newer_version_are_told_apart_from_damage() {
    let newer = |error: FormatError| {
        error == FormatError::Newer { found: FORMAT_VERSION + 1, supported: FORMAT_VERSION }
    };
    let next = u64::from(FORMAT_VERSION) + 1;

    let mut bytes = segment_header().encode();
    put(&mut bytes, 8, 4, next);
    assert!(
        matches!(SegmentHeader::decode(&bytes), Err(FormatError::Damaged(_))),
        "the checksum comes first"
    );
    let checksum = plain_checksum(&[&bytes[..12], &bytes[16..]]);
    bytes[12..16].copy_from_slice(&checksum);
    assert!(newer(SegmentHeader::decode(&bytes).unwrap_err()));

    // A newer manifest may be laid out differently behind its first fields.
    let mut bytes = manifest().encode();
    bytes.extend_from_slice(&[0xAB; 5]);
    put(&mut bytes, 8, 4, next);
    seal_manifest(&mut bytes);
    assert!(newer(Manifest::decode(&bytes).unwrap_err()));

    let (bytes, _) = footer();
    let mut trailer: [u8; FOOTER_TRAILER_BYTES] = *bytes.last_chunk().unwrap();
    put(&mut trailer, 8, 4, next);
    seal_trailer(&mut trailer);
    assert!(newer(Footer::decode_trailer(&trailer, binding(), 0).unwrap_err()));
}

pub(crate) fn seal_trailer(trailer: &mut [u8; FOOTER_TRAILER_BYTES]) {
    let checksum = bound_checksum(&[&trailer[..12], &trailer[16..]]);
    trailer[12..16].copy_from_slice(&checksum);
}

#[test]
fn a_trailer_that_does_not_fill_its_file_exactly_is_an_error() {
    let older = [FOOTER_V3, FOOTER_V2, FOOTER_V1].map(unhex);
    for bytes in [footer().0, sparse_footer().0].into_iter().chain(older) {
        let own: &[u8; FOOTER_TRAILER_BYTES] = bytes.last_chunk().unwrap();
        let length = FRAMES_END + bytes.len() as u64;
        let version = own[8];
        // Since version 4 the count has four bytes, and behind it is the number of stretches.
        let counts: &[(usize, usize)] = if version >= 4 { &[(32, 4), (36, 4)] } else { &[(32, 8)] };
        for (offset, width) in counts.iter().copied().chain([(40, 8), (84, 4)]) {
            for value in absurd(own, offset, width) {
                let mut trailer = *own;
                put(&mut trailer, offset, width, value);
                seal_trailer(&mut trailer);
                // Since version 2 the tables are as long as the number of blocks says; the manifest has the count as well.
                // There are no more stretches than records.
                let stretches = if version >= 4 { u64::from(own[36]) } else { 0 };
                let same_blocks = version >= 2 && offset == 32 && (stretches.max(1)..=256).contains(&value);
                match Footer::decode_trailer(&trailer, binding(), length) {
                    Err(error) => assert!(matches!(error, FormatError::Damaged(_)) && !same_blocks),
                    Ok(footer) => assert!(same_blocks, "{value} at {offset}: {footer:?}"),
                }
            }
        }
        for length in absurd(own, 40, 8) {
            assert!(Footer::decode_trailer(own, binding(), length).is_err(), "{length}");
        }
    }
}

pub(crate) fn seal_manifest(bytes: &mut [u8]) {
    let checksum = plain_checksum(&[&bytes[..12], &bytes[16..]]);
    bytes[12..16].copy_from_slice(&checksum);
}

/// Where the sections of [`manifest`] begin: sealed, open, runs, clean, rewritten, removed, compactions,
/// erasures, windows.
pub(crate) const SECTIONS: [usize; 9] = [
    96,
    96 + 16 + 160,
    272 + 16 + 32,
    320 + 16 + 40,
    376 + 16 + 16,
    408 + 16 + 32,
    456 + 16 + 24,
    496 + 16 + 19 * 8,
    664 + 16 + 16,
];

#[test]
fn sections_of_a_manifest_with_wrong_kinds_sizes_or_counts_are_errors() {
    let own = manifest().encode();
    for section in SECTIONS {
        for (offset, width) in [(0, 4), (4, 4), (8, 8)] {
            for value in absurd(&own, section + offset, width) {
                let mut bytes = own.clone();
                put(&mut bytes, section + offset, width, value);
                seal_manifest(&mut bytes);
                assert!(Manifest::decode(&bytes).is_err(), "{value} at {}", section + offset);
            }
        }
    }
    for length in absurd(&own, 32, 8) {
        let mut bytes = own.clone();
        put(&mut bytes, 32, 8, length);
        seal_manifest(&mut bytes);
        assert!(Manifest::decode(&bytes).is_err(), "{length}");
    }
}

#[test]
fn segments_of_a_manifest_that_do_not_follow_each_other_are_errors() {
    type Change = fn(&mut Manifest);
    let broken: [(&str, Change); 8] = [
        ("a hole in the positions", |manifest| manifest.sealed[1].first_position = Position::new(42)),
        ("positions twice", |manifest| manifest.sealed[1].first_position = Position::new(40)),
        ("a segment without events", |manifest| manifest.sealed[1].count = 0),
        ("more events than offsets can be", |manifest| manifest.sealed[1].count = 1 << 32),
        ("numbers that do not ascend", |manifest| manifest.sealed[1].id = 1),
        ("open before sealed", |manifest| manifest.open[0].id = 2),
        ("a number not given out yet", |manifest| manifest.next_file_id = 8),
        ("a number of 0", |manifest| manifest.sealed[0].id = 0),
    ];
    for (what, change) in broken {
        let mut manifest = manifest();
        change(&mut manifest);
        assert!(matches!(Manifest::decode(&manifest.encode()), Err(FormatError::Damaged(_))), "{what}");
    }
}

#[test]
fn a_store_whose_oldest_segments_are_gone_is_sound() {
    let mut manifest = manifest();
    manifest.sealed.remove(0);
    assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest.clone()));
    assert_eq!(manifest.sealed_end(), Position::new(44));
    manifest.sealed.clear();
    assert_eq!(manifest.sealed_end(), Position::FIRST);
}

#[test]
fn a_segment_header_is_read_as_it_was_written_with_any_numbers() {
    let header =
        SegmentHeader { segment_id: u64::MAX, first_position: Position::MAX, salt: 0, ..segment_header() };
    let bytes: [u8; SEGMENT_HEADER_BYTES] = header.encode();
    assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
    assert_eq!(full().occurred_at.map(annals_types::Timestamp::as_nanos), Some(-1));
    assert!(RECORDED_AT.as_nanos() > 0);
}
