//! Where positions are missing: in front, behind, between frames and within them, or nowhere.

use super::plain::Plain;
use super::{alike, bytes_of, disk, open, rewrite, rewritten, source};
use crate::log::STORE_ID;
use annals_format::{FRAME_HEADER_BYTES, Footer, SEGMENT_HEADER_BYTES, TimeRange, record_length};
use annals_types::{Position, Timestamp};
use annals_vfs::Disk;
use annals_wal::{Segment, Step, scan_mapped};

/// What it is called, which positions stay, and how many stretches are told of.
type Shape = (&'static str, fn(u64) -> bool, u32);

#[test]
fn gaps_at_either_end_in_the_middle_or_nowhere_are_read_alike() {
    let shapes: [Shape; 8] = [
        ("nothing removed", |_| true, 0),
        ("the first", |position| position > 100, 1),
        ("the last", |position| position < 119, 0),
        ("both ends", |position| (103..=110).contains(&position), 1),
        ("all but the first", |position| position == 100, 0),
        ("all but the last", |position| position == 119, 1),
        ("a whole batch", |position| !(105..=109).contains(&position), 2),
        ("every other one", |position| position % 2 == 0, 10),
    ];
    for (what, stays, stretches) in shapes {
        let (disk, entry, plain) = rewritten(&[5, 5, 5, 5], stays);
        let bytes = bytes_of(&disk, &entry);
        let footer =
            Footer::decode_trailer(bytes.last_chunk().unwrap(), entry.binding(&STORE_ID), entry.length);
        assert_eq!(footer.unwrap().stretch_count(), stretches, "{what}");
        assert_eq!((entry.positions(), entry.count), (20, plain.events.len() as u64), "{what}");
        plain.assert_same(&open(&disk, &entry));
    }
}

#[test]
fn a_frame_has_what_stays_of_one_batch_and_tells_what_is_missing_in_it() {
    let (disk, entry, _) = rewritten(&[6, 1, 4], |position| ![101, 104, 106].contains(&position));
    let bytes = bytes_of(&disk, &entry);
    let mut frames = Vec::new();
    scan_mapped(&bytes[..usize::try_from(entry.frames_end).unwrap()], entry.binding(&STORE_ID), |step| {
        match step {
            Step::Frame { header, .. } => {
                let (first, last) = (header.first_position.get(), header.last_position().get());
                // The batch of the piece is told by what was durable before it.
                let told = (header.record_count, header.missing);
                frames.push((first, last, told, header.durable.get(), header.recorded_at.as_nanos()));
            }
            Step::Record { .. } => {}
            other => panic!("{other:?}"),
        }
    });
    let expected = [(100, 105, (4, 2), 99, 3300), (107, 110, (4, 0), 106, 3500)];
    assert_eq!(frames, expected);
}

#[test]
fn a_record_that_stays_has_the_bytes_it_had_but_for_the_checksum_of_its_place() {
    let disk = disk();
    let (entry, _) = source(&disk, 1, Position::new(100), &alike(&[9, 9]));
    let before = open(&disk, &entry);
    let stays = |position: Position| !position.get().is_multiple_of(3);
    let after = rewrite(&disk, &[open(&disk, &entry)], stays).unwrap().unwrap();
    let after = open(&disk, &after);
    for position in (100..118).map(Position::new) {
        let (old, new) = (before.record(position).unwrap().unwrap(), after.record(position).unwrap());
        assert_eq!(new.is_some(), stays(position));
        if let Some(new) = new {
            assert_eq!((new.len(), &new[4..]), (old.len(), &old[4..]));
            assert_ne!(new[..4], old[..4], "another segment has another salt");
            assert_eq!(record_length(new), Some(new.len()));
        }
    }
}

#[test]
fn where_nothing_stays_there_is_no_new_file() {
    let disk = disk();
    let (entry, _) = source(&disk, 1, Position::new(100), &alike(&[5, 5]));
    let before = disk.image();
    assert_eq!(rewrite(&disk, &[open(&disk, &entry)], |_| false).unwrap(), None);
    assert_eq!(disk.image(), before);
}

#[test]
fn the_entry_says_what_was_written_and_the_file_goes_on_as_long() {
    let (disk, entry, plain) = rewritten(&[5, 5, 5], |position| position % 4 != 0);
    let bytes = bytes_of(&disk, &entry);
    assert_eq!((entry.path().as_str(), bytes.len() as u64), ("log/000000000001.1.seg", entry.length));
    let rewritten = entry.rewritten.unwrap();
    assert_eq!((rewritten.edition, rewritten.positions, rewritten.compaction), (1, 15, 41));
    let times = plain.events.iter().map(|event| event.recorded_at);
    assert_eq!((Some(entry.recorded.min), Some(entry.recorded.max)), (times.clone().min(), times.max()));
    let segment = open(&disk, &entry);
    assert_eq!((segment.path(), segment.first_position()), (entry.path().as_str(), Position::new(100)));
    let footer =
        Footer::decode_trailer(bytes.last_chunk().unwrap(), segment.binding(), entry.length).unwrap();
    assert_eq!((footer.count, footer.recorded), (entry.count, entry.recorded));
    assert_eq!(footer.occurred, entry.occurred);
}

/// A walk that is told to go on comes to what was behind its end.
#[test]
fn a_walk_goes_on_over_gaps() {
    let (disk, entry, plain) = rewritten(&[4, 4, 4], |position| ![103, 104, 105, 110].contains(&position));
    let segment = open(&disk, &entry);
    for middle in 100..112 {
        for from in 100..=middle {
            let mut walk = segment.walk(Position::new(from)..Position::new(middle)).unwrap();
            let mut walked = Vec::new();
            for end in [middle, middle + 1, 112] {
                walk.go_on_to(Position::new(end));
                while let Some(event) = walk.next_event().unwrap() {
                    assert!(event.position.get() < end);
                    walked.push(event.position);
                }
            }
            let expected: Vec<Position> = plain.positions().skip(from as usize - 100).collect();
            let expected: Vec<Position> =
                expected.into_iter().filter(|position| plain.event(*position).is_some()).collect();
            assert_eq!(walked, expected, "from {from} over {middle}");
        }
    }
}

/// Whoever holds a segment reads it on after it was replaced and its file removed.
#[test]
fn what_was_removed_is_still_read_by_who_has_the_old_segment() {
    let disk = disk();
    let (entry, plain) = source(&disk, 1, Position::new(100), &alike(&[5, 5]));
    let old = open(&disk, &entry);
    assert!(old.event(Position::new(100)).unwrap().is_some());
    let new = rewrite(&disk, &[std::sync::Arc::clone(&old)], |position| position.get() > 104).unwrap();
    disk.remove(&entry.path()).unwrap();
    plain.assert_same(&old);
    let new = open(&disk, &new.unwrap());
    assert_eq!(new.event(Position::new(100)).unwrap(), None);
    let bytes = Segment::mapped(&new).unwrap().len();
    assert!(bytes > SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES);
}

#[test]
fn the_file_of_a_retired_segment_goes_with_the_last_who_holds_it() {
    let (disk, entry, plain) = rewritten(&[5, 5], |position| position != 103);
    let (old, reader) = (open(&disk, &entry), open(&disk, &entry));
    let other = std::sync::Arc::clone(&old);
    drop(reader);
    assert!(disk.image().contains_key(&entry.path()), "it was not retired");
    old.retire();
    drop(old);
    plain.assert_same(&other);
    assert!(disk.image().contains_key(&entry.path()));
    drop(other);
    assert!(!disk.image().contains_key(&entry.path()));
}

/// Where all events of a segment were removed, the one in front of it is asked about their positions.
#[test]
fn behind_the_last_position_of_a_segment_there_is_nothing() {
    for stays in [|_: u64| true, |position: u64| position < 108] {
        let (disk, sparse, plain) = rewritten(&[5, 5], stays);
        let whole = source(&self::disk(), 1, Position::new(100), &alike(&[5, 5])).0;
        let mut segments = vec![open(&disk, &sparse)];
        if stays(108) {
            segments.push(open(&disk, &whole));
        }
        for segment in segments {
            // Before it is mapped, and then.
            assert_nothing_behind(&segment, &plain);
            assert_nothing_behind(&segment, &plain);
            let (first, behind) = (Position::new(100), Position::new(200));
            let (mut walk, mut walked) = (segment.walk(first..behind).unwrap(), Vec::new());
            while let Some(event) = walk.next_event().unwrap() {
                walked.push(event.to_event());
            }
            assert_eq!(walked, plain.events);
            let last = plain.events.last().unwrap();
            let at = |time| segment.position_at(time, first..behind).unwrap();
            assert_eq!(at(Timestamp::MAX), behind.previous());
            assert_eq!(at(last.recorded_at), behind.previous());
            assert_eq!(at(plain.events[0].recorded_at), Position::new(104));
        }
    }
}

fn assert_nothing_behind(segment: &Segment, plain: &Plain) {
    let times = TimeRange { min: Timestamp::MAX, max: Timestamp::MAX };
    let last = plain.events.last().unwrap().position;
    for position in [110, 111, 199, u64::MAX - 1].map(Position::new) {
        assert_eq!(segment.event(position).unwrap(), None);
        assert_eq!(segment.record(position).unwrap(), None);
        assert_eq!((segment.offset_of(position).unwrap(), segment.room_of(position).unwrap()), (None, 0));
        assert_eq!(segment.next_position(position).unwrap(), None);
        assert_eq!(segment.last_position_up_to(position).unwrap(), Some(last));
        assert_eq!(segment.rank(position).unwrap(), plain.events.len() as u64);
        assert_eq!(segment.occurred_block(position).unwrap(), None);
        for backwards in [false, true] {
            assert!(segment.occurred_outside(position, times, backwards).unwrap().is_empty());
        }
        assert!(segment.place_of(position).is_none());
        segment.read_ahead(position..position.next());
    }
}
