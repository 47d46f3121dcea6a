//! Segments whose payloads are compressed while they are written anew: they say what plain ones say, in less room.

use super::plain::Plain;
use super::{Given, bytes_of, disk, open, rewrite, rewrite_as, source, with_bytes};
use crate::log::STORE_ID;
use annals_format::payload::erasure_of;
use annals_format::{
    Binding, FooterBuilder, FrameBuilder, FrameStamp, SEGMENT_HEADER_BYTES, SealedSegment, SegmentHeader,
    first_dictionary, names, reseal,
};
use annals_types::{Compression, NewEvent, PayloadBuffer, PayloadError, Position, Timestamp, Version};
use annals_vfs::MemoryDisk;
use annals_wal::{Choice, Rewrite, RewriteTarget, Segment, Step, scan_mapped};
use std::sync::Arc;

/// What every second event says, and no other one.
const SECRET: &str = "a thing that nobody may know any more";

/// A segment of events as an application has them: much in common, and of every second one something that the others have not.
fn visits(disk: &MemoryDisk, events: u64) -> (SealedSegment, Plain) {
    let binding = Binding::new(&STORE_ID, 1, 77);
    let first = Position::new(100);
    let header = SegmentHeader { store_id: STORE_ID, segment_id: 1, first_position: first, salt: 77 };
    let mut bytes = header.encode().to_vec();
    for batch in 0..events / 3 {
        let mut frame = FrameBuilder::new();
        for number in batch * 3..batch * 3 + 3 {
            let of = if number % 2 == 0 { SECRET } else { "a room with a view of the sea" };
            let data =
                format!("{{\"visitor\":{number},\"page\":\"/rooms/{}\",\"said\":\"{of}\"}}", number % 9);
            let event = NewEvent::json("visited", data)
                .with_metadata(format!("{{\"host\":\"n{}\"}}", number % 3).into_bytes());
            frame.push("visits-7", &event).unwrap();
        }
        let first_position = first.plus(batch * 3);
        let recorded_at = Timestamp::from_nanos(batch as i64 * 100);
        let stamp = FrameStamp { binding, first_position, durable: first_position.previous(), recorded_at };
        frame.stamp(&stamp, |index| Version::new(batch * 3 + index as u64 + 1));
        bytes.extend_from_slice(frame.bytes());
    }
    let mut footer = FooterBuilder::new();
    footer.push_bytes(&bytes);
    let mut events = Vec::new();
    scan_mapped(&bytes, binding, |step| {
        if let Step::Record { offset, event } = step {
            footer.push(u32::try_from(offset).unwrap(), event.recorded_at, event.occurred_at);
            events.push(event.to_event());
        }
    });
    let (footer, told) = footer.finish(binding, 1, first);
    bytes.extend_from_slice(&footer);
    disk.set_content(&names::segment(1), &bytes).unwrap();
    let entry = SealedSegment {
        id: 1,
        salt: 77,
        first_position: first,
        count: told.count,
        frames_end: told.frames_end,
        length: bytes.len() as u64,
        recorded: told.recorded,
        occurred: told.occurred,
        rewritten: None,
    };
    let last = entry.last_position();
    (entry, Plain { events, first, last })
}

