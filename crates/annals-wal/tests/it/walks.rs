//! Walking the events of a segment: what a walk gives is what reads one by one give, whatever was done to the file.

use crate::footers::with_footer_of_version_1;
use crate::log::{Log, STORE_ID, Whole, segment_bytes, with_segment};
use crate::sealed::sealed_log;
use annals_format::{
    Binding, Footer, FooterBuilder, FrameBuilder, FrameStamp, SEGMENT_HEADER_BYTES, SPAN_BYTES,
    SealedSegment, SegmentHeader, TimeRange, names,
};
use annals_types::{NewEvent, Position, Timestamp, Uuid, Version};
use annals_vfs::{Access, Disk, MemoryDisk, write_all_at};
use annals_wal::{LogError, Segment, seal_segment};
use std::io::IoSlice;
use std::sync::Arc;

const FIRST: Position = Position::new(1000);
const SALT: u64 = 77;

/// A segment in the memory of a disk of its own.
fn open(bytes: &[u8], entry: &SealedSegment) -> Segment {
    let disk = MemoryDisk::new();
    disk.set_content(&names::segment(entry.id), bytes).unwrap();
    Segment::sealed(Arc::new(disk), &STORE_ID, entry.clone())
}

/// Events with and without optional fields, lost ones, empty frames, and records that are longer than a span.
fn varied() -> (Vec<u8>, SealedSegment) {
    let plain = |length: usize| NewEvent::new("plain", vec![b'p'; length]);
    let frames: Vec<Vec<Option<NewEvent<'_>>>> = vec![
        (0..40).map(|number| Some(plain(number * 7))).collect(),
        vec![None, Some(plain(3)), None],
        vec![],
        vec![Some(plain(SPAN_BYTES * 2 + 11)), Some(plain(0))],
        (0..60)
            .map(|number| {
                let event =
                    plain(300).with_id(Uuid::from_u128(number)).with_tag("é").with_metadata(&b"m"[..]);
                Some(event.at(Timestamp::from_nanos(-5)).with_schema_version(7))
            })
            .collect(),
        vec![],
        vec![Some(plain(1))],
        vec![Some(NewEvent::new("Größe", &b""[..])), None],
        (0..100).map(|_| Some(plain(256))).collect(),
    ];
    built(&frames, |_, _| {})
}

