//! Larger damage: whole stretches of bytes, several at once, at any place.

use super::{original, place_of, repaired, segments, try_repair};
use crate::common::Dice;
use annals::OpenError;

#[test]
fn of_a_stretch_of_rubbish_everything_around_it_is_kept() {
    let (image, wanted) = original(120);
    let places: Vec<_> = wanted.iter().map(|event| place_of(&image, event)).collect();
    let mut dice = Dice::new(11);
    for round in 0..60 {
        let mut damaged = image.clone();
        let mut stretches = Vec::new();
        for _ in 0..1 + dice.below(3) {
            let files = segments(&image);
            let name = files[dice.below(files.len())].clone();
            let bytes = damaged.get_mut(&name).unwrap();
            if bytes.len() < 200 {
                continue;
            }
            let from = dice.below(bytes.len());
            let to = (from + 1 + dice.below(3000)).min(bytes.len());
            let zeros = dice.one_in(2);
            bytes[from..to].iter_mut().for_each(|byte| *byte = if zeros { 0 } else { dice.number() as u8 });
            stretches.push((name, from, to));
        }
        let (report, _, lost) = repaired(&damaged, &wanted);
        for (position, (file, from, to)) in (1_u64..).zip(&places) {
            let hit = stretches.iter().any(|(name, start, end)| name == file && start < to && from < end);
            assert!(hit || !lost.contains(&position), "round {round}: {position} is whole, {report:?}");
        }
        assert_eq!(report.last_position.get(), 120, "round {round}");
    }
}

#[test]
fn of_a_file_that_is_cut_what_lies_before_the_cut_is_kept() {
    let (image, wanted) = original(90);
    for name in segments(&image) {
        for length in (0..image[&name].len()).step_by(701) {
            let mut damaged = image.clone();
            damaged.get_mut(&name).unwrap().truncate(length);
            let (_, _, lost) = repaired(&damaged, &wanted);
            for event in &wanted {
                let (file, _, to) = place_of(&image, event);
                let gone = file == name && to > length;
                assert_eq!(
                    lost.contains(&event.position.get()),
                    gone,
                    "{name} cut at {length}: {}",
                    event.position
                );
            }
        }
    }
}

/// A header was counted as read of a file that is shorter: more than all was done, and then less.
#[test]
fn of_a_segment_that_is_cut_in_its_header_no_more_is_told_to_be_done_than_there_is() {
    let (image, wanted) = original(1);
    let name = segments(&image).remove(0);
    for length in 0..100 {
        let mut damaged = image.clone();
        damaged.get_mut(&name).unwrap().truncate(length);
        let (_, _, lost) = repaired(&damaged, &wanted);
        assert_eq!(lost, [1], "cut at {length}");
    }
}

#[test]
fn a_torn_tail_is_cut_and_noted_and_nothing_is_lost() {
    let world = crate::common::World::new(3);
    let store = world.open();
    for position in 1..=5 {
        store
            .append("s", annals::Expected::Any, &[annals::NewEvent::new("type-0", super::data(position))])
            .unwrap();
    }
    let wanted = crate::common::events_of(&store);
    let mut image = world.disk().image();
    let (name, from, _) = place_of(&image, &wanted[4]);
    image.get_mut(&name).unwrap()[from + 50] ^= 1;
    let (report, _, lost) = repaired(&image, &wanted);
    assert_eq!((report.events, lost), (4, vec![]));
    let torn = report.torn_tail.unwrap();
    assert_eq!((torn.file, torn.offset), (name, from as u64 - 48));
    drop(store);
}

#[test]
fn a_damaged_index_and_damaged_footers_cost_nothing() {
    let (image, wanted) = original(90);
    let mut damaged = image.clone();
    for (name, bytes) in &mut damaged {
        if name.starts_with("index/") {
            bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
        }
    }
    for name in &segments(&image)[..2] {
        let bytes = damaged.get_mut(name).unwrap();
        let end = bytes.len();
        bytes[end - 150..].fill(0xEE);
    }
    assert_eq!(repaired(&damaged, &wanted).2, Vec::<u64>::new());
}

#[test]
fn a_newer_format_is_not_repaired_by_an_older_program() {
    let (mut image, _) = original(10);
    let manifest = image.get_mut("MANIFEST").unwrap();
    manifest[8..12].copy_from_slice(&(annals_format::FORMAT_VERSION + 1).to_le_bytes());
    let checksum = crate::opening::crc32(&[&manifest[..12], &manifest[16..]].concat());
    manifest[12..16].copy_from_slice(&checksum.to_le_bytes());
    assert!(matches!(try_repair(&image), Err(OpenError::Newer { .. })));
}
