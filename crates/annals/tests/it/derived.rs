//! Runs are derived from the log: whatever happens to them, the answers stay.

use crate::common::World;
use annals::vfs::{Call, Disk, Fault, FaultyDisk, MemoryDisk, When};
use annals::{Expected, NewEvent, Uuid, Version};
use std::sync::Arc;

const STREAMS: u64 = 7;
const EVENTS: u64 = 30;

fn append(store: &annals::Store, number: u64) -> annals::Appended {
    let event = NewEvent::new("t", vec![7; 1000]).with_id(Uuid::from_u128(u128::from(number)));
    store.append(&format!("s-{}", number % STREAMS), Expected::Any, &[event]).unwrap()
}

#[test]
fn every_stream_and_every_id_is_found_whatever_byte_of_a_run_is_damaged() {
    let world = World::new(1);
    let store = world.open();
    (0..EVENTS).for_each(|number| drop(append(&store, number)));
    store.maintain().unwrap();
    store.close().unwrap();
    let (image, run) = (world.disk().image(), world.files("index/").remove(0));
    for offset in (0..image[&run].len()).step_by(23) {
        let world = World::on(MemoryDisk::from_image(image.clone()).unwrap(), 2);
        world.flip(&run, offset, 3);
        let store = world.open();
        for stream in 0..STREAMS {
            let known = store.view().stream(&format!("s-{stream}")).unwrap().unwrap();
            let events = (0..EVENTS).filter(|number| number % STREAMS == stream).count() as u64;
            assert_eq!((known.events, known.last_version), (events, Version::new(events)), "byte {offset}");
        }
        let again = append(&store, 1);
        assert!(again.already_applied && again.first_position.get() == 2, "byte {offset}");
        let next = append(&store, EVENTS);
        assert_eq!(next.streams[0].first_version.get(), EVENTS / STREAMS + 1, "byte {offset}");
    }
}

/// A store of several sealed segments whose first run is gone, over a disk that can fail.
fn without_a_run() -> (World, FaultyDisk) {
    let world = World::new(3);
    let store = world.open();
    (0..EVENTS).for_each(|number| drop(append(&store, number)));
    store.maintain().unwrap();
    store.close().unwrap();
    let mut image = world.disk().image();
    image.remove(&world.files("index/")[0]).unwrap();
    let world = World::on(MemoryDisk::from_image(image).unwrap(), 4);
    let disk = FaultyDisk::new(Arc::new(world.disk()));
    (world, disk)
}

/// Each look-up of a missing run reads its segment, so an append to an unknown stream would read the whole log, and the next
/// one again.
#[test]
fn an_append_to_a_store_without_its_index_has_it_written_first() {
    let world = World::new(5);
    let store = world.open();
    (0..4 * EVENTS).for_each(|number| drop(append(&store, number)));
    store.maintain().unwrap();
    store.close().unwrap();
    let mut image = world.disk().image();
    image.retain(|path, _| !path.starts_with("index/"));
    let world = World::on(MemoryDisk::from_image(image).unwrap(), 6);
    let disk = FaultyDisk::new(Arc::new(world.disk()));
    let store = world.options_over(Arc::new(disk.clone())).open("memory").unwrap();
    let missing = store.stats().unwrap().runs_missing;
    assert!(missing >= 4, "{missing}");
    assert_eq!(append(&store, 4 * EVENTS).streams[0].first_version.get(), 4 * EVENTS / STREAMS + 1);
    assert_eq!(store.stats().unwrap().runs_missing, 0);
    // Where it cannot be written, the events are found all the same.
    store.close().unwrap();
    world.files("index/").iter().for_each(|run| world.disk().remove(run).unwrap());
    let store = world.options_over(Arc::new(disk.clone())).open("memory").unwrap();
    disk.arm(When::nth(Call::Create, 1).from_then_on(), Fault::Os(28));
    let next = append(&store, 4 * EVENTS + 1).streams[0].first_version.get();
    assert_eq!(next, (4 * EVENTS + 1) / STREAMS + 1);
    assert!(disk.fired() && store.stats().unwrap().runs_missing >= 4);
}

#[test]
fn a_damaged_segment_without_a_run_is_read_once_for_it_and_not_at_every_wake_up() {
    let (world, disk) = without_a_run();
    let segment = world.files("log/").remove(0);
    let whole = world.disk().image().remove(&segment).unwrap();
    // Cut, it cannot be mapped, so that every attempt is seen at the disk.
    world.disk().set_content(&segment, &whole[..whole.len() - 1]).unwrap();
    let store = world.options_over(Arc::new(disk.clone())).open("memory").unwrap();
    let runs = world.files("index/").len();
    store.maintain().unwrap();
    let opened = disk.calls(Call::Open);
    (0..3).for_each(|_| store.maintain().unwrap());
    assert_eq!((disk.calls(Call::Open), world.files("index/").len()), (opened, runs));
    // Whoever reads it is told what is wrong, and once it is repaired and opened again the run is written.
    assert!(store.view().stream("s-0").unwrap_err().is_corruption());
    drop(store);
    world.disk().set_content(&segment, whole).unwrap();
    world.open().maintain().unwrap();
    assert_eq!(world.files("index/").len(), runs + 1);
}

#[test]
fn a_segment_that_the_system_could_not_read_is_read_again_for_its_run() {
    let (world, disk) = without_a_run();
    let store = world.options_over(Arc::new(disk.clone())).open("memory").unwrap();
    let runs = world.files("index/").len();
    disk.arm(When::nth(Call::Map, 1), Fault::Os(5));
    store.maintain().unwrap();
    assert!(disk.fired());
    assert_eq!(world.files("index/").len(), runs);
    store.maintain().unwrap();
    assert_eq!(world.files("index/").len(), runs + 1);
}

/// A process that had no more file descriptors took the runs that it could not open for damaged, and made them again.
#[test]
fn a_run_that_cannot_be_opened_for_want_of_descriptors_is_opened_later() {
    let world = World::new(5);
    let store = world.open();
    (0..EVENTS).for_each(|number| drop(append(&store, number)));
    store.maintain().unwrap();
    store.close().unwrap();
    let runs = world.files("index/");
    for (errno, call) in [(24, Call::Open), (23, Call::Open), (12, Call::Map)] {
        let disk = FaultyDisk::new(Arc::new(world.disk()));
        let store = world.options_over(Arc::new(disk.clone())).open("memory").unwrap();
        disk.arm(When::nth(call, 1).from_then_on(), Fault::Os(errno));
        assert!(store.view().stream("s-0").is_err() && disk.fired(), "neither run nor segment can be opened");
        disk.disarm();
        assert_eq!(store.view().stream("s-0").unwrap().unwrap().events, EVENTS.div_ceil(STREAMS));
        assert_eq!(store.stats().unwrap().runs_missing, 0, "error {errno}");
        store.maintain().unwrap();
        assert_eq!(world.files("index/"), runs);
        store.close().unwrap();
    }
}
