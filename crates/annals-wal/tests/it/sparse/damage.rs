//! Damage in a segment of which events were removed: what is not there because of it is an error, and never seems removed.

use super::plain::Plain;
use super::{bytes_of, rewritten, with_bytes};
use crate::log::STORE_ID;
use annals_format::{Footer, SEGMENT_HEADER_BYTES, SealedSegment, reseal};

const BATCHES: [usize; 6] = [4, 1, 5, 3, 5, 4];

/// Of 22 events some are left in every batch but one.
fn sparse() -> (Vec<u8>, SealedSegment, Plain) {
    let (disk, entry, plain) = rewritten(&BATCHES, |position| {
        ![100, 103, 106, 107, 110, 111, 112, 115, 117, 121].contains(&position)
    });
    (bytes_of(&disk, &entry), entry, plain)
}

fn footer_of(bytes: &[u8], entry: &SealedSegment) -> Footer {
    Footer::decode_trailer(bytes.last_chunk().unwrap(), entry.binding(&STORE_ID), entry.length).unwrap()
}

fn frames_end(entry: &SealedSegment) -> usize {
    usize::try_from(entry.frames_end).unwrap()
}

/// Every byte of the footer, with one bit of it and with all of them: the frames have everything.
#[test]
fn a_footer_with_damage_anywhere_changes_no_answer() {
    let (sound, entry, plain) = sparse();
    plain.assert_same(&with_bytes(&entry, &sound));
    for at in frames_end(&entry)..sound.len() {
        for mask in [1 << (at % 8), 0xFF] {
            let mut bytes = sound.clone();
            bytes[at] ^= mask;
            assert_eq!(plain.ask_all(&with_bytes(&entry, &bytes)), 0, "byte {at}");
        }
    }
    for fill in [0x00, 0xA5, 0xFF] {
        let mut bytes = sound.clone();
        bytes[frames_end(&entry)..].fill(fill);
        assert_eq!(plain.ask_all(&with_bytes(&entry, &bytes)), 0);
    }
}

/// The stretches say something else that can be, and the checksum of their page does not fit.
#[test]
fn stretches_on_a_damaged_page_are_not_believed() {
    let (sound, entry, plain) = sparse();
    let footer = footer_of(&sound, &entry);
    let start = usize::try_from(footer.stretches().start).unwrap();
    let (mut believable, positions) = (0, entry.positions());
    for number in 0..footer.stretch_count() as usize {
        for field in [0, 4] {
            for change in [1, 2, 3, u32::MAX, u32::MAX - 1] {
                let mut bytes = sound.clone();
                let place = &mut bytes[start + number * 8 + field..][..4];
                let told = u32::from_le_bytes(*place.first_chunk().unwrap()).wrapping_add(change);
                place.copy_from_slice(&told.to_le_bytes());
                let tables = &bytes[frames_end(&entry)..];
                believable += usize::from(footer.check_stretches(tables, positions).is_ok());
                assert_eq!(plain.ask_all(&with_bytes(&entry, &bytes)), 0, "stretch {number}");
            }
        }
    }
    assert!(believable > 10, "{believable}");
}

/// Also under checksums that are right, stretches that cannot be are not used.
#[test]
fn stretches_that_no_segment_can_have_are_not_used() {
    let (sound, entry, plain) = sparse();
    let footer = footer_of(&sound, &entry);
    let start = usize::try_from(footer.stretches().start).unwrap();
    for number in 0..footer.stretch_count() as usize {
        for (field, told) in [(0, 0_u32), (0, u32::MAX), (4, u32::MAX), (4, 22)] {
            let mut bytes = sound.clone();
            bytes[start + number * 8 + field..][..4].copy_from_slice(&told.to_le_bytes());
            reseal::footer(&mut bytes, entry.binding(&STORE_ID));
            let read = footer_of(&bytes, &entry);
            if read.check_stretches(&bytes[frames_end(&entry)..], entry.positions()).is_err() {
                assert_eq!(plain.ask_all(&with_bytes(&entry, &bytes)), 0, "stretch {number}");
            }
        }
    }
}

