//! Frames of which events were removed: what is missing is told, and only in a table that is as it was written.

use crate::common::{RECORDED_AT, binding, bound_checksum, events_of, full, hex, minimal, stamp};
use annals_format::payload::Dictionary;
use annals_format::{
    FRAME_HEADER_BYTES, FrameBuilder, FrameFault, FrameHeader, FrameStretches, KeptFrame, check_frame,
    dictionary_frame, first_dictionary, reseal,
};
use annals_types::{Position, Version};
use proptest::prelude::*;

/// The table of `sparse`: after its checksum two records and two missing positions, one record and 296 of them.
const TABLE: [u8; 5] = [2, 2, 1, 0xA8, 2];

/// Records at these positions, all alike.
fn kept(positions: &[u64]) -> Vec<u8> {
    let mut given = FrameBuilder::new();
    given.push("account-1", &minimal()).unwrap();
    given.stamp(&stamp(1, 0), |_| Version::FIRST);
    let mut frame = KeptFrame::new();
    for (version, position) in (1..).zip(positions) {
        frame.push(Position::new(*position), Version::new(version), given.record(0)).unwrap();
        assert_eq!(frame.last_record().len(), given.record(0).len());
    }
    assert_eq!(frame.record_count(), positions.len());
    let mut bytes = Vec::new();
    frame.finish(binding(), Position::new(40), RECORDED_AT, &mut bytes);
    assert_eq!((frame.record_count(), frame.last_record()), (0, &[][..]), "it is empty again");
    bytes
}

fn sparse() -> Vec<u8> {
    kept(&[41, 42, 45, 342])
}

fn fault(bytes: &[u8]) -> FrameFault {
    check_frame(bytes, binding(), 64, |_, _| {}).unwrap_err()
}

fn is_damage(fault: &FrameFault, what: &str) -> bool {
    matches!(fault, FrameFault::Damaged(damage) if damage.what.contains(what))
}

#[test]
fn a_frame_of_which_positions_are_missing_has_these_bytes() {
    let bytes = sparse();
    assert_eq!(hex(&bytes), SPARSE.trim());
    assert_eq!(bytes[52..57], TABLE);
    let (header, events) = events_of(&bytes, binding(), 64).unwrap();
    assert_eq!((header.record_count, header.missing, header.last_position()), (4, 298, Position::new(342)));
    let told: Vec<u64> = events.iter().map(|event| event.position.get()).collect();
    assert_eq!(told, [41, 42, 45, 342]);
    let stretches = FrameStretches::read(&bytes, &header, binding(), 64).unwrap();
    assert_eq!(stretches.records_at(), 57);
    let stretches: Vec<_> = stretches.map(|(first, records)| (first.get(), records)).collect();
    assert_eq!(stretches, [(41, 2), (45, 1), (342, 1)]);
    assert!(header.check_place(false, 64).is_err_and(|damage| damage.offset == 64 + 44));
}

/// The bytes as `docs/format.md` puts them together, from nothing but CRC-32.
#[test]
fn the_checksums_of_such_a_frame_are_those_of_the_document() {
    let bytes = sparse();
    assert_eq!(bytes[44..48], 298_u32.to_le_bytes());
    assert_eq!(bytes[4..8], bound_checksum(&[&bytes[..4], &bytes[8..FRAME_HEADER_BYTES]]));
    assert_eq!(bytes[48..52], bound_checksum(&[&bytes[4..8], &TABLE]));
}

#[test]
fn what_stays_in_one_piece_is_the_frame_that_would_have_been_appended() {
    let mut appended = FrameBuilder::new();
    appended.push("account-1", &minimal()).unwrap();
    appended.push("Konto-Ω", &full()).unwrap();
    appended.stamp(&stamp(41, 40), |index| Version::new(index as u64 + 1));
    let mut frame = KeptFrame::new();
    for (index, position) in [(0, 41), (1, 42)] {
        frame.push(Position::new(position), Version::new(index as u64 + 1), appended.record(index)).unwrap();
    }
    let mut bytes = b"in front".to_vec();
    frame.finish(binding(), Position::new(40), RECORDED_AT, &mut bytes);
    assert_eq!(bytes[8..], *appended.bytes());
    frame.finish(binding(), Position::new(40), RECORDED_AT, &mut bytes);
    assert_eq!(bytes[8..], *appended.bytes(), "without records there is no frame");
}

