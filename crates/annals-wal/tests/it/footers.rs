//! What a footer says of its segment, in either version of it: offsets, times, and when the events of a block occurred.

use crate::log::{STORE_ID, Whole, copy};
use annals_format::{
    Footer, FooterBuilder, FrameBuilder, FrameStamp, OCCURRED_RECORDS, SealedSegment, SegmentHeader,
    TIME_STRIDE, TimeRange, names, reseal,
};
use annals_types::{NewEvent, Position, Timestamp, Version};
use annals_vfs::MemoryDisk;
use annals_wal::{Place, Segment, Step, scan_mapped};
use proptest::collection::vec;
use proptest::prelude::*;
use std::ops::Range;
use std::sync::Arc;

const FIRST: Position = Position::new(1000);
const PER_FRAME: usize = 7;
const PAGE: usize = 4096;

/// The file of a sealed segment with the footer that version 1 of the format had, and its entry.
pub(crate) fn with_footer_of_version_1(bytes: &[u8], entry: &SealedSegment) -> (Vec<u8>, SealedSegment) {
    let binding = entry.binding(&STORE_ID);
    let mut bytes = bytes[..usize::try_from(entry.frames_end).unwrap()].to_vec();
    let (mut offsets, mut times) = (Vec::new(), Vec::new());
    scan_mapped(&bytes, binding, |step| {
        if let Step::Record { offset, event } = step {
            if offsets.len().is_multiple_of(TIME_STRIDE) {
                times.push(event.recorded_at.as_nanos());
            }
            offsets.push(u32::try_from(offset).unwrap());
        }
    });
    bytes.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(times.iter().flat_map(|time| time.to_le_bytes()));
    let covered = bytes.len() - usize::try_from(entry.frames_end).unwrap();
    bytes.resize((bytes.len() + covered.div_ceil(PAGE) * 4).next_multiple_of(8), 0);
    bytes.extend_from_slice(b"ANNALFTR");
    bytes.extend_from_slice(&1_u64.to_le_bytes());
    for number in [entry.id, entry.first_position.get(), entry.count, entry.frames_end] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for range in [entry.recorded, entry.occurred] {
        bytes.extend([range.min, range.max].iter().flat_map(|time| time.as_nanos().to_le_bytes()));
    }
    bytes.extend_from_slice(&[0; 8]);
    reseal::footer(&mut bytes, binding);
    let entry = SealedSegment { length: bytes.len() as u64, ..entry.clone() };
    let footer = Footer::decode_trailer(bytes.last_chunk().unwrap(), binding, entry.length).unwrap();
    assert_eq!((footer.version, footer.check_tables(&bytes[bytes.len() - tables(&entry)..])), (1, Ok(())));
    (bytes, entry)
}

/// Length of everything behind the frames.
fn tables(entry: &SealedSegment) -> usize {
    usize::try_from(entry.length - entry.frames_end).unwrap()
}

/// A sealed segment whose events occurred at these times; `None` stands for a lost one.
fn sealed(occurred: &[Option<i64>]) -> (Vec<u8>, SealedSegment) {
    let entry = SealedSegment {
        id: 1,
        salt: 77,
        first_position: FIRST,
        count: occurred.len() as u64,
        frames_end: 0,
        length: 0,
        recorded: TimeRange::EMPTY,
        occurred: TimeRange::EMPTY,
        rewritten: None,
    };
    let binding = entry.binding(&STORE_ID);
    let header = SegmentHeader { store_id: STORE_ID, segment_id: 1, first_position: FIRST, salt: 77 };
    let mut bytes = header.encode().to_vec();
    let mut footer = FooterBuilder::new();
    for (number, events) in occurred.chunks(PER_FRAME).enumerate() {
        let first_position = FIRST.plus((number * PER_FRAME) as u64);
        let recorded_at = Timestamp::from_nanos(number as i64 * 10);
        let mut frame = FrameBuilder::new();
        for (index, time) in events.iter().enumerate() {
            match time {
                Some(time) => {
                    let data = vec![b'x'; (number * 31 + index * 17) % 90];
                    let event = NewEvent::new("t", data).at(Timestamp::from_nanos(*time));
                    frame.push("s", &event).unwrap();
                }
                None => frame.push_lost("s").unwrap(),
            }
        }
        let stamp = FrameStamp { binding, first_position, durable: Position::ZERO, recorded_at };
        frame.stamp(&stamp, |index| Version::new(first_position.get() + index as u64));
        for (offset, time) in frame.record_offsets().zip(events) {
            let offset = u32::try_from(bytes.len()).unwrap() + offset;
            match time {
                Some(time) => footer.push(offset, recorded_at, Timestamp::from_nanos(*time)),
                None => footer.push_lost(offset, recorded_at),
            }
        }
        bytes.extend_from_slice(frame.bytes());
    }
    let frames_end = bytes.len() as u64;
    footer.push_bytes(&bytes);
    let (footer, told) = footer.finish(binding, 1, FIRST);
    bytes.extend_from_slice(&footer);
    let length = bytes.len() as u64;
    let entry =
        SealedSegment { frames_end, length, recorded: told.recorded, occurred: told.occurred, ..entry };
    (bytes, entry)
}