fn compressed(disk: &MemoryDisk, source: &SealedSegment, stays: impl Fn(Position) -> bool) -> SealedSegment {
    rewrite_as(disk, Compression::Lz4, &[open(disk, source)], stays).unwrap().unwrap()
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_compressed_segment_says_what_it_said_in_less_room() {
    let disk = disk();
    let (entry, plain) = visits(&disk, 600);
    let packed = compressed(&disk, &entry, |_| true);
    let segment = open(&disk, &packed);
    assert!(segment.is_compressed().unwrap() && !open(&disk, &entry).is_compressed().unwrap());
    plain.assert_same(&segment);
    assert!(packed.frames_end * 100 < entry.frames_end * 65, "{} of {}", packed.frames_end, entry.frames_end);
    let dictionary = segment.dictionary().unwrap().unwrap();
    assert!(dictionary.bytes().len() > 1000, "{dictionary:?}");
}

#[test]
fn what_was_compressed_becomes_plain_again_as_it_was_or_is_compressed_with_another_dictionary() {
    let disk = disk();
    let (entry, mut plain) = visits(&disk, 300);
    let stays = |position: Position| position.get() % 5 != 1;
    plain.keep(|event| stays(event.position));
    let other = super::disk();
    let once = rewrite(&other, &[open(&other, &visits(&other, 300).0)], stays).unwrap().unwrap();
    let expected = open(&other, &once);
    let packed = compressed(&disk, &entry, stays);
    let packed_again = compressed(&disk, &packed, |_| true);
    let unpacked = rewrite(&disk, &[open(&disk, &packed_again)], |_| true).unwrap().unwrap();
    assert_ne!(packed_again.edition(), packed.edition());
    plain.assert_same(&open(&disk, &packed_again));
    let segment = open(&disk, &unpacked);
    plain.assert_same(&segment);
    assert!(!segment.is_compressed().unwrap());
    for event in &plain.events {
        let (was, is) = (expected.record(event.position).unwrap(), segment.record(event.position).unwrap());
        // Only the bound checksum is another one.
        assert_eq!(was.map(|record| &record[4..]), is.map(|record| &record[4..]));
    }
}

/// A dictionary is made of payloads, and lives on with the file.
#[test]
fn nothing_of_what_is_removed_or_erased_is_left_in_a_dictionary() {
    for erase in [false, true] {
        let disk = disk();
        let (entry, _) = visits(&disk, 300);
        // From a segment that is compressed as well as from one that is not: its dictionary knows the secret.
        let before = compressed(&disk, &entry, |_| true);
        assert!(has(open(&disk, &before).dictionary().unwrap().unwrap().bytes(), &SECRET[..20]));
        for (source, edition) in [(&entry, 8), (&before, 9)] {
            let target = RewriteTarget { compression: Compression::Lz4, edition, ..super::target(source) };
            let mut rewrite = Rewrite::begin(&disk, target, vec![open(&disk, source)]).unwrap();
            let mut choose = |event: &annals_types::EventRef<'_>| {
                let plain = event.plain().unwrap();
                let erasure = erasure_of(&plain, Timestamp::EPOCH);
                Ok(match has(&plain.data, SECRET) {
                    true if erase => Choice::Erase { erasure, keep_tags: false },
                    true => Choice::Drop,
                    false => Choice::Keep,
                })
            };
            while rewrite.step(&mut choose).unwrap().goes_on {}
            let after = rewrite.finish().unwrap().unwrap();
            let bytes = bytes_of(&disk, &after);
            for part in [&SECRET[..12], &SECRET[12..24], &SECRET[24..]] {
                assert!(!has(&bytes, part), "{part:?}, erased: {erase}");
            }
            assert!(open(&disk, &after).is_compressed().unwrap() && has(&bytes, "a room with a view"));
        }
    }
}

/// What a segment says of each event: the event, or that it or its payload cannot be had.
fn assert_exact_or_error(plain: &Plain, segment: &Segment, context: &str) -> (usize, usize) {
    let (mut errors, mut payloads) = (0, 0);
    for expected in &plain.events {
        let event = match segment.event(expected.position) {
            Ok(event) => event.unwrap_or_else(|| panic!("{context}: {} seems removed", expected.position)),
            Err(_) => {
                errors += 1;
                continue;
            }
        };
        match event.plain() {
            Ok(read) => {
                assert_eq!(
                    (&*read.data, &*read.metadata),
                    (expected.data().unwrap(), expected.metadata().unwrap())
                );
                assert_eq!(event.to_event(), *expected, "{context}");
            }
            Err(PayloadError::Damaged { position, .. }) => {
                assert_eq!(position, expected.position);
                payloads += 1;
            }
            Err(error) => panic!("{context}: {error}"),
        }
    }
    (errors, payloads)
}

#[test]
fn every_flipped_bit_of_a_compressed_segment_gives_exact_data_or_an_error() {
    let disk = disk();
    let (entry, mut plain) = visits(&disk, 60);
    plain.keep(|event| event.position.get() % 4 != 0);
    let packed = compressed(&disk, &entry, |position| position.get() % 4 != 0);
    let sound = bytes_of(&disk, &packed);
    let binding = packed.binding(&STORE_ID);
    assert!(first_dictionary(&sound, binding).unwrap().is_some());
    let (mut errors, mut payloads) = (0, 0);
    for bit in SEGMENT_HEADER_BYTES * 8..sound.len() * 8 {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let segment = with_bytes(&packed, &bytes);
        let found = assert_exact_or_error(&plain, &segment, &format!("bit {bit}"));
        (errors, payloads) = (errors + found.0, payloads + found.1);
        // Whoever verifies the file is told where it is.
        if bit / 8 < usize::try_from(packed.frames_end).unwrap() {
            let mut told = None;
            scan_mapped(&bytes[..usize::try_from(packed.frames_end).unwrap()], binding, |step| {
                if let Step::Damaged { damage, .. } = step {
                    told.get_or_insert(damage.offset);
                }
            });
            assert!(told.is_some(), "bit {bit}");
        }
    }
    assert!(errors > 0 && payloads > 0, "{errors} {payloads}");
}

