//! What is shipped, and restored.

use super::{LONG, Place, at, events_of, in_memory};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::progress::ShipperOptions;
use crate::shipper::Shipper;
use annals::{BackupError, BackupOptions, Options, RestoreTo};
use std::time::Duration;

fn local(place: &Place) -> Archive {
    Archive::at(&format!("file://{}", place.path("objects").display())).unwrap()
}

#[test]
fn what_was_shipped_is_restored_to_the_end_a_position_and_a_time() {
    let place = Place::new();
    for archive in [in_memory(), local(&place)] {
        let mut shipment = place.shipment(&archive, "staging");
        for _ in 0..4 {
            place.append(15);
            let shipped = shipment.ship().unwrap();
            assert_eq!(shipped.position, place.store.last_position());
            assert!(place.restored(&archive, RestoreTo::End) == place.events());
        }
        let events = place.events();
        for event in events.iter().step_by(17) {
            let time = event.recorded_at;
            let by_then: Vec<_> = events.iter().filter(|event| event.recorded_at <= time).cloned().collect();
            assert!(place.restored(&archive, RestoreTo::Recorded(time)) == by_then);
            let whole = place.restored(&archive, at(event.position.get()));
            assert!(events.starts_with(&whole) && whole.len() + 3 > event.position.get() as usize);
        }
        assert!(place.restored(&archive, at(0)).is_empty());
        let status = archive.status().unwrap();
        assert_eq!(status.position, place.store.last_position());
        assert_eq!(status.recorded_at, events.last().map(|event| event.recorded_at));
    }
}

#[test]
fn sealed_segments_are_shipped_once_and_of_the_open_one_only_what_is_new() {
    let (place, archive) = (Place::new(), in_memory());
    let mut shipment = place.shipment(&archive, "staging");
    place.append(40);
    shipment.ship().unwrap();
    let nothing = shipment.ship().unwrap();
    assert_eq!((nothing.objects, nothing.bytes), (0, 0));
    let sequence = archive.status().unwrap().sequence;
    for _ in 0..5 {
        place.append(1);
        let shipped = shipment.ship().unwrap();
        // A stretch, or a segment that was sealed and the first stretch of the next.
        assert!(shipped.objects <= 2 && shipped.bytes < 24 << 10, "{shipped:?}");
    }
    let status = archive.status().unwrap();
    assert_eq!(status.sequence, sequence + 5);
    assert_eq!(archive.objects().unwrap().len() as u64, status.objects, "nothing else is there");
    assert!(archive.catalogs().unwrap().len() <= 5);
}

#[test]
fn an_open_segment_in_very_many_stretches_is_shipped_again_in_one() {
    let archive = in_memory();
    let directory = tempfile::tempdir().unwrap();
    let store = Options::new().background(false).open(directory.path().join("store")).unwrap();
    let place = Place { directory, store };
    let mut shipment = place.shipment(&archive, "staging");
    let mut most = 0;
    for _ in 0..140 {
        place.append(1);
        shipment.ship().unwrap();
        most = most.max(archive.status().unwrap().objects);
    }
    assert!((60..70).contains(&most), "{most}");
    assert!(place.restored(&archive, RestoreTo::End) == place.events());
}

#[test]
fn a_shipper_follows_the_store_and_tells_how_far_it_is_behind() {
    let (place, archive) = (Place::new(), in_memory());
    let options = ShipperOptions::new().every(Duration::from_millis(5));
    let shipper =
        Shipper::start(place.store.clone(), archive.clone(), place.path("staging"), options).unwrap();
    for _ in 0..10 {
        place.append(3);
        assert!(shipper.flush(LONG), "{:?}", shipper.progress());
        assert!(archive.status().unwrap().position == place.store.last_position());
        assert_eq!((shipper.lag().events, shipper.lag().time), (0, Duration::ZERO));
    }
    let progress = shipper.progress();
    assert!(progress.running && progress.times >= 10 && progress.objects >= 10 && progress.failure.is_none());
    shipper.stop().unwrap();
    place.append(3);
    assert!(place.restored(&archive, RestoreTo::End).len() < place.events().len());
}

