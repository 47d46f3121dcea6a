//! What is written anew: sealed segments, whole, in order, and sound.

use super::{alike, bytes_of, disk, open, rewrite, rewritten, source, target, with_bytes};
use crate::log::Log;
use annals_format::{Rewritten, SEGMENT_HEADER_BYTES, SealedSegment};
use annals_types::Position;
use annals_vfs::MemoryDisk;
use annals_wal::{LogError, Rewrite, Segment};
use std::io::ErrorKind;
use std::sync::Arc;

fn assert_invalid<T>(result: Result<T, LogError>, what: &str) {
    match result {
        Err(LogError::Io { what: name, source }) => {
            assert_eq!(source.kind(), ErrorKind::InvalidInput, "{what}");
            assert!(name.contains(".1.seg"), "{name}");
        }
        Err(other) => panic!("{what}: {other}"),
        Ok(_) => panic!("{what}: no error"),
    }
}

/// The error of a source on a disk of its own with these bytes, of which nothing is left behind.
fn refused(
    entry: &SealedSegment,
    bytes: &[u8],
    stays: impl Fn(Position) -> bool,
) -> annals_format::Corruption {
    let disk = disk();
    let error = rewrite(&disk, &[with_bytes(entry, bytes)], stays);
    assert!(disk.image().is_empty(), "the new file is abandoned");
    match error {
        Err(LogError::Corrupt(corruption)) => corruption,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_source_with_damage_anywhere_in_its_frames_is_not_written_anew() {
    let disk = disk();
    let (whole, _) = source(&disk, 1, Position::new(100), &alike(&[4, 3, 5]));
    let (other, sparse, _) = rewritten(&[4, 3, 5], |position| position % 5 != 0);
    for (entry, bytes) in [(&whole, bytes_of(&disk, &whole)), (&sparse, bytes_of(&other, &sparse))] {
        for at in SEGMENT_HEADER_BYTES..usize::try_from(entry.frames_end).unwrap() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            let corruption = refused(entry, &damaged, |position| position.get() % 2 == 0);
            assert_eq!(corruption.file, entry.path());
        }
    }
}

/// Each frame is sound, and the events that were there would be lost without a word: also where the rule takes them away.
#[test]
fn a_source_in_which_a_frame_lies_in_the_place_of_another_one_is_not_written_anew() {
    let disk = disk();
    let (whole, _) = source(&disk, 1, Position::new(100), &alike(&[3, 3, 3, 3]));
    let (other, sparse, _) = rewritten(&[3, 3, 3, 3], |position| position % 3 != 0);
    for (entry, sound) in [(&whole, bytes_of(&disk, &whole)), (&sparse, bytes_of(&other, &sparse))] {
        let frames = crate::log::frames(&sound[..usize::try_from(entry.frames_end).unwrap()]);
        for (from, header) in &frames {
            for (to, other) in &frames {
                if from == to || header.length != other.length {
                    continue;
                }
                let mut bytes = sound.clone();
                bytes.copy_within(*from..from + usize::try_from(header.length).unwrap(), *to);
                let twice = header.first_position;
                refused(entry, &bytes, |_| true);
                refused(entry, &bytes, |position| position < twice);
            }
        }
    }
}

/// The manifest says that there are more events than the frames have, or fewer.
#[test]
fn a_source_with_another_number_of_events_than_the_manifest_says_is_not_written_anew() {
    let (disk, entry, _) = rewritten(&[4, 3, 5], |position| position % 5 != 0);
    let bytes = bytes_of(&disk, &entry);
    for count in [entry.count - 1, entry.count + 1] {
        let corruption = refused(&SealedSegment { count, ..entry.clone() }, &bytes, |_| true);
        assert_eq!((corruption.found, corruption.expected), (entry.count, count));
    }
    let positions = Rewritten { positions: entry.positions() - 2, ..entry.rewritten.unwrap() };
    refused(&SealedSegment { rewritten: Some(positions), ..entry.clone() }, &bytes, |_| true);
}

#[test]
fn only_sealed_segments_in_order_are_written_anew() {
    let disk = disk();
    let first = source(&disk, 1, Position::new(100), &alike(&[4])).0;
    let second = source(&disk, 3, Position::new(104), &alike(&[4])).0;
    let before = disk.image();
    let begin = |sources: &[Arc<Segment>]| Rewrite::begin(&disk, target(&first), sources.to_vec());
    let (one, other) = (open(&disk, &first), open(&disk, &second));
    assert_invalid(begin(&[]), "none");
    assert_invalid(begin(&[Arc::clone(&other), Arc::clone(&one)]), "out of order");
    assert_invalid(begin(&[Arc::clone(&one), Arc::clone(&one)]), "twice");
    let mut log = Log::new(Arc::new(MemoryDisk::new()), 2);
    log.append(3, 10, true).unwrap();
    let live = Arc::clone(log.writer.active().unwrap().0);
    assert_invalid(begin(&[Arc::clone(&live)]), "live");
    assert_invalid(begin(&[one, live]), "live behind a sealed one");
    assert_eq!(disk.image(), before, "nothing was created");
}

#[test]
fn more_positions_than_a_segment_can_cover_are_not_merged() {
    let disk = disk();
    let first = source(&disk, 1, Position::new(100), &alike(&[4])).0;
    let last = 99 + u64::from(u32::MAX);
    for (at, fits) in [(last - 3, true), (last - 2, false)] {
        let far = source(&disk, 3, Position::new(at), &alike(&[4])).0;
        let sources = [open(&disk, &first), open(&disk, &far)];
        let merged = rewrite(&disk, &sources, |_| true);
        if !fits {
            assert_invalid(merged, "too far");
            continue;
        }
        let entry = merged.unwrap().unwrap();
        let segment = open(&disk, &entry);
        assert_eq!((entry.positions(), entry.count), (u64::from(u32::MAX), 8));
        assert_eq!(segment.next_position(Position::new(104)).unwrap(), Some(Position::new(at)));
        assert_eq!(segment.rank(Position::new(at + 1)).unwrap(), 5);
        assert!(segment.event(Position::new(last)).unwrap().is_some());
    }
}

/// What was not taken yet would be lost.
#[test]
fn a_file_is_not_finished_before_everything_was_taken() {
    let disk = disk();
    let entry = source(&disk, 1, Position::new(100), &alike(&[4; 900])).0;
    let before = disk.image();
    for steps in 0..2 {
        let mut rewrite = Rewrite::begin(&disk, target(&entry), vec![open(&disk, &entry)]).unwrap();
        for _ in 0..steps {
            assert!(rewrite.step(&mut |_| Ok(super::choice(true))).unwrap().goes_on);
        }
        assert_invalid(rewrite.finish(), "not at the end");
        assert_eq!(disk.image(), before);
    }
}

/// What the caller asks its index for may fail; tried again, no event is taken twice.
#[test]
fn what_was_taken_before_a_question_failed_is_not_taken_twice() {
    let disk = disk();
    let (entry, mut plain) = source(&disk, 1, Position::new(100), &alike(&[4, 4]));
    plain.keep(|event| event.position.get() % 3 != 0);
    let mut rewrite = Rewrite::begin(&disk, target(&entry), vec![open(&disk, &entry)]).unwrap();
    let mut asked = 0;
    let mut stays = |event: &annals_types::EventRef<'_>| {
        asked += 1;
        let source = || std::io::Error::from(ErrorKind::Other);
        let failed = || LogError::Io { what: "look it up".to_owned(), source: source() };
        if asked == 7 { Err(failed()) } else { Ok(super::choice(!event.position.get().is_multiple_of(3))) }
    };
    assert!(rewrite.step(&mut stays).is_err());
    while rewrite.step(&mut stays).unwrap().goes_on {}
    let sparse = rewrite.finish().unwrap().unwrap();
    plain.assert_same(&open(&disk, &sparse));
}

#[test]
fn a_name_that_is_taken_is_not_written_over() {
    let (disk, entry, plain) = rewritten(&[4, 4], |position| position != 103);
    let first = source(&disk, 1, Position::new(100), &alike(&[4, 4])).0;
    let again = rewrite(&disk, &[open(&disk, &first)], |_| true);
    assert!(matches!(&again, Err(LogError::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists));
    plain.assert_same(&open(&disk, &entry));
}
