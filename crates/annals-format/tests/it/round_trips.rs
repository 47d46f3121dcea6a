//! What is written is read back, whatever it is.

use crate::common::{FRAMES_END, SEGMENT_ID, STORE_ID, assert_same, binding};
use annals_format::{
    CleanMark, CompactionEntry, ErasedRange, Erasures, Footer, FooterBuilder, FrameBuilder, FrameStamp,
    Manifest, OCCURRED_RECORDS, OpenSegment, Removed, Rewritten, RunEntry, SealedSegment, TIME_STRIDE,
    TimeRange, check_frame, parse_record,
};
use annals_types::{ContentType, NewEvent, Position, Timestamp, Uuid, Version};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::borrow::Cow;

fn time() -> impl Strategy<Value = Timestamp> {
    let nanos = prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(-1), Just(0)];
    nanos.prop_map(Timestamp::from_nanos)
}

fn name(bytes: usize) -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,12}-[0-9]{1,4}", "\\PC{1,20}", "(?s).{1,20}"].prop_map(move |name| {
        let end = (0..=bytes.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        name[..end].to_owned()
    })
}

fn tags() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![4 => vec(name(512), 0..4), 1 => vec("[a-z]{1,3}", 250..=256)]
}

fn event() -> impl Strategy<Value = NewEvent<'static>> {
    let data = prop_oneof![1 => Just(Vec::new()), 3 => vec(any::<u8>(), 0..200)];
    let schema = prop_oneof![Just(1), Just(0), any::<u32>()];
    let ids = option::of(any::<u128>());
    (ids, name(512), any::<u8>(), data.clone(), data, tags(), schema, option::of(time())).prop_map(
        |(id, event_type, kind, data, metadata, tags, schema_version, occurred_at)| NewEvent {
            id: id.map(Uuid::from_u128),
            event_type: event_type.into(),
            content_type: ContentType::from_code(kind),
            data: data.into(),
            metadata: metadata.into(),
            tags: tags.into_iter().map(Cow::Owned).collect(),
            schema_version,
            erased: None,
            occurred_at,
        },
    )
}

fn place() -> impl Strategy<Value = FrameStamp> {
    let position = || 1..Position::MAX.get() - 1000;
    (position(), position(), time()).prop_map(|(first_position, durable, recorded_at)| FrameStamp {
        binding: binding(),
        first_position: Position::new(first_position),
        durable: Position::new(durable),
        recorded_at,
    })
}

/// How compaction has left a segment: how many positions lie in front of it that no segment has, how many it covers without
/// having their events, in which edition. `None` if it was not rewritten.
fn left() -> impl Strategy<Value = (u64, Option<(u64, u64, u64)>)> {
    let missing = prop_oneof![Just(0), 1..1_u64 << 31];
    let rewritten = (missing, 1..=1_u64 << 62, any::<u64>());
    (prop_oneof![2 => Just(0), 1 => 1..1_u64 << 20], option::of(rewritten))
}

fn sealed_segments() -> impl Strategy<Value = Vec<SealedSegment>> {
    let range = || (time(), time()).prop_map(|(min, max)| TimeRange { min, max });
    let numbers = (any::<u64>(), 1..1_u64 << 20, any::<u64>(), any::<u64>());
    let segments = vec((numbers, range(), range(), left()), 0..6);
    (segments, 1..1_u64 << 40).prop_map(|(segments, first)| {
        let mut next = Position::new(first);
        let segments = segments.into_iter().enumerate();
        segments
            .map(|(index, ((salt, count, frames_end, length), recorded, occurred, (gap, rewritten)))| {
                let first_position = if index == 0 { next } else { next.plus(gap) };
                let rewritten = rewritten.map(|(missing, edition, compaction)| Rewritten {
                    edition,
                    positions: count + missing,
                    compaction,
                });
                next = first_position.plus(rewritten.map_or(count, |rewritten| rewritten.positions));
                SealedSegment {
                    id: index as u64 * 2 + 1,
                    salt,
                    first_position,
                    count,
                    frames_end,
                    length,
                    recorded,
                    occurred,
                    rewritten,
                }
            })
            .collect()
    })
}