#[test]
fn how_many_bytes_are_behind_is_told_and_they_are_shipped_before_it_is_time() {
    let (place, archive) = (Place::new(), in_memory());
    let hours = ShipperOptions::new().every(Duration::from_secs(10_000));
    let start = |options: &ShipperOptions, staging| {
        Shipper::start(place.store.clone(), archive.clone(), place.path(staging), options.clone()).unwrap()
    };
    let shipper = start(&hours, "one");
    place.append(1);
    assert!(shipper.flush(LONG));
    let shipped = shipper.progress().position;
    let before = place.store.view().log_bytes_after(shipped).unwrap();
    assert_eq!((before, shipper.lag().bytes), (0, Some(0)));
    let mut data = 0;
    for _ in 0..30 {
        place.append(1);
        let events = place.events();
        let new = events.iter().filter(|event| event.position > shipped);
        data = new.map(|event| event.data().unwrap().len() as u64).sum();
        let bytes = shipper.lag().bytes.unwrap();
        assert!(bytes > data && bytes < data + (events.len() as u64 + 9) * 1000, "{bytes} for {data}");
    }
    assert_eq!(shipper.progress().position, shipped, "it is not time");
    shipper.stop().unwrap();

    let shipper = start(&hours.bytes(data / 2), "two");
    assert!(shipper.flush(LONG));
    let times = shipper.progress().times;
    place.append(40);
    let end = place.store.last_position();
    let begun = std::time::Instant::now();
    while shipper.progress().position < end {
        assert!(begun.elapsed() < LONG, "{:?}", shipper.lag());
        std::thread::sleep(Duration::from_millis(5));
        // What is below the limit would stay until it is time.
        place.append(1);
    }
    assert!(shipper.progress().times > times);
    shipper.stop().unwrap();
}

#[test]
fn whoever_shipped_before_is_fenced_off_and_does_not_come_back() {
    let (place, archive) = (Place::new(), in_memory());
    let (mut one, mut other) = (place.shipment(&archive, "one"), place.shipment(&archive, "other"));
    place.append(10);
    one.ship().unwrap();
    place.append(10);
    other.ship().unwrap();
    place.append(10);
    for _ in 0..3 {
        assert!(matches!(one.ship(), Err(ArchiveError::Fenced { .. })));
    }
    other.ship().unwrap();
    assert!(place.restored(&archive, RestoreTo::End) == place.events());
}

#[test]
fn a_shipper_that_is_fenced_off_ends_and_says_so() {
    let (place, archive) = (Place::new(), in_memory());
    let options = ShipperOptions::new().every(Duration::from_millis(5));
    let shipper =
        Shipper::start(place.store.clone(), archive.clone(), place.path("one"), options.clone()).unwrap();
    place.append(1);
    assert!(shipper.flush(LONG));
    Shipper::once(&place.store, &archive, place.path("other"), &options).unwrap();
    place.append(1);
    assert!(!shipper.flush(LONG));
    assert!(!shipper.progress().running);
    assert!(matches!(shipper.stop(), Err(ArchiveError::Fenced { .. })));
}

#[test]
fn the_archive_of_another_store_or_another_history_is_refused_and_stays_as_it_is() {
    let (place, other, archive) = (Place::new(), Place::new(), in_memory());
    place.append(20);
    place.shipment(&archive, "staging").ship().unwrap();
    let events = place.events();
    other.append(30);
    assert!(matches!(other.shipment(&archive, "staging").ship(), Err(ArchiveError::OtherStore { .. })));
    // The store as it was before, which goes on otherwise.
    let path = place.path("earlier");
    archive.restore(&path, at(10), &BackupOptions::new(), &mut |_| {}).unwrap();
    let store = Options::new().background(false).open(&path).unwrap();
    let earlier = Place { directory: tempfile::tempdir().unwrap(), store };
    for _ in 0..2 {
        let refused = earlier.shipment(&archive, "staging").ship();
        assert!(matches!(refused, Err(ArchiveError::Diverged { .. })), "{refused:?}");
        earlier.append(40);
    }
    assert!(place.restored(&archive, RestoreTo::End) == events);
}

