//! Single structures to begin with, small and sound: frames, a segment, a run.

use annals_format::{
    Binding, FooterBuilder, FrameBuilder, FrameStamp, SealedSegment, SegmentHeader, StoreId,
};
use annals_index::{IndexedEvent, MemoryIndex, write_run};
use annals_types::{NewEvent, Position, Tags, Timestamp, Uuid, Version};
use annals_wal::{Step, scan_mapped};

/// The store that all of them belong to.
pub(super) const STORE_ID: StoreId = *b"the fuzzed store";
const FIRST: Position = Position::new(41);
const RUN_ID: u64 = 7;
/// Events of the run: more than two blocks of a long list.
const RUN_EVENTS: u64 = 300;

fn header() -> SegmentHeader {
    SegmentHeader { store_id: STORE_ID, segment_id: 3, first_position: FIRST, salt: 0x5A17 }
}

/// The segment that the frames and records belong to.
pub(super) fn binding() -> Binding {
    header().binding()
}

/// A frame whose first event is plain and whose other ones have all fields.
pub(super) fn frame(first_position: Position, records: u64) -> FrameBuilder {
    let mut frame = FrameBuilder::new();
    for number in 0..records {
        let mut event = NewEvent::json("opened", "{}");
        if number > 0 {
            event = event.with_id(Uuid::from_u128(9)).with_metadata(b"meta".as_slice());
            event = event.with_tag("branch:7").with_tag("all").with_schema_version(2).at(Timestamp::EPOCH);
        }
        frame.push("account-7", &event).expect("within the limits");
    }
    let stamp = FrameStamp {
        binding: binding(),
        first_position,
        durable: first_position.previous(),
        recorded_at: Timestamp::from_nanos(crate::world::START),
    };
    frame.stamp(&stamp, |index| Version::new(first_position.get() - 40 + index as u64));
    frame
}

/// A segment of four frames, one of them without events.
pub(super) fn segment() -> Vec<u8> {
    let mut bytes = header().encode().to_vec();
    let mut next = FIRST;
    for records in [1, 0, 3, 9] {
        bytes.extend_from_slice(frame(next, records).bytes());
        next = next.plus(records);
    }
    bytes
}

/// The segment with its footer, and what the manifest would say of it.
pub(super) fn sealed() -> (Vec<u8>, SealedSegment) {
    let mut bytes = segment();
    let mut footer = FooterBuilder::new();
    footer.push_bytes(&bytes);
    scan_mapped(&bytes, binding(), |step| {
        if let Step::Record { offset, event } = step {
            let offset = u32::try_from(offset).expect("a small file");
            footer.push(offset, event.recorded_at, event.occurred_at);
        }
    });
    let frames_end = bytes.len() as u64;
    let (footer, said) = footer.finish(binding(), header().segment_id, FIRST);
    bytes.extend_from_slice(&footer);
    let entry = SealedSegment {
        id: header().segment_id,
        salt: header().salt,
        first_position: FIRST,
        count: said.count,
        frames_end,
        length: bytes.len() as u64,
        recorded: said.recorded,
        occurred: said.occurred,
        rewritten: None,
    };
    (bytes, entry)
}

/// A run with lists of one, a few and many positions, terms of all kinds, and ids.
pub(super) fn run() -> Vec<u8> {
    run_of(MemoryIndex::new(Position::new(1000), 42))
}

/// The same of a store that has no index of ids.
pub(super) fn run_without_ids() -> Vec<u8> {
    run_of(MemoryIndex::new(Position::new(1000), 42).without_ids())
}

fn run_of(mut index: MemoryIndex) -> Vec<u8> {
    let mut versions = [0; 7];
    for number in 0..RUN_EVENTS {
        let stream = if number % 3 == 0 { number as usize / 3 % 6 } else { 6 };
        versions[stream] += 1;
        let tags: &[u8] = if number % 5 == 0 { b"\x08\0branch:1\x03\0all" } else { b"" };
        index.insert(&IndexedEvent {
            position: Position::new(1000 + number),
            stream: ["account-0", "account-1", "account-2", "account-30", "account-8", "a", "log"][stream],
            version: Version::new(versions[stream]),
            event_type: ["opened", "noted", "closed"][number as usize % 3],
            tags: Tags::from_encoded(tags).expect("two tags"),
            id: (number % 4 == 0).then(|| id(number)),
        });
    }
    let mut bytes = Vec::new();
    let written = write_run(&index, &STORE_ID, RUN_ID, 42, &mut |more| {
        bytes.extend_from_slice(more);
        Ok(())
    });
    written.expect("memory takes everything");
    bytes
}

/// The id of one of the run's events.
pub(super) fn id(number: u64) -> Uuid {
    Uuid::from_u128((u128::from(number) << 96) | 77)
}

/// Names that occur in the run, and some that do not.
pub(super) const NAMES: [&str; 10] =
    ["log", "account-0", "account-8", "account", "opened", "noted", "all", "branch:1", "nobody", "a"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::{footer, segment as check_segment};

    #[test]
    fn the_structures_are_sound_and_have_a_bit_of_everything() {
        let (bytes, entry) = sealed();
        assert_eq!((entry.count, bytes.len() as u64), (13, entry.length));
        let mut damaged = 0;
        scan_mapped(&segment(), binding(), |step| damaged += u32::from(matches!(step, Step::Damaged { .. })));
        assert_eq!(damaged, 0);
        check_segment(&[&[0], segment().as_slice()].concat());
        footer(&[&[0], bytes.as_slice()].concat());
        assert!((1000..4000).contains(&run().len()), "{} bytes", run().len());
    }
}
