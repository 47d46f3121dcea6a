//! Runs are derived from the log: whatever happens to them, the answers stay.

use crate::common::World;
use annals::vfs::MemoryDisk;
use annals::{Expected, NewEvent, Uuid, Version};

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