#[test]
fn what_cannot_be_restored_is_told_and_leaves_no_store() {
    let (place, archive) = (Place::new(), in_memory());
    let path = place.path("restored");
    let restore = |to| archive.restore(&path, to, &BackupOptions::new(), &mut |_| {});
    assert!(matches!(restore(RestoreTo::End), Err(ArchiveError::Empty { .. })));
    place.append(30);
    place.shipment(&archive, "staging").ship().unwrap();
    let beyond = at(place.store.last_position().get() + 1);
    assert!(matches!(restore(beyond), Err(ArchiveError::Backup(BackupError::Beyond { .. }))));
    assert!(!path.exists());
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("x"), "y").unwrap();
    assert!(matches!(
        restore(RestoreTo::End),
        Err(ArchiveError::Backup(BackupError::DestinationTaken { .. }))
    ));
    for url in ["ftp://x", "file://relative", "x", ""] {
        assert!(matches!(Archive::at(url), Err(ArchiveError::Address { .. })), "{url}");
    }
}

#[test]
fn objects_that_are_damaged_or_missing_are_named_and_nothing_is_restored() {
    let place = Place::new();
    let archive = local(&place);
    place.append(30);
    place.shipment(&archive, "staging").ship().unwrap();
    let objects = place.path("objects/objects");
    for entry in std::fs::read_dir(&objects).unwrap() {
        let object = entry.unwrap().path();
        let whole = std::fs::read(&object).unwrap();
        let mut flipped = whole.clone();
        flipped[300] ^= 4;
        for damaged in [Some(&flipped[..]), Some(&whole[..whole.len() - 8]), None] {
            match damaged {
                Some(bytes) => std::fs::write(&object, bytes).unwrap(),
                None => std::fs::remove_file(&object).unwrap(),
            }
            let path = place.path("restored");
            let error =
                archive.restore(&path, RestoreTo::End, &BackupOptions::new(), &mut |_| {}).unwrap_err();
            assert!(error.is_corruption(), "{error:?}");
            assert!(!path.join("MANIFEST").exists());
            let _ = std::fs::remove_dir_all(&path);
        }
        std::fs::write(&object, &whole).unwrap();
    }
    assert!(place.restored(&archive, RestoreTo::End) == place.events());
}

#[test]
fn a_store_that_another_process_writes_is_shipped_to_what_is_durable() {
    let (place, archive) = (Place::new(), in_memory());
    place.append(20);
    place.store.mark_durable().unwrap();
    let reader = Options::new().read_only(true).open(place.path("store")).unwrap();
    let options = ShipperOptions::new();
    let shipped = Shipper::once(&reader, &archive, place.path("staging"), &options).unwrap();
    assert_eq!(shipped.position, place.store.last_position());
    assert!(place.restored(&archive, RestoreTo::End) == events_of(&place.store));
}

/// Of a real server, only where the environment names one, and with the feature: `ANNALS_TEST_S3` is an address as s3://bucket/prefix,
/// and the AWS variables say how to come to it.
#[cfg(feature = "s3")]
#[test]
fn a_store_is_shipped_to_the_s3_of_the_environment_and_restored() {
    let Ok(url) = std::env::var("ANNALS_TEST_S3") else {
        eprintln!("skipped: ANNALS_TEST_S3 names no object storage");
        return;
    };
    let place = Place::new();
    let archive = Archive::at(&format!("{url}/{}", uuid::Uuid::new_v4())).unwrap();
    let mut shipment = place.shipment(&archive, "staging");
    for _ in 0..3 {
        place.append(20);
        shipment.ship().unwrap();
    }
    assert!(place.restored(&archive, RestoreTo::End) == place.events());
}