fn open(bytes: &[u8], entry: &SealedSegment) -> Segment {
    let disk = MemoryDisk::new();
    disk.set_content(&names::segment(1), bytes).unwrap();
    Segment::sealed(Arc::new(copy(&disk)), &STORE_ID, entry.clone())
}

fn all(entry: &SealedSegment) -> Range<Position> {
    entry.first_position..entry.last_position().next()
}

fn positions(entry: &SealedSegment) -> impl Iterator<Item = Position> + use<> {
    (entry.first_position.get()..=entry.last_position().get()).map(Position::new)
}

/// Whether no event lies outside of what is told of its block, and how many blocks are told of.
fn assert_hides_nothing(segment: &Segment, entry: &SealedSegment) -> usize {
    let mut told = 0;
    for position in positions(entry) {
        let Some((block, occurred)) = segment.occurred_block(position).unwrap() else { continue };
        assert!(block.contains(&position) && block.end <= all(entry).end, "{position}: {block:?}");
        assert_eq!(block.start.events_since(entry.first_position) % OCCURRED_RECORDS as u64, 0);
        assert!(
            block.end == all(entry).end || block.end.events_since(block.start) == OCCURRED_RECORDS as u64
        );
        told += usize::from(block.start == position);
        let event = segment.there(position).unwrap();
        let within = occurred.min <= event.occurred_at && event.occurred_at <= occurred.max;
        assert!(event.is_lost() || within, "{position}: {occurred:?}");
    }
    told
}

fn times() -> impl Strategy<Value = Vec<Option<i64>>> {
    let time =
        prop_oneof![8 => any::<i64>().prop_map(Some), 4 => (0..100_i64).prop_map(Some), 1 => Just(None)];
    vec(time, 1..900)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_segment_answers_the_same_with_either_version_of_its_footer(occurred in times()) {
        let (bytes, entry) = sealed(&occurred);
        let (older_bytes, older_entry) = with_footer_of_version_1(&bytes, &entry);
        let (newer, older) = (open(&bytes, &entry), open(&older_bytes, &older_entry));
        for position in positions(&entry) {
            prop_assert_eq!(newer.offset_of(position).unwrap(), older.offset_of(position).unwrap());
            prop_assert_eq!(newer.there(position).unwrap(), older.there(position).unwrap());
            prop_assert_eq!(older.occurred_block(position).unwrap(), None);
        }
        for time in (-5..occurred.len() as i64 * 10 / 7 + 20).step_by(35) {
            let time = Timestamp::from_nanos(time);
            prop_assert_eq!(newer.position_at(time, all(&entry)).unwrap(), older.position_at(time, all(&entry)).unwrap());
        }
    }

    #[test]
    fn no_event_lies_outside_the_range_of_its_block(occurred in times()) {
        let (bytes, entry) = sealed(&occurred);
        let segment = open(&bytes, &entry);
        prop_assert_eq!(assert_hides_nothing(&segment, &entry), occurred.len().div_ceil(OCCURRED_RECORDS));
        for (index, block) in occurred.chunks(OCCURRED_RECORDS).enumerate() {
            let mut expected = TimeRange::EMPTY;
            block.iter().flatten().for_each(|time| expected.include(Timestamp::from_nanos(*time)));
            let (_, told) = segment.occurred_block(FIRST.plus((index * OCCURRED_RECORDS) as u64)).unwrap().unwrap();
            prop_assert_eq!(told, expected);
        }
    }

    /// Any bytes of the footer may be wrong, in the ranges themselves, in the page checksums, or in the trailer.
    #[test]
    fn a_damaged_footer_never_hides_an_event(
        occurred in times(),
        places in vec((any::<prop::sample::Index>(), 1..=u8::MAX), 1..4),
        in_the_ranges in any::<bool>(),
    ) {
        let (mut bytes, entry) = sealed(&occurred);
        let binding = entry.binding(&STORE_ID);
        let footer = Footer::decode_trailer(bytes.last_chunk().unwrap(), binding, entry.length).unwrap();
        let range = if in_the_ranges { footer.occurred_blocks() } else { entry.frames_end..entry.length };
        let (start, end) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
        let sound = bytes.clone();
        places.iter().for_each(|(place, mask)| bytes[start + place.index(end - start)] ^= mask);
        let told = assert_hides_nothing(&open(&bytes, &entry), &entry);
        // Fewer than 128 blocks: all of the ranges are on the first page.
        prop_assert!(!in_the_ranges || told == 0 || bytes == sound);
    }
}

