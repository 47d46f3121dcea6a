//! Which positions a segment has after events were removed: what is told is what was said, and only what can be.

use crate::absurd::{put, seal_trailer};
use crate::common::{FRAMES_END, RECORDED_AT, SEGMENT_ID, SPARSE_POSITIONS, binding, sparse_footer};
use annals_format::{FOOTER_TRAILER_BYTES, Footer, FooterBuilder, PAGE_BYTES, Stretch, reseal};
use annals_types::Position;
use proptest::collection::vec;
use proptest::prelude::*;

/// The footer of a segment that has the records at these positions, of which each piece is announced as a frame would be.
fn built(pieces: &[(u32, u32)]) -> (Vec<u8>, Footer) {
    let mut footer = FooterBuilder::new();
    footer.push_bytes(&[7; FRAMES_END as usize]);
    for (position, records) in pieces {
        footer.begin_stretch(*position);
        (0..*records).for_each(|_| footer.push(112, RECORDED_AT, RECORDED_AT));
    }
    footer.finish(binding(), SEGMENT_ID, Position::new(41))
}

fn stretches(footer: &Footer, bytes: &[u8]) -> Vec<(u32, u32)> {
    let all = (0..footer.stretch_count()).map(|number| footer.stretch(bytes, number).unwrap());
    all.map(|stretch| (stretch.position, stretch.record)).collect()
}

/// The bytes of [`sparse_footer`] with other stretches, under checksums that are right.
fn with_stretches(stretches: [Stretch; 2]) -> (Vec<u8>, Footer) {
    let (bytes, footer) = sparse_footer();
    let mut file = [vec![7; FRAMES_END as usize], bytes].concat();
    let start = usize::try_from(footer.stretches().start).unwrap();
    for (number, stretch) in stretches.into_iter().enumerate() {
        put(&mut file, start + number * 8, 4, stretch.position.into());
        put(&mut file, start + number * 8 + 4, 4, stretch.record.into());
    }
    reseal::footer(&mut file, binding());
    let bytes = file.split_off(FRAMES_END as usize);
    let length = FRAMES_END + bytes.len() as u64;
    let footer = Footer::decode_trailer(bytes.last_chunk().unwrap(), binding(), length).unwrap();
    assert_eq!(footer.check_tables(&bytes), Ok(()));
    (bytes, footer)
}

#[test]
fn a_segment_without_gaps_in_front_of_its_last_record_has_no_stretches() {
    for pieces in [&[(0, 3)][..], &[(0, 1), (1, 5), (6, 300)], &[]] {
        let (bytes, footer) = built(pieces);
        assert_eq!((footer.stretch_count(), footer.stretch(&bytes, 0)), (0, None));
        assert_eq!((footer.pages_of_stretches(), footer.stretches().is_empty()), (0..0, true));
        let count = footer.count;
        assert_eq!(footer.check_stretches(&bytes, count), Ok(()));
        // Behind the last record there may be a gap.
        assert_eq!(footer.check_stretches(&bytes, count + 7), Ok(()));
        assert_eq!(footer.check_stretches(&bytes, count.saturating_sub(1)).is_ok(), count == 0);
    }
}

#[test]
fn frames_that_follow_each_other_are_one_stretch() {
    let (bytes, footer) = built(&[(0, 2), (2, 3), (7, 1), (8, 1), (10, 4)]);
    assert_eq!(stretches(&footer, &bytes), [(0, 0), (7, 5), (10, 7)]);
    let (bytes, footer) = built(&[(3, 2), (5, 1)]);
    assert_eq!(stretches(&footer, &bytes), [(3, 0)]);
}

#[test]
fn stretches_that_no_segment_can_have_are_refused() {
    let stretch = |position, record| Stretch { position, record };
    let sound = [stretch(1, 0), stretch(4, 2)];
    let (bytes, footer) = with_stretches(sound);
    assert_eq!(footer.check_stretches(&bytes, SPARSE_POSITIONS), Ok(()));
    for (what, stretches) in [
        ("records in front of the first stretch", [stretch(1, 1), stretch(4, 2)]),
        ("no record between two", [stretch(1, 0), stretch(4, 0)]),
        ("records out of order", [stretch(1, 2), stretch(4, 1)]),
        ("positions out of order", [stretch(4, 0), stretch(1, 2)]),
        ("nothing missing between two", [stretch(1, 0), stretch(3, 2)]),
        ("more records than positions", [stretch(1, 0), stretch(2, 2)]),
        ("a record beyond the last", [stretch(1, 0), stretch(4, 3)]),
        ("the greatest record", [stretch(1, 0), stretch(u32::MAX, u32::MAX)]),
        ("a position beyond the segment", [stretch(1, 0), stretch(7, 2)]),
        ("the greatest position", [stretch(1, 0), stretch(u32::MAX, 2)]),
        ("the greatest position first", [stretch(u32::MAX, 0), stretch(u32::MAX, 2)]),
    ] {
        let (bytes, footer) = with_stretches(stretches);
        let damage = footer.check_stretches(&bytes, SPARSE_POSITIONS).expect_err(what);
        assert!(footer.stretches().contains(&damage.offset), "{what}: {damage}");
    }
    // One position less than the last record needs.
    assert!(footer.check_stretches(&bytes, 4).is_err());
    assert_eq!(footer.check_stretches(&bytes, 5), Ok(()));
    assert_eq!(footer.check_stretches(&bytes, u64::MAX), Ok(()));
}

