//! Sound bytes in the wrong place are not taken for what should be there.

use crate::common::{
    FRAMES_END, SALT, SEGMENT_ID, STORE_ID, binding, events_of, footer, minimal, stamp, two_records,
};
use annals_format::{Binding, FOOTER_TRAILER_BYTES, Footer, FrameStamp, parse_record};
use annals_types::{Position, Version};

/// Bindings that differ in one thing each.
fn other_bindings() -> [Binding; 3] {
    let mut other_store = STORE_ID;
    other_store[15] ^= 1;
    [
        Binding::new(&other_store, SEGMENT_ID, SALT),
        Binding::new(&STORE_ID, SEGMENT_ID + 1, SALT),
        Binding::new(&STORE_ID, SEGMENT_ID, SALT ^ 1),
    ]
}

#[test]
fn a_frame_of_another_store_segment_or_salt_does_not_validate() {
    let frame = two_records();
    for other in other_bindings() {
        assert!(events_of(frame.bytes(), other, 64).is_err());
    }
}

#[test]
fn a_record_of_another_store_segment_salt_or_position_does_not_validate() {
    let frame = two_records();
    let (at, record) = (Position::new(41), frame.record(0));
    assert!(parse_record(record, binding(), at, 112).is_ok());
    for other in other_bindings() {
        assert!(parse_record(record, other, at, 112).is_err());
    }
    for position in [0, 40, 42, 41 + (1 << 32), u64::MAX] {
        assert!(parse_record(record, binding(), Position::new(position), 112).is_err(), "{position}");
    }
}

/// A whole record, put where one of equal length was.
#[test]
fn records_that_changed_places_are_noticed() {
    let mut frame = annals_format::FrameBuilder::new();
    frame.push("a", &minimal()).unwrap();
    frame.push("b", &minimal()).unwrap();
    frame.stamp(&stamp(41, 0), |_| Version::FIRST);
    let length = frame.record(0).len();
    let mut bytes = frame.bytes().to_vec();
    assert!(events_of(&bytes, binding(), 64).is_ok());
    let (one, two) = bytes[48..].split_at_mut(length);
    one.swap_with_slice(&mut two[..length]);
    assert!(events_of(&bytes, binding(), 64).is_err());
}

/// The records of one frame under the header of another one.
#[test]
fn records_under_the_header_of_another_frame_are_noticed() {
    let frame_of = |stream: &str| {
        let mut frame = annals_format::FrameBuilder::new();
        frame.push(stream, &minimal()).unwrap();
        frame.stamp(&stamp(41, 0), |_| Version::FIRST);
        frame
    };
    let (one, two) = (frame_of("a"), frame_of("b"));
    let mixed = [&one.bytes()[..48], &two.bytes()[48..]].concat();
    assert!(events_of(&mixed, binding(), 64).is_err());
}

#[test]
fn a_record_with_another_recorded_at_than_its_frame_is_noticed() {
    let frame_at = |nanos| {
        let mut frame = annals_format::FrameBuilder::new();
        frame.push("a", &minimal()).unwrap();
        let recorded_at = annals_types::Timestamp::from_nanos(nanos);
        frame.stamp(&FrameStamp { recorded_at, ..stamp(41, 0) }, |_| Version::FIRST);
        frame
    };
    let (one, two) = (frame_at(5), frame_at(6));
    let mut mixed = [&one.bytes()[..48], &two.bytes()[48..]].concat();
    // Both checksums of the header as if it had been meant.
    let sums = crate::common::plain_checksum(&[&mixed[48..52]]);
    mixed[40..44].copy_from_slice(&sums);
    let header = crate::common::bound_checksum(&[&mixed[..4], &mixed[8..48]]);
    mixed[4..8].copy_from_slice(&header);
    let fault = events_of(&mixed, binding(), 64).unwrap_err();
    assert!(format!("{fault:?}").contains("recorded_at"), "{fault:?}");
}

#[test]
fn a_footer_of_another_store_segment_or_salt_does_not_validate() {
    let (bytes, _) = footer();
    let length = FRAMES_END + bytes.len() as u64;
    let trailer: &[u8; FOOTER_TRAILER_BYTES] = bytes.last_chunk().unwrap();
    for other in other_bindings() {
        assert!(Footer::decode_trailer(trailer, other, length).is_err());
    }
    assert!(Footer::decode_trailer(trailer, binding(), length + 8).is_err());
    assert!(Footer::decode_trailer(trailer, binding(), length - 8).is_err());
}
