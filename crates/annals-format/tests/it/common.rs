//! The same few structures for all tests, and checksums made from `docs/format.md` rather than by the crate.

use annals_format::{
    Binding, CleanMark, CompactionEntry, ErasedRange, Erasures, Footer, FooterBuilder, FrameBuilder,
    FrameFault, FrameHeader, FrameStamp, Manifest, OpenSegment, Removed, Rewritten, RunEntry, RunSpan,
    SealedSegment, SegmentHeader, TimeRange, check_frame,
};
use annals_types::{ContentType, Event, EventRef, NewEvent, Position, Timestamp, Uuid, Version};

pub(crate) const STORE_ID: [u8; 16] = *b"the store's name";
pub(crate) const SEGMENT_ID: u64 = 7;
pub(crate) const SALT: u64 = 0x0123_4567_89AB_CDEF;
/// 2023-11-14T22:13:20.123456789Z.
pub(crate) const RECORDED_AT: Timestamp = Timestamp::from_nanos(1_700_000_000_123_456_789);

pub(crate) fn binding() -> Binding {
    Binding::new(&STORE_ID, SEGMENT_ID, SALT)
}

/// A checksum that is bound to the segment: CRC-32 of store id, segment number, salt, and the parts.
pub(crate) fn bound_checksum(parts: &[&[u8]]) -> [u8; 4] {
    let (id, salt) = (SEGMENT_ID.to_le_bytes(), SALT.to_le_bytes());
    let seed: [&[u8]; 3] = [&STORE_ID, &id, &salt];
    plain_checksum(&[&seed, parts].concat())
}

/// CRC-32 of the parts, one after the other.
pub(crate) fn plain_checksum(parts: &[&[u8]]) -> [u8; 4] {
    crc32fast::hash(&parts.concat()).to_le_bytes()
}

/// Bytes as lines of sixteen.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    bytes.chunks(16).map(line).collect::<Vec<_>>().join("\n")
}

/// The bytes of such lines.
pub(crate) fn unhex(lines: &str) -> Vec<u8> {
    lines.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

pub(crate) fn stamp(first_position: u64, durable: u64) -> FrameStamp {
    FrameStamp {
        binding: binding(),
        first_position: Position::new(first_position),
        durable: Position::new(durable),
        recorded_at: RECORDED_AT,
    }
}

/// An event with nothing that can be left out.
pub(crate) fn minimal() -> NewEvent<'static> {
    NewEvent::new("opened", &b""[..])
}

/// An event with everything.
pub(crate) fn full() -> NewEvent<'static> {
    NewEvent::json("größer", r#"{"cents":500}"#)
        .with_id(Uuid::from_u128(0x0011_2233_4455_6677_8899_AABB_CCDD_EEFF))
        .at(Timestamp::from_nanos(-1))
        .with_schema_version(3)
        .with_metadata(&b"trace"[..])
        .with_tag("branch:7")
        .with_tag("é")
}

/// A frame with a minimal and a full record.
pub(crate) fn two_records() -> FrameBuilder {
    let mut frame = FrameBuilder::new();
    frame.push("account-1", &minimal()).unwrap();
    frame.push("Konto-Ω", &full()).unwrap();
    frame.stamp(&stamp(41, 40), |index| Version::new(index as u64 + 5));
    frame
}

/// A frame of two lost records, of one of which the stream is known.
pub(crate) fn lost_records() -> FrameBuilder {
    let mut frame = FrameBuilder::new();
    frame.push_lost("account-1").unwrap();
    frame.push_lost("").unwrap();
    frame.stamp(&stamp(41, 40), |index| Version::new([5, 0][index]));
    frame
}

pub(crate) fn empty_frame() -> FrameBuilder {
    let mut frame = FrameBuilder::new();
    frame.stamp(&stamp(43, 42), |_| Version::ZERO);
    frame
}

pub(crate) fn segment_header() -> SegmentHeader {
    SegmentHeader {
        store_id: STORE_ID,
        segment_id: SEGMENT_ID,
        first_position: Position::new(41),
        salt: SALT,
    }
}

/// Where the frames of [`footer`] end.
pub(crate) const FRAMES_END: u64 = 304;

pub(crate) fn footer() -> (Vec<u8>, Footer) {
    let mut footer = FooterBuilder::new();
    footer.push_bytes(&[7; FRAMES_END as usize]);
    for (offset, occurred) in [(112, 3), (157, -1), (248, 9)] {
        footer.push(offset, RECORDED_AT, Timestamp::from_nanos(occurred));
    }
    footer.finish(binding(), SEGMENT_ID, Position::new(41))
}