/// The file of a sealed segment with these frames, in which `change` may change bytes before they are summed up; it gets the
/// places of the frames.
fn built(
    frames: &[Vec<Option<NewEvent<'_>>>],
    change: impl FnOnce(&mut [u8], &[usize]),
) -> (Vec<u8>, SealedSegment) {
    let binding = Binding::new(&STORE_ID, 1, SALT);
    let header = SegmentHeader { store_id: STORE_ID, segment_id: 1, first_position: FIRST, salt: SALT };
    let mut bytes = header.encode().to_vec();
    let (mut records, mut places, mut next) = (Vec::new(), Vec::new(), FIRST);
    for (number, events) in frames.iter().enumerate() {
        let mut frame = FrameBuilder::new();
        for event in events {
            match event {
                Some(event) => frame.push("account-é", event).unwrap(),
                None => frame.push_lost("account-é").unwrap(),
            }
        }
        let recorded_at = Timestamp::from_nanos(number as i64 * 10);
        let stamp = FrameStamp { binding, first_position: next, durable: next.previous(), recorded_at };
        let first = next.get();
        frame.stamp(&stamp, |index| Version::new(first + index as u64));
        let start = u32::try_from(bytes.len()).unwrap();
        records.extend(frame.record_offsets().map(|offset| (start + offset, recorded_at)));
        places.push(bytes.len());
        bytes.extend_from_slice(frame.bytes());
        next = next.plus(events.len() as u64);
    }
    places.push(bytes.len());
    change(&mut bytes, &places);
    let mut footer = FooterBuilder::new();
    footer.push_bytes(&bytes);
    records.iter().for_each(|(offset, recorded_at)| footer.push(*offset, *recorded_at, *recorded_at));
    let (footer, told) = footer.finish(binding, 1, FIRST);
    bytes.extend_from_slice(&footer);
    let (frames_end, length) = (told.frames_end, bytes.len() as u64);
    let Footer { count, recorded, occurred, .. } = told;
    (
        bytes,
        SealedSegment {
            id: 1,
            salt: SALT,
            first_position: FIRST,
            count,
            frames_end,
            length,
            recorded,
            occurred,
            rewritten: None,
        },
    )
}

fn text<T>(result: Result<T, LogError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

/// Walks from every so manieth position to the end, over errors, and compares each answer with that of a read.
fn assert_walks_agree(segment: &Segment, (first, last): (Position, Position), step: usize) -> usize {
    let mut errors = 0;
    for from in (first.get()..=last.get()).step_by(step).map(Position::new) {
        let mut walk = segment.walk(from..last.next()).unwrap();
        let mut position = from;
        while position <= last {
            // The short ways first, as a scan takes them.
            let short = walk.next_plain().or_else(|| walk.next_sound());
            let walked = short.map_or_else(|| text(walk.next_event()), |event| Ok(Some(event)));
            let read = text(segment.event(position));
            assert_eq!(walked, read, "position {position}, walked from {from}");
            position = position.next();
            if walked.is_err() {
                errors += 1;
                if position <= last {
                    walk = segment.walk(position..last.next()).unwrap();
                }
            }
        }
    }
    errors
}

fn whole(entry: &SealedSegment) -> (Position, Position) {
    (entry.first_position, entry.last_position())
}

#[test]
fn a_walk_from_every_position_gives_what_reads_give_with_a_footer_of_every_version() {
    let (bytes, entry) = varied();
    assert_eq!(assert_walks_agree(&open(&bytes, &entry), whole(&entry), 1), 0);
    let (bytes, entry) = with_footer_of_version_1(&bytes, &entry);
    assert_eq!(assert_walks_agree(&open(&bytes, &entry), whole(&entry), 1), 0);
}

#[test]
fn a_walk_in_a_live_segment_gives_what_reads_give() {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk), 2);
    (0..9).for_each(|batch| log.append(1 + batch % 4, 30, true).unwrap());
    log.writer.mark_durable().unwrap();
    log.append(3, 30, true).unwrap();
    let last = Position::new(log.next() - 1);
    let segment = Arc::clone(log.writer.active().unwrap().0);
    assert_eq!(assert_walks_agree(&segment, (Position::FIRST, last), 1), 0);
}

#[test]
fn every_flipped_bit_of_a_sealed_segment_is_told_by_a_walk_as_it_is_by_a_read() {
    let (disk, _, entry) = sealed_log(6, 3, 60);
    let sound = segment_bytes(&disk, entry.id);
    let mut errors = 0;
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        let segment =
            Segment::sealed(Arc::new(with_segment(&disk, entry.id, &bytes)), &STORE_ID, entry.clone());
        errors += assert_walks_agree(&segment, whole(&entry), 5);
    }
    assert!(errors > 1000, "{errors}");
}

#[test]
fn damage_in_a_span_leaves_the_sound_records_in_it_and_around_it_readable() {
    let (sound, entry) = varied();
    for at in (SEGMENT_HEADER_BYTES..usize::try_from(entry.frames_end).unwrap()).step_by(997) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        let errors = assert_walks_agree(&open(&bytes, &entry), whole(&entry), 40);
        // Each walk tells of the one record at most that has the byte.
        assert!(errors <= 6, "{errors} at {at}");
    }
}

#[test]
fn a_walk_believes_in_no_sum_on_a_damaged_page() {
    let (mut bytes, entry) = varied();
    let binding = entry.binding(&STORE_ID);
    let footer = Footer::decode_trailer(bytes.last_chunk().unwrap(), binding, entry.length).unwrap();
    // The last event changes, and the sum of its span with it, but not the checksum of the page that the sum is on.
    let frames_end = usize::try_from(entry.frames_end).unwrap();
    bytes[frames_end - 20] ^= 1;
    let last = (entry.frames_end - 1) / SPAN_BYTES as u64;
    let span = &bytes[usize::try_from(last).unwrap() * SPAN_BYTES..frames_end];
    let sum = annals_format::span_checksum(span);
    let place = usize::try_from(footer.place_of_span(last).unwrap().start).unwrap();
    bytes[place..place + 4].copy_from_slice(&sum.to_le_bytes());
    assert_eq!(assert_walks_agree(&open(&bytes, &entry), whole(&entry), 1000), 1);
}

