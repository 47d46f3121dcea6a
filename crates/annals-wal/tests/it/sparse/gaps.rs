//! Where positions are missing: in front, behind, between frames and within them, or nowhere.

use super::{alike, bytes_of, disk, open, rewrite, rewritten, source};
use crate::log::STORE_ID;
use annals_format::{FRAME_HEADER_BYTES, Footer, SEGMENT_HEADER_BYTES, record_length};
use annals_types::Position;
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

/// A store reads one without looking at positions, as it does in one that was never rewritten.
#[test]
fn a_frame_has_what_stays_of_one_batch_in_one_piece() {
    let (disk, entry, _) = rewritten(&[6, 1, 4], |position| ![101, 104, 106].contains(&position));
    let bytes = bytes_of(&disk, &entry);
    let mut frames = Vec::new();
    scan_mapped(&bytes[..usize::try_from(entry.frames_end).unwrap()], entry.binding(&STORE_ID), |step| {
        match step {
            Step::Frame { header, .. } => {
                let (first, last) = (header.first_position.get(), header.last_position().get());
                // The batch of the piece is told by what was durable before it.
                frames.push((first, last, header.durable.get(), header.recorded_at.as_nanos()));
            }
            Step::Record { .. } => {}
            other => panic!("{other:?}"),
        }
    });
    let expected = [(100, 100, 99, 3300), (102, 103, 99, 3300), (105, 105, 99, 3300), (107, 110, 106, 3500)];
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
    use annals_vfs::Disk;
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