#[test]
fn every_flipped_bit_of_a_frame_with_missing_positions_is_noticed() {
    let sound = sparse();
    for bit in 0..sound.len() * 8 {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(events_of(&bytes, binding(), 64).is_err(), "bit {bit}");
        // The table by itself, as who walks from frame to frame asks it.
        if (48..57).contains(&(bit / 8)) {
            let header = FrameHeader::decode(&bytes, binding(), 64).unwrap();
            let read = FrameStretches::read(&bytes, &header, binding(), 64);
            assert!(read.is_err_and(|damage| (64..64 + 57).contains(&damage.offset)), "bit {bit}");
        }
    }
    for length in 0..sound.len() {
        assert!(matches!(fault(&sound[..length]), FrameFault::Short { .. }), "{length}");
    }
}

/// Also under checksums that are right.
#[test]
fn tables_that_no_frame_can_have_are_an_error() {
    let sound = sparse();
    let with = |missing: u32, table: &[u8]| {
        let mut bytes = sound.clone();
        bytes[44..48].copy_from_slice(&missing.to_le_bytes());
        bytes.splice(52..57, table.iter().copied());
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let length = u32::try_from(bytes.len()).unwrap();
        bytes[8..12].copy_from_slice(&length.to_le_bytes());
        reseal::frame(&mut bytes, binding());
        bytes
    };
    assert!(check_frame(&with(298, &TABLE), binding(), 64, |_, _| {}).is_ok());
    assert!(check_frame(&with(5, &[3, 5]), binding(), 64, |_, _| {}).is_ok());
    let wrong: [(&str, u32, &[u8]); 7] = [
        ("a stretch without records", 298, &[0, 2, 3, 0xA8, 2]),
        ("a stretch behind which nothing is missing", 298, &[2, 0, 1, 0xA8, 2]),
        ("no record left for the last stretch", 298, &[2, 2, 2, 0xA8, 2]),
        ("more missing than the header says", 297, &TABLE),
        ("a number that is not in its shortest form", 298, &[0x82, 0, 2, 1, 0xA8, 2]),
        ("more than 32 bits", 298, &[0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 2]),
        ("the sum of the gaps beyond 32 bits", 298, &[1, 2, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]),
    ];
    for (what, missing, table) in wrong {
        let bytes = with(missing, table);
        assert!(is_damage(&fault(&bytes), "positions missing in a frame"), "{what}: {:?}", fault(&bytes));
    }
    // Less is missing by the table than the header says: what follows is taken for the table.
    assert!(check_frame(&with(u32::MAX, &TABLE), binding(), 64, |_, _| {}).is_err());
}

#[test]
fn positions_are_missing_only_between_records() {
    let one = kept(&[41]);
    for (mut bytes, count) in [(one.clone(), 1), (one, 0)] {
        bytes[44] = 1;
        bytes[12] = count;
        reseal::frame(&mut bytes, binding());
        assert!(is_damage(&fault(&bytes), "missing positions"), "{count}");
    }
}

#[test]
fn positions_at_the_end_of_their_range_do_not_overflow() {
    for first in [u64::MAX - 3, u64::MAX - 400, (1 << 48) - 300] {
        let mut bytes = sparse();
        bytes[16..24].copy_from_slice(&first.to_le_bytes());
        reseal::frame(&mut bytes, binding());
        let _ = check_frame(&bytes, binding(), u64::MAX - 4096, |_, _| {});
    }
}

/// In front of the frame that the stamp is of.
fn with_dictionary() -> (Vec<u8>, Dictionary) {
    let dictionary = Dictionary::new(b"{\"a dictionary\":".repeat(5));
    (dictionary_frame(&dictionary, &stamp(41, 40)), dictionary)
}

#[test]
fn a_frame_with_a_dictionary_has_these_bytes_and_no_records() {
    let (bytes, dictionary) = with_dictionary();
    assert_eq!(hex(&bytes), DICTIONARY.trim());
    let (header, events) = events_of(&bytes, binding(), 64).unwrap();
    assert!(events.is_empty() && header.has_dictionary() && header.length == bytes.len() as u64);
    assert_eq!((header.first_position, header.last_position()), (Position::new(41), Position::new(40)));
    assert!(header.check_place(true, 64).is_ok());
    assert!(header.check_place(false, 64).is_err() && header.check_place(true, 264).is_err());
    let segment = [vec![0; 64], bytes, kept(&[41])].concat();
    assert_eq!(first_dictionary(&segment, binding()).unwrap(), Some(dictionary));
    let without = [vec![0; 64], kept(&[41])].concat();
    assert_eq!(first_dictionary(&without, binding()).unwrap(), None);
    for length in 0..segment.len() - kept(&[41]).len() {
        assert!(first_dictionary(&segment[..length], binding()).is_err(), "{length}");
    }
}

