//! What damage takes: nothing but what it touches, and where the files that tell are gone, the report says that nothing tells.

use super::super::{check_appends, segments, try_repair};
use super::{BOTH, compacted, ranges, repaired};
use crate::common::{World, events_of};
use crate::compaction::{compact, fill, filled, keep};
use annals::{Compression, Position, ReadError};

#[test]
fn any_file_may_be_gone_or_cut() {
    for compression in BOTH {
        let truth = compacted(compression);
        for name in truth.image.keys().filter(|name| *name != "LOCK") {
            for share in [0, 3, 9] {
                let mut image = truth.image.clone();
                match share {
                    0 => drop(image.remove(name)),
                    share => {
                        let bytes = image.get_mut(name).unwrap();
                        bytes.truncate(bytes.len() * share / 10);
                    }
                }
                let (report, ..) = repaired(&image, &truth);
                let of_log = name.starts_with("log/");
                assert!(of_log || report.lost_positions == 0, "{name} {share}: {report:?}");
                // The manifest tells what was removed in a segment only together with the segment or its run.
                assert!(name == "MANIFEST" || report.uncertain_positions == 0, "{name} {share}: {report:?}");
            }
        }
    }
}

#[test]
fn damage_anywhere_loses_what_it_touches_and_nothing_else() {
    for compression in BOTH {
        let truth = compacted(compression);
        for name in segments(&truth.image).into_iter().filter(|name| !truth.image[name].is_empty()) {
            let length = truth.image[&name].len();
            for step in 0..23 {
                let mut image = truth.image.clone();
                image.get_mut(&name).unwrap()[step * (length - 1) / 22] ^= 4;
                let (report, _, told) = repaired(&image, &truth);
                let of_dictionary = compression == Compression::Lz4 && step < 8;
                assert!(told.lost.len() <= 2 || of_dictionary, "{name} {step}: {report:?}");
                assert_eq!(report.uncertain_positions, 0, "{name} {step}: {report:?}");
            }
        }
    }
}

#[test]
fn without_a_manifest_what_lies_between_segments_was_removed_or_lost() {
    for compression in BOTH {
        let truth = compacted(compression);
        let mut bare = truth.image.clone();
        bare.remove("MANIFEST");
        bare.retain(|name, _| !name.starts_with("index/"));
        let (report, ..) = repaired(&bare, &truth);
        assert_eq!(report.lost_positions, 0, "{report:?}");
        for name in segments(&bare) {
            let mut image = bare.clone();
            image.remove(&name);
            let (report, ..) = repaired(&image, &truth);
            // All that is not there any more is told of, and only that and what was removed.
            let uncertain = ranges(&report.uncertain);
            let (lost, last) = (ranges(&report.lost), report.last_position.get());
            let stayed = (1..=last).filter(|position| !truth.removed.contains(position)).count() as u64;
            let told = &uncertain | &lost;
            assert_eq!(stayed - report.events, (&told - &truth.removed).len() as u64, "{name}: {report:?}");
        }
    }
}

/// The first of them was asked for, and where it was not there nothing of the new store could be read.
#[test]
fn a_store_whose_first_rule_may_be_lost_is_read_by_those_that_are_left() {
    let (world, store) = filled(73);
    keep(&store, 2);
    assert!(compact(&store).events_removed > 0);
    fill(&store, 3, 60);
    keep(&store, 3);
    store.maintain().unwrap();
    let end = store.last_position();
    store.close().unwrap();
    let mut bare = world.disk().image();
    bare.retain(|name, _| name != "MANIFEST" && !name.starts_with("index/"));
    let mut without_first = 0;
    for name in segments(&bare) {
        let mut image = bare.clone();
        image.remove(&name);
        let (report, disk) = try_repair(&image).unwrap();
        let store = World::on(disk, 74).open();
        let seen = events_of(&store);
        let rules = seen.iter().filter(|event| event.stream == "$annals.retention");
        let versions: Vec<_> = rules.map(|event| event.version.get()).collect();
        without_first += u64::from(versions == [2] && report.last_position == end);
    }
    assert!(without_first > 0, "the first rule was never lost");
}

#[test]
fn where_the_footer_the_manifest_and_the_index_are_gone_frames_tell_only_of_themselves() {
    let truth = compacted(Compression::None);
    let name = segments(&truth.image).into_iter().find(|name| name.ends_with(".1.seg")).unwrap();
    let mut image = truth.image.clone();
    image.retain(|name, _| !name.starts_with("index/"));
    let bytes = image.get_mut(&name).unwrap();
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    // All records are there.
    let (report, ..) = repaired(&image, &truth);
    assert_eq!((report.lost_positions, report.uncertain_positions), (0, 0), "{report:?}");
    // One of them is not.
    image.get_mut(&name).unwrap()[64 + 48 + 20] ^= 1;
    let (report, ..) = repaired(&image, &truth);
    assert!(report.uncertain_positions > 0, "{report:?}");
}

#[test]
fn payloads_whose_dictionary_is_damaged_are_lost_with_their_streams_known() {
    let truth = compacted(Compression::Lz4);
    let name = segments(&truth.image).into_iter().find(|name| name.ends_with(".1.seg")).unwrap();
    let mut image = truth.image.clone();
    image.get_mut(&name).unwrap()[64 + 48 + 24 + 7] ^= 1;
    let (report, _, told) = repaired(&image, &truth);
    assert!(told.lost.len() > 5, "{report:?}");
    assert_eq!((report.unassigned, report.uncertain_positions), (0, 0));
    assert!(report.lost.iter().all(|range| range.what.contains("compressed with is damaged")), "{report:?}");
}

#[test]
fn where_no_event_is_left_in_front_of_the_last_segment_positions_are_kept_all_the_same() {
    let truth = compacted(Compression::Lz4);
    let rewritten = |name: &String| name.ends_with(".1.seg");
    for nothing_behind in [true, false] {
        let mut image = truth.image.clone();
        image.retain(|name, _| !name.starts_with("index/") && !rewritten(name));
        image.retain(|name, _| !nothing_behind || !name.starts_with("log/"));
        let (report, disk) = try_repair(&image).unwrap();
        assert!(report.uncertain_positions > 200, "{report:?}");
        assert_eq!(report.events == 0, nothing_behind, "{report:?}");
        let store = World::on(disk, 6).open();
        assert_eq!(store.last_position(), report.last_position);
        for (position, event) in truth.events.range(311..=report.last_position.get()) {
            match store.view().event_at(Position::new(*position)) {
                Ok(Some(found)) => assert_eq!(found.to_event(), *event),
                Err(ReadError::Lost { .. } | ReadError::Hidden { .. } | ReadError::Removed { .. }) => {}
                other => panic!("{position}: {other:?}"),
            }
        }
        check_appends(&store);
    }
}