/// The dictionary is bound to its segment: that of another edition is not taken for it.
#[test]
fn a_dictionary_that_is_damaged_or_of_another_file_makes_payloads_an_error_and_nothing_else() {
    let disk = disk();
    let (entry, plain) = visits(&disk, 300);
    let packed = compressed(&disk, &entry, |_| true);
    let (_, fewer) = (packed.clone(), compressed(&disk, &packed, |position| position.get() % 2 == 0));
    let (sound, other) = (bytes_of(&disk, &packed), bytes_of(&disk, &fewer));
    let frame = SEGMENT_HEADER_BYTES..SEGMENT_HEADER_BYTES + 500;
    let mut swapped = sound.clone();
    swapped[frame.clone()].copy_from_slice(&other[frame.clone()]);
    let mut wiped = sound.clone();
    wiped[frame].fill(0);
    for bytes in [swapped, wiped] {
        let segment = with_bytes(&packed, &bytes);
        assert!(segment.is_compressed().is_err());
        let (errors, payloads) = assert_exact_or_error(&plain, &segment, "another dictionary");
        assert!(errors == 0 && payloads > 250, "{errors} {payloads}");
        // And it is not written anew.
        let again = rewrite_as(&disk, Compression::Lz4, &[segment], |_| true);
        assert!(again.is_err_and(|error| error.to_string().contains("log/")));
    }
}

/// Also under right checksums: only compaction makes dictionaries, and puts them in front.
#[test]
fn a_dictionary_between_frames_is_damage() {
    let disk = disk();
    let (entry, _) = source(&disk, 1, Position::new(100), &[vec![Given::Plain(2)], vec![Given::Plain(2)]]);
    let packed = compressed(&disk, &entry, |_| true);
    let mut bytes = bytes_of(&disk, &packed);
    let binding = packed.binding(&STORE_ID);
    let mut frames = Vec::new();
    scan_mapped(&bytes[..usize::try_from(packed.frames_end).unwrap()], binding, |step| {
        if let Step::Frame { offset, header } = step {
            frames.push((usize::try_from(offset).unwrap(), usize::try_from(header.length).unwrap()));
        }
    });
    let ((dictionary, length), (second, next)) = (frames[0], frames[1]);
    bytes[dictionary..second + next].rotate_left(length);
    reseal::footer(&mut bytes, binding);
    let moved = with_bytes(&packed, &bytes);
    assert!(moved.dictionary().unwrap().is_none());
    let again = rewrite_as(&disk, Compression::None, &[moved], |_| true).unwrap_err();
    assert!(again.to_string().contains("dictionary"), "{again}");
}

#[test]
fn payloads_that_are_made_in_a_buffer_are_those_that_are_given_out_one_by_one() {
    let disk = disk();
    let (entry, plain) = visits(&disk, 300);
    let packed = open(&disk, &compressed(&disk, &entry, |_| true));
    let (mut buffer, mut made) = (PayloadBuffer::new(), 0);
    for expected in &plain.events {
        let event = packed.event(expected.position).unwrap().unwrap();
        made += usize::from(event.payload.as_plain().is_none());
        let event = event.plain_in(&mut buffer).unwrap();
        let (data, metadata) = event.payload.as_plain().unwrap();
        assert_eq!((data, metadata), (expected.data().unwrap(), expected.metadata().unwrap()));
        assert_eq!(event.to_event(), *expected);
    }
    assert!(made > 250, "{made}");
}

#[test]
fn payloads_that_do_not_become_shorter_stay_as_they_are() {
    let disk = disk();
    let batch = vec![Given::Plain(2), Given::Lost(true), Given::Plain(0), Given::Full(1, 5)];
    let (entry, plain) = source(&disk, 1, Position::new(100), &[batch]);
    let packed = compressed(&disk, &entry, |_| true);
    let segment: Arc<Segment> = open(&disk, &packed);
    assert_eq!(segment.dictionary().unwrap().map(|dictionary| dictionary.is_empty()), Some(true));
    plain.assert_same(&segment);
    for event in &plain.events {
        let lent = segment.event(event.position).unwrap().unwrap();
        assert!(lent.is_lost() || lent.payload.as_plain().is_some(), "{}", event.position);
    }
}