#[test]
fn every_flipped_bit_of_a_frame_with_a_dictionary_is_noticed() {
    let (sound, _) = with_dictionary();
    for bit in 0..sound.len() * 8 {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(events_of(&bytes, binding(), 64).is_err(), "bit {bit}");
        let read = first_dictionary(&[vec![0; 64], bytes].concat(), binding());
        assert!(read.is_err_and(|damage| damage.offset < 64 + sound.len() as u64), "bit {bit}");
    }
}

/// Also under checksums that are right.
#[test]
fn a_frame_with_a_dictionary_has_nothing_else() {
    let (mut bytes, _) = with_dictionary();
    bytes.extend([0; 8]);
    let length = u32::try_from(bytes.len()).unwrap();
    bytes[8..12].copy_from_slice(&length.to_le_bytes());
    reseal::frame(&mut bytes, binding());
    assert!(is_damage(&fault(&bytes), "behind a dictionary"));
}

proptest! {
    #[test]
    fn any_positions_come_back(gaps in prop::collection::vec(prop_oneof![4 => Just(0_u64), 3 => 1..300_u64, 1 => 0..1_000_000_u64], 1..80)) {
        let mut next = 7;
        let positions: Vec<u64> = gaps.iter().map(|gap| { next += gap + 1; next - 1 }).collect();
        let bytes = kept(&positions);
        let (header, events) = events_of(&bytes, binding(), 64).unwrap();
        prop_assert_eq!(events.iter().map(|event| event.position.get()).collect::<Vec<_>>(), &positions[..]);
        prop_assert_eq!(u64::from(header.missing), gaps[1..].iter().sum::<u64>());
        prop_assert_eq!(header.last_position().get(), *positions.last().unwrap());
        prop_assert_eq!(header.length, bytes.len() as u64);
    }
}

const SPARSE: &str = "
41 46 52 4d 53 d5 07 10 08 01 00 00 04 00 00 00
29 00 00 00 00 00 00 00 28 00 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 9c 33 e4 60 2a 01 00 00
bb ba 3f 8f 02 02 01 a8 02 78 fd f6 11 33 00 00
00 c5 75 b2 a8 00 00 00 00 01 00 00 00 00 00 00
00 15 cd 85 3d fe 9c 97 17 09 00 06 00 61 63 63
6f 75 6e 74 2d 31 6f 70 65 6e 65 64 3a 00 e3 94
33 00 00 00 c5 75 b2 a8 00 00 00 00 02 00 00 00
00 00 00 00 15 cd 85 3d fe 9c 97 17 09 00 06 00
61 63 63 6f 75 6e 74 2d 31 6f 70 65 6e 65 64 2b
c8 b9 0b 33 00 00 00 c5 75 b2 a8 00 00 00 00 03
00 00 00 00 00 00 00 15 cd 85 3d fe 9c 97 17 09
00 06 00 61 63 63 6f 75 6e 74 2d 31 6f 70 65 6e
65 64 5f 55 9d 57 33 00 00 00 c5 75 b2 a8 00 00
00 00 04 00 00 00 00 00 00 00 15 cd 85 3d fe 9c
97 17 09 00 06 00 61 63 63 6f 75 6e 74 2d 31 6f
70 65 6e 65 64 00 00 00
";

const DICTIONARY: &str = "
41 46 52 4d a2 96 cb 63 98 00 00 00 00 00 00 00
29 00 00 00 00 00 00 00 28 00 00 00 00 00 00 00
15 cd 85 3d fe 9c 97 17 00 00 00 00 00 00 00 00
41 4e 4e 41 4c 44 49 43 e1 cb 79 b2 50 00 00 00
9e 59 0e 02 00 00 00 00 7b 22 61 20 64 69 63 74
69 6f 6e 61 72 79 22 3a 7b 22 61 20 64 69 63 74
69 6f 6e 61 72 79 22 3a 7b 22 61 20 64 69 63 74
69 6f 6e 61 72 79 22 3a 7b 22 61 20 64 69 63 74
69 6f 6e 61 72 79 22 3a 7b 22 61 20 64 69 63 74
69 6f 6e 61 72 79 22 3a
";
