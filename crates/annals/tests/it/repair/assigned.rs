//! Which stream a lost event belonged to.

use super::{data, place_of, repaired};
use crate::common::{World, events_of};
use annals::{Batch, Expected, NewEvent, Version};

/// One event each of these streams, in one segment without a run.
fn log_of(streams: &[&str]) -> (super::Image, Vec<annals::Event>) {
    let world = World::new(1);
    let store = world.open();
    for (stream, position) in streams.iter().zip(1..) {
        store.append(stream, Expected::Any, &[NewEvent::new("type-0", data(position))]).unwrap();
    }
    let events = events_of(&store);
    store.close().unwrap();
    (world.disk().image(), events)
}

fn damage(image: &mut super::Image, wanted: &[annals::Event], positions: &[usize]) {
    let pristine = image.clone();
    for position in positions {
        let (file, _, to) = place_of(&pristine, &wanted[position - 1]);
        image.get_mut(&file).unwrap()[to - 1] ^= 1;
    }
}

#[test]
fn a_gap_in_the_versions_of_a_stream_says_that_a_lost_event_was_its() {
    let (mut image, wanted) = log_of(&["a", "b", "a", "b", "a", "b"]);
    damage(&mut image, &wanted, &[3, 4]);
    let (report, new, lost) = repaired(&image, &wanted);
    assert_eq!((lost, report.unassigned), (vec![3, 4], 0));
    let streams: Vec<_> = report.lost.iter().flat_map(|range| range.streams.clone()).collect();
    assert_eq!(streams, ["a", "b"]);
    let store = World::on(annals::vfs::MemoryDisk::from_image(new).unwrap(), 1).open();
    let info = store.view().stream("a").unwrap().unwrap();
    assert_eq!((info.events, info.last_version), (2, Version::new(3)));
}

#[test]
fn the_last_events_of_a_stream_leave_no_gap_and_the_report_says_so() {
    let (mut image, wanted) = log_of(&["a", "b", "a", "b"]);
    damage(&mut image, &wanted, &[3]);
    let (report, new, lost) = repaired(&image, &wanted);
    assert_eq!((lost, report.unassigned, report.lost[0].unassigned), (vec![3], 1, 1));
    assert!(report.notes.iter().any(|note| note.contains("versions of streams may have ended higher")));
    let store = World::on(annals::vfs::MemoryDisk::from_image(new).unwrap(), 1).open();
    assert_eq!(store.view().stream("a").unwrap().unwrap().last_version, Version::FIRST);
    let again = store.append("a", Expected::Exact(Version::FIRST), &[NewEvent::new("t", &b"x"[..])]).unwrap();
    assert_eq!(again.streams[0].first_version, Version::new(2));
}

#[test]
fn a_stream_of_which_only_lost_events_are_known_keeps_its_version() {
    let world = World::new(1);
    let store = world.open();
    for (stream, position) in ["gone", "gone", "a", "a", "a"].into_iter().zip(1..) {
        store.append(stream, Expected::Any, &[NewEvent::new("type-0", vec![position; 5000])]).unwrap();
        store.maintain().unwrap();
    }
    let wanted = events_of(&store);
    store.close().unwrap();
    let mut image = world.disk().image();
    let (file, ..) = place_of(&image, &wanted[0]);
    image.remove(&file);
    let (_, new, lost) = repaired(&image, &wanted);
    assert!(lost.starts_with(&[1, 2]));
    let store = World::on(annals::vfs::MemoryDisk::from_image(new).unwrap(), 1).open();
    let info = store.view().stream("gone").unwrap().unwrap();
    assert_eq!((info.events, info.last_version), (0, Version::new(2)));
    let conflict = store.append("gone", Expected::NoStream, &[NewEvent::new("t", &b"x"[..])]);
    assert!(
        matches!(conflict, Err(annals::AppendError::Conflict(conflict)) if conflict.actual == Version::new(2))
    );
}

#[test]
fn of_a_damaged_batch_the_sound_events_are_kept_under_their_versions() {
    let world = World::new(1);
    let store = world.open();
    let mut batch = Batch::new();
    for position in 1..=6 {
        batch
            .push(if position % 2 == 0 { "a" } else { "b" }, &NewEvent::new("type-0", data(position)))
            .unwrap();
    }
    store.append_batch(batch).unwrap();
    let wanted = events_of(&store);
    store.close().unwrap();
    let pristine = world.disk().image();
    let (file, from, _) = place_of(&pristine, &wanted[0]);
    for (what, at) in [("frame header", from - 48 + 20), ("records checksum", from - 8), ("magic", from - 48)]
    {
        let mut image = pristine.clone();
        image.get_mut(&file).unwrap()[at] ^= 1;
        assert_eq!(repaired(&image, &wanted).2, Vec::<u64>::new(), "{what}");
        damage(&mut image, &wanted, &[2, 3]);
        let (report, _, lost) = repaired(&image, &wanted);
        assert_eq!((lost, report.unassigned), (vec![2, 3], 0), "{what}");
    }
}