/// With a footer that is sound, damage in a record is an error for this event only, and what was removed stays removed.
#[test]
fn damage_in_the_frames_alone_is_an_error_for_the_events_it_is_in() {
    let (sound, entry, plain) = sparse();
    for at in SEGMENT_HEADER_BYTES..frames_end(&entry) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        let segment = with_bytes(&entry, &bytes);
        let events = plain.positions().map(|position| (position, segment.event(position)));
        let mut errors = 0;
        for (position, event) in events {
            match event {
                Ok(event) => assert_eq!(event.map(|event| event.to_event()).as_ref(), plain.event(position)),
                Err(error) => {
                    assert!(plain.event(position).is_some(), "byte {at}: {position} was removed: {error}");
                    errors += 1;
                }
            }
        }
        assert!(errors <= 1, "byte {at}: {errors} events");
        plain.ask_all(&segment);
        assert!(plain.positions().all(|position| {
            segment.next_position(position).unwrap() == plain.next(position)
                && segment.rank(position).unwrap() == plain.rank(position) as u64
        }));
    }
}

/// Then nothing tells which events were removed and which were lost.
#[test]
fn damage_in_frames_and_footer_at_once_makes_no_event_seem_removed() {
    let (sound, entry, plain) = sparse();
    let footer = footer_of(&sound, &entry);
    let place = |at: u64| usize::try_from(at).unwrap();
    let broken: [(&str, usize); 5] = [
        ("the trailer", sound.len() - 1),
        ("a stretch", place(footer.stretches().start)),
        ("the last stretch", place(footer.stretches().end) - 1),
        ("the page checksums", place(footer.page_table().start)),
        ("the line of the offsets", frames_end(&entry)),
    ];
    let mut errors = 0;
    for at in (SEGMENT_HEADER_BYTES..frames_end(&entry)).step_by(3) {
        for (what, footer) in broken {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << (at % 8);
            bytes[footer] ^= 4;
            let segment = with_bytes(&entry, &bytes);
            for position in plain.positions() {
                if let Ok(event) = segment.event(position) {
                    let event = event.map(|event| event.to_event());
                    assert_eq!(event.as_ref(), plain.event(position), "byte {at} and {what}: {position}");
                }
            }
            errors += plain.ask_all(&segment);
        }
    }
    assert!(errors > 1000, "{errors}");
}

/// A whole frame lies in the place of another one of the same length: all that is read is sound.
#[test]
fn a_frame_written_over_another_one_does_not_make_its_events_seem_removed() {
    let (disk, entry, plain) = rewritten(&[3, 3, 3, 3, 3], |position| position % 3 != 0);
    let sound = bytes_of(&disk, &entry);
    let frames = crate::log::frames(&sound[..frames_end(&entry)]);
    let mut errors = 0;
    for (from, header) in &frames {
        let length = usize::try_from(header.length).unwrap();
        let others = frames.iter().filter(|(_, other)| other.length == header.length);
        for (to, _) in others.filter(|(to, _)| to != from) {
            for footer_too in [false, true] {
                let mut bytes = sound.clone();
                bytes.copy_within(*from..from + length, *to);
                if footer_too {
                    *bytes.last_mut().unwrap() ^= 1;
                }
                let found = plain.ask_all(&with_bytes(&entry, &bytes));
                assert!(found > 0, "{from} over {to}");
                errors += found;
            }
        }
    }
    assert!(errors > 100, "{errors}");
}

/// A file that is cut or missing is an error for every position, also for those that were removed.
#[test]
fn a_file_that_is_too_short_says_nothing_of_any_position() {
    let (sound, entry, plain) = sparse();
    for length in [0, 64, frames_end(&entry), sound.len() - 1] {
        let segment = with_bytes(&entry, &sound[..length]);
        assert!(plain.positions().all(|position| segment.event(position).is_err()
            && segment.next_position(position).is_err()
            && segment.rank(position).is_err()));
        assert!(segment.walk(plain.first..plain.last).is_err());
    }
}
