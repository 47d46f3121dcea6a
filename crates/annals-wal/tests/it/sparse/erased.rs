//! Events whose payload is erased while their segment is written anew.

use super::{Given, alike, disk, open, source, target};
use annals_format::SEGMENT_HEADER_BYTES;
use annals_format::payload::erasure_of;
use annals_types::limits::{BATCH_BYTES_MAX, DATA_BYTES_MAX};
use annals_types::{Erasure, Event, PayloadError, Position, Timestamp};
use annals_wal::{Choice, Rewrite, Segment};

const AT: Timestamp = Timestamp::from_nanos(77);

/// Erases the payloads at some positions.
fn erase(
    source: &std::sync::Arc<Segment>,
    disk: &annals_vfs::MemoryDisk,
    keep_tags: bool,
    wanted: impl Fn(u64) -> bool,
) -> std::sync::Arc<Segment> {
    let entry = source.sealed_entry().unwrap();
    let mut rewrite = Rewrite::begin(disk, target(entry), vec![source.clone()]).unwrap();
    let mut choose = |event: &annals_types::EventRef<'_>| {
        if !wanted(event.position.get()) {
            return Ok(Choice::Keep);
        }
        let erasure = match event.plain() {
            Ok(plain) => erasure_of(&plain, AT),
            Err(_) => Erasure { erased_at: AT, data_bytes: 0, metadata_bytes: 0, sha256: None },
        };
        Ok(Choice::Erase { erasure, keep_tags })
    };
    while rewrite.step(&mut choose).unwrap().goes_on {}
    open(disk, &rewrite.finish().unwrap().unwrap())
}

fn events(segment: &Segment) -> Vec<(Event, Option<Erasure>)> {
    let last = segment.sealed_entry().unwrap().last_position();
    let mut walk = segment.walk(segment.first_position()..last.next()).unwrap();
    let mut events = Vec::new();
    while let Some(event) = walk.next_event().unwrap() {
        let erasure = match event.plain() {
            Err(PayloadError::Erased { erasure, .. }) => Some(erasure),
            _ => None,
        };
        events.push((event.to_event(), erasure));
    }
    events
}

#[test]
fn what_is_erased_keeps_everything_but_its_payload_and_the_rest_stays_as_it_is() {
    for keep_tags in [true, false] {
        let disk = disk();
        let entry = source(&disk, 1, Position::new(100), &alike(&[1, 4, 7, 2])).0;
        let before = open(&disk, &entry);
        let after = erase(&before, &disk, keep_tags, |position| position % 3 == 0);
        let (old, new) = (events(&before), events(&after));
        assert_eq!(old.len(), new.len());
        for ((old, _), (new, erasure)) in old.into_iter().zip(new) {
            if old.position.get() % 3 != 0 {
                assert_eq!((old, None), (new, erasure));
                continue;
            }
            let plain = before.event(old.position).unwrap().unwrap().plain().unwrap();
            assert_eq!(erasure, Some(erasure_of(&plain, AT)));
            assert_eq!((old.stream, old.version, old.id), (new.stream, new.version, new.id));
            assert_eq!((old.occurred_at, old.recorded_at), (new.occurred_at, new.recorded_at));
            assert_eq!(new.tags, if keep_tags { old.tags } else { Vec::new() });
        }
        // Erased once more, nothing changes: what is left tells of the first time.
        let again = erase(&after, &disk, keep_tags, |_| false);
        assert_eq!(events(&after), events(&again));
    }
}

/// What tells of a payload is longer than a short one.
#[test]
fn a_batch_that_gets_longer_than_a_batch_may_be_becomes_two_frames() {
    let small = source(&disk(), 1, Position::new(1), &alike(&[3])).0.frames_end;
    let small = usize::try_from(small).unwrap() - SEGMENT_HEADER_BYTES - 3 * 40;
    let rest = BATCH_BYTES_MAX - DATA_BYTES_MAX - small - 16;
    let disk = disk();
    let batch = vec![Given::Plain(DATA_BYTES_MAX), Given::Plain(1), Given::Plain(rest)];
    let entry = source(&disk, 1, Position::new(1), &[batch]).0;
    assert!(entry.frames_end > (BATCH_BYTES_MAX - 16) as u64, "{entry:?}");
    let after = erase(&open(&disk, &entry), &disk, true, |position| position == 2);
    let erased = [1, 2, 3].map(|at| after.event(Position::new(at)).unwrap().unwrap().payload.is_erased());
    assert_eq!(erased, [false, true, false]);
}