/// The sums are those of what is there, and all records are sound: but two frames stand in each other's place.
#[test]
fn frames_in_a_wrong_order_under_sums_that_are_right_never_give_an_event_for_another() {
    let frames: Vec<_> =
        (0..8).map(|_| (0..9).map(|_| Some(NewEvent::new("t", vec![1; 100]))).collect()).collect();
    let (bytes, entry) = built(&frames, |bytes, places| {
        let length = places[4] - places[3];
        let (one, other) = bytes.split_at_mut(places[5]);
        one[places[3]..][..length].swap_with_slice(&mut other[..length]);
    });
    let segment = open(&bytes, &entry);
    assert_eq!(assert_walks_agree(&segment, whole(&entry), 100), 18);
    assert!(segment.walk(FIRST.plus(27)..FIRST.plus(72)).unwrap().next_event().is_err());
}

/// Offsets lead to records of other positions, under page checksums that are right.
#[test]
fn wrong_offsets_never_give_an_event_for_another() {
    let frames: Vec<_> = vec![(0..30).map(|_| Some(NewEvent::new("t", vec![1; 100]))).collect()];
    let (sound, entry) = built(&frames, |_, _| {});
    let binding = entry.binding(&STORE_ID);
    let mut bytes = sound.clone();
    let line = usize::try_from(entry.frames_end).unwrap();
    for shift in [1, 100, 147, 1 << 31] {
        let base = u32::from_le_bytes(*sound[line..].first_chunk().unwrap()).wrapping_add(shift);
        bytes[line..line + 4].copy_from_slice(&base.to_le_bytes());
        annals_format::reseal::footer(&mut bytes, binding);
        let (segment, sound) = (open(&bytes, &entry), open(&sound, &entry));
        for from in 0..entry.count {
            let mut walk = segment.walk(FIRST.plus(from)..FIRST.plus(entry.count)).unwrap();
            for position in (from..entry.count).map(|index| FIRST.plus(index)) {
                // From the front it needs no offsets. Elsewhere it may not find the event, as no read does.
                match walk.next_event() {
                    Ok(event) => assert_eq!(Ok(event), text(sound.event(position))),
                    Err(error) => {
                        assert!(from > 0 && segment.there(position).is_err(), "{error}");
                        break;
                    }
                }
            }
        }
    }
}

#[test]
fn a_frame_in_the_data_of_an_event_is_not_taken_for_one() {
    let (bytes, entry) = varied();
    let inner = bytes[SEGMENT_HEADER_BYTES..usize::try_from(entry.frames_end).unwrap()].to_vec();
    let frames: Vec<_> =
        (0..3).map(|_| (0..3).map(|_| Some(NewEvent::new("t", inner.clone()))).collect()).collect();
    let (bytes, entry) = built(&frames, |_, _| {});
    assert_eq!(assert_walks_agree(&open(&bytes, &entry), whole(&entry), 1), 0);
}

#[test]
fn a_segment_with_damage_anywhere_in_its_frames_is_not_sealed() {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 2);
    (0..4).for_each(|_| log.append(3, 31, true).unwrap());
    log.roll().unwrap();
    log.append(1, 10, true).unwrap();
    let end = log.full[0].1;
    let sound = segment_bytes(&disk, 1);
    let file = disk.open(&names::segment(1), Access::ReadWrite).unwrap();
    let put = |at: usize, byte: u8| {
        write_all_at(&*file, &mut [IoSlice::new(&[byte])], at as u64).unwrap();
    };
    let seal = || seal_segment(&disk, &log.full[0].0, log.open[0].salt, Position::new(12), end);
    let frames = sound.iter().enumerate().take(usize::try_from(end).unwrap()).skip(SEGMENT_HEADER_BYTES);
    for (at, byte) in frames {
        put(at, byte ^ 1);
        let sealed = seal();
        assert!(matches!(&sealed, Err(LogError::Corrupt(_))), "{at}: {sealed:?}");
        put(at, *byte);
    }
    let entry = seal().unwrap();
    assert_ne!(entry.occurred, TimeRange::EMPTY);
}