#[test]
fn a_table_that_is_cut_is_refused_and_not_read_beyond_its_end() {
    let (bytes, footer) = sparse_footer();
    for length in 0..bytes.len() - FOOTER_TRAILER_BYTES {
        let cut = &bytes[..length];
        let whole = FRAMES_END + length as u64 >= footer.stretches().end;
        assert_eq!(footer.check_stretches(cut, SPARSE_POSITIONS).is_ok(), whole, "{length}");
        assert_eq!(footer.stretch(cut, 1).is_some(), whole, "{length}");
        assert_eq!(footer.stretch(cut, u32::MAX), None);
    }
}

/// What was the upper half of the count is the number of stretches in version 4 only.
#[test]
fn stretches_in_a_footer_of_an_older_version_are_a_count_that_is_too_large() {
    let (bytes, _) = sparse_footer();
    let length = FRAMES_END + bytes.len() as u64;
    for version in 1..4 {
        let mut trailer: [u8; FOOTER_TRAILER_BYTES] = *bytes.last_chunk().unwrap();
        put(&mut trailer, 8, 4, version);
        seal_trailer(&mut trailer);
        assert!(Footer::decode_trailer(&trailer, binding(), length).is_err(), "{version}");
    }
}

/// Nothing is allocated or walked because of a number in the trailer: it has to fit to the length of the file.
#[test]
fn counts_of_stretches_that_do_not_fit_to_the_file_are_errors() {
    let (bytes, footer) = sparse_footer();
    let own: &[u8; FOOTER_TRAILER_BYTES] = bytes.last_chunk().unwrap();
    let pages = |stretches: u64| {
        let covered = footer.stretches().start - FRAMES_END + stretches * 8;
        (covered + covered.div_ceil(PAGE_BYTES as u64) * 4).next_multiple_of(8)
    };
    for stretches in [0_u32, 1, 3, 4, 1 << 20, 1 << 31, u32::MAX] {
        let mut trailer = *own;
        put(&mut trailer, 36, 4, stretches.into());
        seal_trailer(&mut trailer);
        let length = FRAMES_END + bytes.len() as u64;
        assert!(Footer::decode_trailer(&trailer, binding(), length).is_err(), "{stretches}");
        // Also in a file that is as long as this number asks for, if there are fewer records.
        let length = FRAMES_END + pages(stretches.into()) + FOOTER_TRAILER_BYTES as u64;
        let decoded = Footer::decode_trailer(&trailer, binding(), length);
        assert_eq!(decoded.is_ok(), stretches <= 3, "{stretches}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn stretches_come_back_as_the_pieces_they_were_made_from(
        gaps in vec((0..3_u32, 1..4_u32), 1..1500), behind in 0..5_u64,
    ) {
        let (mut next, mut records, mut expected) = (0, 0, Vec::new());
        let pieces: Vec<(u32, u32)> = gaps.iter().map(|(gap, length)| {
            if *gap > 0 || expected.is_empty() {
                expected.push((next + gap, records));
            }
            let piece = (next + gap, *length);
            (next, records) = (next + gap + length, records + length);
            piece
        }).collect();
        if expected == [(0, 0)] {
            expected.clear();
        }
        let (bytes, footer) = built(&pieces);
        prop_assert_eq!(footer.count, u64::from(records));
        prop_assert_eq!(stretches(&footer, &bytes), expected);
        prop_assert_eq!(footer.check_tables(&bytes), Ok(()));
        prop_assert_eq!(footer.check_stretches(&bytes, u64::from(next) + behind), Ok(()));
        prop_assert!(footer.check_stretches(&bytes, u64::from(next) - 1).is_err());

        let pages = footer.pages_of_stretches();
        let covered = footer.stretches().start - FRAMES_END..footer.stretches().end - FRAMES_END;
        if !covered.is_empty() {
            let page = PAGE_BYTES as u64;
            prop_assert_eq!(pages.clone(), covered.start / page..covered.end.div_ceil(page));
        }
        // A flipped bit in the stretches is noticed on one of these pages.
        if let Some(place) = covered.clone().nth(bytes.len() % 7) {
            let mut damaged = bytes.clone();
            damaged[usize::try_from(place).unwrap()] ^= 1;
            prop_assert!(pages.clone().any(|page| footer.check_page(&damaged, page).is_err()));
        }
    }

    #[test]
    fn any_stretches_at_all_are_refused_or_lead_to_positions_of_the_segment(
        one: (u32, u32), other in (0..12_u32, 0..5_u32), positions in 0..12_u64,
    ) {
        for [first, second] in [[one, other], [other, one], [other, other]] {
            let stretch = |(position, record)| Stretch { position, record };
            let (bytes, footer) = with_stretches([stretch(first), stretch(second)]);
            if footer.check_stretches(&bytes, positions).is_ok() {
                prop_assert!(first.1 == 0 && second.1 < 3 && first.0 < second.0);
                prop_assert!(u64::from(second.0) + 3 - u64::from(second.1) <= positions);
                prop_assert!(second.0 - first.0 > second.1);
            }
        }
    }
}

/// A builder is told positions by frames; those that do not ascend are noticed by who reads the footer.
#[test]
fn pieces_in_a_wrong_order_make_a_footer_that_is_refused() {
    let (bytes, footer) = built(&[(5, 2), (0, 3)]);
    assert!(footer.check_stretches(&bytes, 100).is_err());
    assert_eq!(footer.check_tables(&bytes), Ok(()));
}