/// The same of a segment of which the positions 41, 44, 46 and 47 were removed.
pub(crate) fn sparse_footer() -> (Vec<u8>, Footer) {
    let mut footer = FooterBuilder::new();
    footer.push_bytes(&[7; FRAMES_END as usize]);
    for (offset, occurred, position) in [(112, 3, 1), (157, -1, 2), (248, 9, 4)] {
        footer.begin_stretch(position);
        footer.push(offset, RECORDED_AT, Timestamp::from_nanos(occurred));
    }
    footer.finish(binding(), SEGMENT_ID, Position::new(41))
}

/// How many positions that segment covers.
pub(crate) const SPARSE_POSITIONS: u64 = 7;

/// A manifest with every section that there was before compaction.
pub(crate) fn manifest_of_version_3() -> Manifest {
    let mut manifest = Manifest { removed: None, compactions: Vec::new(), erasures: None, ..manifest() };
    (manifest.sealed[0].count, manifest.sealed[0].rewritten) = (40, None);
    manifest.runs[0].file = None;
    manifest
}

/// A manifest with every section.
pub(crate) fn manifest() -> Manifest {
    let range = |min, max| TimeRange { min: Timestamp::from_nanos(min), max: Timestamp::from_nanos(max) };
    Manifest {
        store_id: STORE_ID,
        generation: 12,
        created_at: RECORDED_AT,
        segment_bytes: 1 << 16,
        durability: 1,
        ids_indexed: false,
        has_rules: false,
        durable: Position::new(47),
        next_file_id: 10,
        hash_seed: 0xFEDC_BA98_7654_3210,
        sealed: vec![
            SealedSegment {
                id: 1,
                salt: SALT,
                first_position: Position::new(1),
                count: 30,
                frames_end: 4096,
                length: 4352,
                recorded: range(5, 6),
                occurred: range(i64::MIN, i64::MAX),
                rewritten: Some(Rewritten { edition: 2, positions: 40, compaction: 5 }),
            },
            SealedSegment {
                id: 3,
                salt: !SALT,
                first_position: Position::new(41),
                count: 3,
                frames_end: FRAMES_END,
                length: 424,
                recorded: range(6, 7),
                occurred: range(-1, 9),
                rewritten: None,
            },
        ],
        open: vec![OpenSegment { id: 7, salt: 0x77 }, OpenSegment { id: 8, salt: 0x88 }],
        runs: vec![RunEntry {
            id: 2,
            first_position: Position::new(1),
            count: 40,
            length: 512,
            trailer_checksum: 0xDEAD_BEEF,
            file: Some(RunSpan { first_position: Position::new(1), count: 43 }),
        }],
        clean: Some(CleanMark { segment_id: 7, frames_end: 640 }),
        removed: Some(Removed { events: 10, through: Position::new(38), compaction: 5 }),
        compactions: vec![CompactionEntry {
            number: 5,
            at: RECORDED_AT,
            first: Position::new(2),
            last: Position::new(38),
            bytes_before: 9000,
            bytes_after: 4352,
            dropped: 0,
            rewritten: 1,
            merged: 0,
            events: [1, 2, 3, 0, 0, 0, 0],
            erased: ErasedRange { events: 4, first: Position::new(3), last: Position::new(40) },
        }],
        erasures: Some(Erasures { requested: 9, finished: 8 }),
    }
}

/// The whole frame at the front of `bytes`, with its events.
pub(crate) fn events_of(
    bytes: &[u8],
    binding: Binding,
    offset: u64,
) -> Result<(FrameHeader, Vec<Event>), FrameFault> {
    let mut events = Vec::new();
    let header = check_frame(bytes, binding, offset, |_, event| events.push(event.to_event()))?;
    Ok((header, events))
}

/// Whether a stored event is what was given, with all that the store adds.
pub(crate) fn assert_same(stored: EventRef<'_>, stream: &str, given: &NewEvent<'_>, recorded_at: Timestamp) {
    assert_eq!((stored.stream, stored.event_type), (stream, &*given.event_type));
    assert_eq!(stored.payload.as_plain(), Some((&*given.data, &*given.metadata)));
    assert!(stored.tags.iter().eq(given.tags.iter().map(|tag| &**tag)));
    assert_eq!(stored.schema_version, given.schema_version);
    assert_eq!(stored.content_type, given.content_type);
    assert_eq!(stored.recorded_at, recorded_at);
    assert_eq!(stored.occurred_at, given.occurred_at.unwrap_or(recorded_at));
    let made = binding().made_id(stored.position, recorded_at);
    assert_eq!(stored.id, given.id.unwrap_or(made));
}

/// Every code stays what it was given as, also those without a name.
pub(crate) fn content_type(code: u8) -> ContentType {
    ContentType::from_code(code)
}
