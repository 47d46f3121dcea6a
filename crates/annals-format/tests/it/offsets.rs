//! Offsets in a footer: exact whatever they are, small where records are alike, and never trusted.

use crate::common::{FRAMES_END, SEGMENT_ID, binding};
use annals_format::{BLOCK_RECORDS, FOOTER_TRAILER_BYTES, Footer, FooterBuilder};
use annals_types::{Position, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

/// The tables of a footer with these offsets.
fn tables(offsets: &[u32]) -> (Vec<u8>, Footer) {
    let mut builder = FooterBuilder::new();
    builder.push_bytes(&[7; FRAMES_END as usize]);
    offsets.iter().for_each(|offset| builder.push(*offset, Timestamp::EPOCH, Timestamp::EPOCH));
    builder.finish(binding(), SEGMENT_ID, Position::FIRST)
}

/// Offsets of records of these lengths.
fn ascending(lengths: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut next = 112_u32;
    let step = |length| {
        let own = next;
        next = next.saturating_add(length);
        own
    };
    lengths.into_iter().map(step).collect()
}

/// Numbers below `most`, one after the other, that look like chance.
fn chance(most: u32) -> impl FnMut() -> u32 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as u32 % most
    }
}

/// Bytes that the offsets take, entries and distances, for each record.
fn bytes_each(offsets: &[u32]) -> f64 {
    let (bytes, footer) = tables(offsets);
    for (index, offset) in offsets.iter().enumerate() {
        assert_eq!(footer.offset(&bytes, index as u64), Some(*offset));
    }
    let length = |range: std::ops::Range<u64>| range.end - range.start;
    (length(footer.offsets()) + length(footer.distances())) as f64 / offsets.len() as f64
}

#[test]
fn offsets_take_little_space_where_lengths_are_alike() {
    let mut dice = chance(201);
    let mut lengths = |count: u32, length: &mut dyn FnMut(u32, u32) -> u32| {
        ascending((0..count).map(|index| length(index, dice())))
    };
    let equal = bytes_each(&lengths(100_000, &mut |_, _| 250));
    assert!(equal < 0.07, "{equal}");
    let scattered = bytes_each(&lengths(100_000, &mut |_, dice| 150 + dice));
    assert!(scattered < 1.45, "{scattered}");
    // Each in a frame of its own, and all the same in frames of a hundred.
    let single = bytes_each(&lengths(100_000, &mut |_, dice| (198 + dice).next_multiple_of(8)));
    assert!(single < 1.45, "{single}");
    let framed = bytes_each(&lengths(100_000, &mut |index, _| if index % 100 == 99 { 298 } else { 250 }));
    assert!(framed < 0.9, "{framed}");
    // One in a hundred is large.
    let mixed = bytes_each(&lengths(10_000, &mut |_, dice| if dice < 2 { 100_000 } else { 150 + dice }));
    assert!(mixed < 2.5, "{mixed}");
}

#[test]
fn offsets_at_the_borders_of_what_they_can_be_come_back() {
    let last = u32::MAX;
    let mut late = ascending((0..255).map(|_| 1));
    late.push(last);
    let mut early = vec![0];
    early.extend(last - 254..=last);
    let all: [&[u32]; 9] = [
        &[0],
        &[last],
        &[0, last],
        &[last, 0],
        &[0, 0, 0, last],
        &[0, last, last, last],
        &[last; 600],
        &late,
        &early,
    ];
    for offsets in all {
        assert!(bytes_each(offsets) > 0.0);
    }
}