/// What was removed so far, if anything has to have been, and compactions up to the last one.
fn compactions(
    sealed: &[SealedSegment],
    (events, last, entries): (u64, u64, Vec<[u64; 9]>),
) -> (Option<Removed>, Vec<CompactionEntry>) {
    let whole = |pair: &[SealedSegment]| pair[0].last_position().next() == pair[1].first_position;
    let removed = sealed.iter().any(|segment| segment.count < segment.positions())
        || !sealed.windows(2).all(whole)
        || !entries.is_empty();
    let through = sealed.last().map_or(Position::FIRST, SealedSegment::last_position);
    let numbers = last + 1 - (entries.len() as u64).min(last)..;
    let entries = entries.iter().zip(numbers).filter(|(_, number)| *number <= last);
    let entries = entries.map(|(words, number)| CompactionEntry {
        number,
        at: Timestamp::from_nanos(words[0].cast_signed()),
        first: Position::new(words[1]),
        last: Position::new(words[2]),
        bytes_before: words[3],
        bytes_after: words[4],
        dropped: words[5],
        rewritten: words[6],
        merged: words[7],
        events: std::array::from_fn(|reason| words[8].rotate_left(reason as u32 * 8)),
        erased: match words[8] % 3 {
            0 => ErasedRange::NONE,
            few => ErasedRange { events: few, first: Position::new(few), last: Position::new(few * 5) },
        },
    });
    (removed.then_some(Removed { events, through, compaction: last }), entries.collect())
}