#[test]
fn a_block_of_lost_records_has_the_empty_range() {
    let mut occurred = vec![Some(5); OCCURRED_RECORDS];
    occurred.extend(vec![None; OCCURRED_RECORDS]);
    occurred.push(Some(i64::MIN));
    let (bytes, entry) = sealed(&occurred);
    let segment = open(&bytes, &entry);
    let block = |index: usize| segment.occurred_block(FIRST.plus(index as u64)).unwrap().unwrap().1;
    let at = |time: i64| TimeRange { min: Timestamp::from_nanos(time), max: Timestamp::from_nanos(time) };
    assert_eq!(
        [block(63), block(64), block(127), block(128)],
        [at(5), TimeRange::EMPTY, TimeRange::EMPTY, at(i64::MIN)]
    );
}

#[test]
fn only_what_lies_on_a_damaged_page_of_a_footer_is_not_known() {
    // More than a page of ranges, behind half a page of entries of the offsets.
    let occurred: Vec<Option<i64>> = (0..400 * OCCURRED_RECORDS as i64).map(Some).collect();
    let (bytes, entry) = sealed(&occurred);
    let binding = entry.binding(&STORE_ID);
    let footer = Footer::decode_trailer(bytes.last_chunk().unwrap(), binding, entry.length).unwrap();
    let blocks = footer.occurred_blocks();
    let page_of = |block: u64| (blocks.start + block * 16 - entry.frames_end) / PAGE as u64;
    let mut damaged = bytes.clone();
    damaged[usize::try_from(blocks.start + 200 * 16).unwrap()] ^= 1;
    let segment = open(&damaged, &entry);
    let known = |segment: &Segment, block: u64| {
        segment.occurred_block(FIRST.plus(block * OCCURRED_RECORDS as u64 + 3)).unwrap().is_some()
    };
    // Twice: what was found out is not forgotten, and not found out wrongly.
    for block in (0..400).chain(0..400) {
        assert_eq!(known(&segment, block), page_of(block) != page_of(200), "{block}");
    }
    let mut damaged = bytes.clone();
    damaged[usize::try_from(footer.page_table().end).unwrap() - 1] ^= 1;
    let segment = open(&damaged, &entry);
    assert!(
        (0..400).all(|block| !known(&segment, block)),
        "no page is believed because of damaged checksums"
    );
    assert!(segment.there(FIRST.plus(5000)).is_ok());
}

#[test]
fn positions_outside_a_segment_are_in_no_block_and_need_no_reading_ahead() {
    let (bytes, entry) = sealed(&vec![Some(1); 300]);
    let segment = open(&bytes, &entry);
    let last = entry.last_position();
    let within = |position| (FIRST..=last).contains(&position);
    // Not mapped yet, then mapped.
    for _ in 0..2 {
        for position in [Position::ZERO, FIRST.previous(), FIRST, last, last.next(), Position::new(u64::MAX)]
        {
            assert!(within(position) || ask_for(&segment, position).is_none(), "{position}");
            segment.read_ahead(position..position.next());
            segment.read_ahead(Position::ZERO..position);
            segment.read_ahead(position..Position::new(u64::MAX));
            assert_eq!(segment.occurred_block(position).unwrap().is_some(), within(position), "{position}");
        }
        assert!(segment.there(last).is_ok());
    }
}

/// What a damaged footer said of several events before one of them was read is no damage of the others.
#[test]
fn offsets_that_were_told_before_the_frames_were_walked_are_not_believed_behind_it() {
    let (bytes, entry) = sealed(&vec![Some(1); 600]);
    let start = usize::try_from(entry.frames_end).unwrap();
    let mut damaged = bytes;
    damaged[start] ^= 4;
    let segment = open(&damaged, &entry);
    assert!(segment.there(entry.last_position()).is_ok(), "mapped, and of a block that is as it was");
    let told: Vec<(Position, Place<'_>)> =
        positions(&entry).map(|position| (position, ask_for(&segment, position).unwrap())).collect();
    for (position, place) in told {
        assert_eq!(segment.event_at(position, place).unwrap().position, position);
    }
}

/// All steps before the last one.
fn ask_for(segment: &Segment, position: Position) -> Option<Place<'_>> {
    segment.ask_for_block(position);
    segment.ask_for_offset(position);
    let place = segment.place_of(position)?;
    place.ask_for_front();
    place.ask_for_more();
    Some(place)
}

/// What a footer says that leads behind the file is no reason to read there.
#[test]
fn reading_ahead_takes_any_footer() {
    let (bytes, entry) = sealed(&vec![Some(1); 600]);
    let start = usize::try_from(entry.frames_end).unwrap();
    for fill in [0x00, 0x7F, 0xFF] {
        for block in 0..3 {
            let mut damaged = bytes.clone();
            damaged[start + block * 16..][..12].fill(fill);
            let segment = open(&damaged, &entry);
            segment.read_ahead(all(&entry));
            for position in positions(&entry) {
                let _ = ask_for(&segment, position);
            }
            assert!(positions(&entry).all(|position| segment.there(position).is_ok()));
            segment.read_ahead(all(&entry));
            for position in positions(&entry) {
                let event = segment.there(position).unwrap();
                assert!(
                    ask_for(&segment, position)
                        .is_none_or(|place| segment.event_at(position, place).unwrap() == event)
                );
            }
        }
    }
}
