//! One bit flipped anywhere, or the end missing: noticed, without a panic.

use crate::common::{
    FRAMES_END, binding, content_type, empty_frame, events_of, footer, manifest, segment_header,
    sparse_footer, two_records, unhex,
};
use crate::golden::{FOOTER_V1, FOOTER_V2, FOOTER_V3};
use annals_format::{
    FOOTER_TRAILER_BYTES, Footer, FormatError, FrameFault, FrameHeader, Manifest, SEGMENT_HEADER_BYTES,
    SegmentHeader, parse_record,
};
use annals_types::Position;

/// All the ways of flipping one bit.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        (bit, bytes)
    })
}

/// Trailer and tables, as a reader that trusts nothing looks at them.
fn check_footer(bytes: &[u8], file_length: u64) -> Result<Footer, FormatError> {
    let Some(trailer) = bytes.last_chunk::<FOOTER_TRAILER_BYTES>() else {
        return Err(FormatError::Foreign { expected: "a footer" });
    };
    let footer = Footer::decode_trailer(trailer, binding(), file_length)?;
    footer.check_tables(bytes)?;
    Ok(footer)
}

#[test]
fn every_flipped_bit_of_a_segment_header_is_noticed() {
    for (bit, bytes) in flipped(&segment_header().encode()) {
        let bytes: &[u8; SEGMENT_HEADER_BYTES] = bytes.first_chunk().unwrap();
        assert!(SegmentHeader::decode(bytes).is_err(), "bit {bit}");
    }
}

#[test]
fn every_flipped_bit_of_a_frame_is_noticed() {
    for frame in [two_records(), empty_frame()] {
        for (bit, bytes) in flipped(frame.bytes()) {
            assert!(events_of(&bytes, binding(), 64).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_record_is_noticed_without_its_frame() {
    let frame = two_records();
    for (index, position) in [(0, 41), (1, 42)] {
        for (bit, bytes) in flipped(frame.record(index)) {
            let parsed = parse_record(&bytes, binding(), Position::new(position), 112);
            assert!(parsed.is_err(), "record {index}, bit {bit}");
        }
    }
}

#[test]
fn the_error_for_a_flipped_bit_lies_in_the_frame_it_is_in() {
    let frame = two_records();
    let range = 64..64 + frame.bytes().len() as u64;
    for (bit, bytes) in flipped(frame.bytes()) {
        match events_of(&bytes, binding(), 64) {
            Err(FrameFault::Damaged(damage)) => {
                assert!(range.contains(&damage.offset), "bit {bit}: {damage}")
            }
            other => panic!("bit {bit}: {other:?}"),
        }
    }
}

/// Also one in the zeros that fill up the space between the page table and the trailer.
#[test]
fn every_flipped_bit_of_a_footer_is_noticed() {
    let (bytes, footer) = footer();
    let length = FRAMES_END + bytes.len() as u64;
    assert_eq!(check_footer(&bytes, length), Ok(footer));
    for own in [bytes, sparse_footer().0, unhex(FOOTER_V3), unhex(FOOTER_V2), unhex(FOOTER_V1)] {
        let length = FRAMES_END + own.len() as u64;
        assert!(check_footer(&own, length).is_ok());
        for (bit, bytes) in flipped(&own) {
            assert!(check_footer(&bytes, length).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_manifest_is_noticed() {
    for (bit, bytes) in flipped(&manifest().encode()) {
        assert!(Manifest::decode(&bytes).is_err(), "bit {bit}");
    }
}

#[test]
fn a_frame_cut_anywhere_is_short_and_not_damaged() {
    let frame = two_records();
    for length in 0..frame.bytes().len() {
        match events_of(&frame.bytes()[..length], binding(), 64) {
            Err(FrameFault::Short { needed }) => assert!(needed > length as u64),
            other => panic!("{length} bytes: {other:?}"),
        }
    }
}

#[test]
fn a_record_cut_anywhere_is_an_error() {
    let frame = two_records();
    for (index, position) in [(0, 41), (1, 42)] {
        let record = frame.record(index);
        for length in 0..record.len() {
            assert!(parse_record(&record[..length], binding(), Position::new(position), 112).is_err());
        }
        // What follows a record does not matter to it.
        let longer = [record, b"next"].concat();
        assert!(parse_record(&longer, binding(), Position::new(position), 112).is_ok());
    }
}

#[test]
fn a_footer_cut_anywhere_or_lengthened_is_an_error() {
    for ((bytes, footer), tables) in [(footer(), 80), (sparse_footer(), 96)] {
        for length in 0..bytes.len() {
            let file_length = FRAMES_END + length as u64;
            assert!(check_footer(&bytes[..length], file_length).is_err(), "{length}");
            assert!(check_footer(&bytes[bytes.len() - length..], file_length).is_err(), "{length}");
            assert_eq!(footer.check_tables(&bytes[..length]).is_err(), length < tables, "{length}");
        }
        let longer = [&[0; 8], &bytes[..]].concat();
        assert!(check_footer(&longer, FRAMES_END + longer.len() as u64).is_err());
    }
}

#[test]
fn a_manifest_cut_anywhere_or_lengthened_is_an_error() {
    let bytes = manifest().encode();
    for length in 0..bytes.len() {
        assert!(Manifest::decode(&bytes[..length]).is_err(), "{length}");
    }
    assert!(Manifest::decode(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn zeros_are_blank_as_a_frame_and_foreign_as_anything_else() {
    assert_eq!(events_of(&[0; 64], binding(), 64), Err(FrameFault::Blank));
    assert!(matches!(FrameHeader::decode(&[0; 47], binding(), 0), Err(FrameFault::Short { needed: 48 })));
    assert!(matches!(SegmentHeader::decode(&[0; 64]), Err(FormatError::Foreign { .. })));
    assert!(matches!(Manifest::decode(&[0; 96]), Err(FormatError::Foreign { .. })));
    assert!(check_footer(&[0; 120], FRAMES_END + 120).is_err());
    assert!(parse_record(&[0; 64], binding(), Position::new(41), 0).is_err());
}

#[test]
fn rubbish_is_an_error_for_every_decoder() {
    for byte in [0x01, 0x41, 0x5A, 0xFF] {
        for length in 0..256 {
            let bytes = vec![byte; length];
            assert!(events_of(&bytes, binding(), 0).is_err());
            assert!(parse_record(&bytes, binding(), Position::FIRST, 0).is_err());
            assert!(check_footer(&bytes, length as u64).is_err());
            assert!(Manifest::decode(&bytes).is_err());
        }
    }
    // Codes without a name are no rubbish.
    assert_eq!(content_type(200).code(), 200);
}