fn manifests() -> impl Strategy<Value = Manifest> {
    let run = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u32>());
    let run = run.prop_map(|(id, first, count, length, trailer_checksum)| RunEntry {
        id,
        first_position: Position::new(first),
        count,
        length,
        trailer_checksum,
        file: None,
    });
    let clean = (any::<u64>(), any::<u64>());
    let clean = clean.prop_map(|(segment_id, frames_end)| CleanMark { segment_id, frames_end });
    let numbers = (0..=1_u64 << 62, any::<u64>(), any::<u64>(), any::<(u8, bool, bool)>(), any::<u64>());
    let open = vec(any::<u64>(), 0..4);
    let removed = (any::<u64>(), 1..=1_u64 << 62, vec(any::<[u64; 9]>(), 0..4));
    let lists = (sealed_segments(), open, vec(run, 0..6), option::of(clean), removed);
    (any::<[u8; 16]>(), numbers, time(), lists).prop_map(
        |(
            store_id,
            (generation, segment_bytes, durable, (durability, ids_indexed, has_rules), hash_seed),
            created_at,
            (sealed, salts, runs, clean, removed),
        )| {
            let (removed, compactions) = compactions(&sealed, removed);
            let open = salts.into_iter().enumerate();
            let open = open.map(|(index, salt)| OpenSegment { id: 100 + index as u64, salt }).collect();
            Manifest {
                store_id,
                generation,
                created_at,
                segment_bytes,
                durability,
                ids_indexed,
                has_rules,
                durable: Position::new(durable),
                next_file_id: 200,
                hash_seed,
                sealed,
                open,
                runs,
                clean,
                removed,
                compactions,
                erasures: (hash_seed % 3 > 0)
                    .then_some(Erasures { requested: (hash_seed >> 2) + 60, finished: hash_seed >> 2 }),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_frame_gives_back_the_events_it_was_given(
        events in vec((name(1024), event()), 0..12),
        place in place(),
        versions in any::<u64>(),
    ) {
        let mut frame = FrameBuilder::new();
        for (stream, event) in &events {
            frame.push(stream, event).unwrap();
        }
        frame.stamp(&place, |index| Version::new(versions.wrapping_add(index as u64)));
        prop_assert_eq!(frame.bytes().len() % 8, 0);

        let bytes = [frame.bytes(), b"what follows"].concat();
        let mut index = 0;
        let header = check_frame(&bytes, binding(), 64, |offset, stored| {
            let (stream, given) = &events[index];
            assert_same(stored, stream, given, place.recorded_at);
            assert_eq!(stored.position, place.first_position.plus(index as u64));
            assert_eq!(stored.version, Version::new(versions.wrapping_add(index as u64)));
            // The record by itself says the same.
            let alone = parse_record(&bytes[offset..], binding(), stored.position, 64 + offset as u64);
            assert_eq!(alone, Ok(stored));
            assert_eq!(frame.event(index, &place), Ok(stored));
            assert_eq!(frame.given_id(index), given.id);
            index += 1;
        });
        let header = header.unwrap();
        prop_assert_eq!(index, events.len());
        prop_assert_eq!((header.first_position, header.durable), (place.first_position, place.durable));
        prop_assert_eq!(header.recorded_at, place.recorded_at);
        prop_assert_eq!(header.length, frame.bytes().len() as u64);
    }

    #[test]
    fn a_manifest_gives_back_what_it_was_given(manifest in manifests()) {
        prop_assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
    }

    #[test]
    fn a_footer_gives_back_what_it_was_given(
        records in vec((any::<u32>(), time(), time()), 1..1200),
        first in 1..1_u64 << 40,
    ) {
        let mut builder = FooterBuilder::new();
        builder.push_bytes(&[7; FRAMES_END as usize]);
        records.iter().for_each(|(offset, recorded, occurred)| builder.push(*offset, *recorded, *occurred));
        let (bytes, footer) = builder.finish(binding(), SEGMENT_ID, Position::new(first));
        let length = FRAMES_END + bytes.len() as u64;
        let decoded = Footer::decode_trailer(bytes.last_chunk().unwrap(), binding(), length);
        prop_assert_eq!(decoded, Ok(footer.clone()));
        prop_assert_eq!(footer.check_tables(&bytes), Ok(()));
        prop_assert_eq!((footer.count, footer.first_position.get()), (records.len() as u64, first));

        let part = |range: std::ops::Range<u64>| {
            &bytes[usize::try_from(range.start - FRAMES_END).unwrap()..usize::try_from(range.end - FRAMES_END).unwrap()]
        };
        for (index, block) in records.chunks(OCCURRED_RECORDS).enumerate() {
            let mut occurred = TimeRange::EMPTY;
            block.iter().for_each(|record| occurred.include(record.2));
            for (within, (offset, _, _)) in block.iter().enumerate() {
                let record = (index * OCCURRED_RECORDS + within) as u64;
                prop_assert_eq!(footer.offset(&bytes, record), Some(*offset));
                prop_assert_eq!(footer.occurred_in_block(&bytes, record), Some(occurred));
                let first = (index * OCCURRED_RECORDS) as u64;
                prop_assert_eq!(footer.occurred_block(record).unwrap().0, first..first + block.len() as u64);
            }
        }
        prop_assert_eq!(footer.offset(&bytes, footer.count), None);
        prop_assert_eq!(footer.occurred_block(footer.count), None);
        let times = records.iter().step_by(TIME_STRIDE);
        let times: Vec<u8> = times.flat_map(|(_, recorded, _)| recorded.as_nanos().to_le_bytes()).collect();
        prop_assert_eq!(part(footer.times()), times);
        prop_assert_eq!(footer.recorded.min, records.iter().map(|record| record.1).min().unwrap());
        prop_assert_eq!(footer.occurred.max, records.iter().map(|record| record.2).max().unwrap());
    }

    #[test]
    fn bytes_at_random_never_make_a_decoder_panic(bytes in vec(any::<u8>(), 0..400), offset in any::<u32>()) {
        let offset = offset.into();
        let frame = check_frame(&bytes, binding(), offset, |_, _| {});
        prop_assert!(frame.is_err());
        prop_assert!(parse_record(&bytes, binding(), Position::FIRST, offset).is_err());
        prop_assert!(Manifest::decode(&bytes).is_err());
        if let Some(trailer) = bytes.last_chunk() {
            prop_assert!(Footer::decode_trailer(trailer, binding(), bytes.len() as u64).is_err());
        }
    }
}

#[test]
fn the_made_id_of_an_event_is_the_same_wherever_it_is_computed() {
    let id = binding().made_id(Position::new(41), Timestamp::EPOCH);
    assert_eq!(annals_format::position_of_made_id(id), Some(Position::new(41)));
    let same_store = annals_format::Binding::new(&STORE_ID, SEGMENT_ID + 1, 0);
    assert_eq!(same_store.made_id(Position::new(41), Timestamp::EPOCH), id);
}