/// Whatever an entry says, under checksums or not, is refused or leads to some offset.
#[test]
fn numbers_that_no_entry_has_are_refused() {
    let mut dice = chance(201);
    let offsets = ascending((0..600).map(|_| 150 + dice()));
    let (bytes, footer) = tables(&offsets);
    let with = |block: usize, offset: usize, value: &[u8]| {
        let mut changed = bytes.clone();
        changed[block * 16 + offset..][..value.len()].copy_from_slice(value);
        changed
    };
    for block in 0..3 {
        let records = block * BLOCK_RECORDS..offsets.len().min((block + 1) * BLOCK_RECORDS);
        for width in 33..=u8::MAX {
            let changed = with(block, 12, &[width]);
            assert!(records.clone().all(|index| footer.offset(&changed, index as u64).is_none()), "{width}");
        }
        for reserved in 13..16 {
            let changed = with(block, reserved, &[1]);
            assert!(records.clone().all(|index| footer.offset(&changed, index as u64).is_none()));
        }
        let units = (footer.distances().end - footer.distances().start) / 32;
        for place in [u32::try_from(units).unwrap(), 1 << 20, 1 << 31, u32::MAX] {
            let changed = with(block, 8, &place.to_le_bytes());
            assert!(records.clone().all(|index| footer.offset(&changed, index as u64).is_none()), "{place}");
        }
        // These lead somewhere, or out of the distances at the end of a block: the record there is looked at.
        for (offset, value) in [(0, u32::MAX), (4, u32::MAX), (4, 0), (12, 32), (12, 0), (8, 1)] {
            let changed = with(block, offset, &value.to_le_bytes());
            let _ = records.clone().filter_map(|index| footer.offset(&changed, index as u64)).count();
        }
    }
    assert_eq!(footer.offset(&bytes, 600), None);
    assert_eq!(footer.offset(&bytes, u64::MAX), None);
    for length in 0..bytes.len() - FOOTER_TRAILER_BYTES {
        let _ = footer.offset(&bytes[..length], 599);
        assert!(
            footer.check_tables(&bytes[..length]).is_err()
                || length as u64 >= footer.page_table().end - FRAMES_END
        );
    }
}

#[test]
fn the_distances_of_some_records_lie_where_a_reader_reads_ahead() {
    let mut dice = chance(201);
    let offsets = ascending((0..1000).map(|_| 150 + dice()));
    let (bytes, footer) = tables(&offsets);
    let all = footer.distances();
    assert_eq!(footer.distances_of(&bytes, &(0..1000)), all);
    assert_eq!(footer.distances_of(&bytes, &(0..u64::MAX)), all);
    assert_eq!(footer.distances_of(&bytes, &(1000..1001)), all.start..all.start);
    // The whole of the second block, and nothing else, is enough for a record of it.
    let second = footer.distances_of(&bytes, &(300..301));
    assert_eq!(footer.distances_of(&bytes, &(256..512)), second);
    let place = |at: u64| usize::try_from(at - FRAMES_END).unwrap();
    let mut changed = bytes.clone();
    changed[place(all.start)..place(second.start)].fill(0xA5);
    changed[place(second.end)..place(all.end)].fill(0xA5);
    assert!((256..512).all(|index| footer.offset(&changed, index) == footer.offset(&bytes, index)));
    assert_ne!(footer.offset(&changed, 512), footer.offset(&bytes, 512));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_ascending_offsets_come_back(
        lengths in vec(prop_oneof![36_u32..500, 36_u32..100_000, 36_u32..80_000_000, Just(36)], 1..900),
    ) {
        let offsets = ascending(lengths);
        let (bytes, footer) = tables(&offsets);
        for (index, offset) in offsets.iter().enumerate() {
            prop_assert_eq!(footer.offset(&bytes, index as u64), Some(*offset));
        }
    }

    /// A flipped bit is noticed by who verifies, and changes nothing or an offset for who does not.
    #[test]
    fn every_flipped_bit_of_the_tables_is_noticed(
        lengths in vec(36_u32..5_000, 1..700),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let (mut bytes, footer) = tables(&ascending(lengths));
        let tables = bytes.len() - FOOTER_TRAILER_BYTES;
        bytes[place.index(tables)] ^= 1_u8 << bit;
        prop_assert!(footer.check_tables(&bytes).is_err());
        for index in 0..footer.count {
            let _ = footer.offset(&bytes, index);
        }
    }
}
