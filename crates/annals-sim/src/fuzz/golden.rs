//! Sound bytes to begin with: a small store with a bit of everything, the same every time.

use crate::world::World;
use annals::{Batch, Event, Expected, NewEvent, Query, Store, Timestamp, Uuid};
use annals_format::{Manifest, names};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Segments as small as they can be.
pub(super) const SEGMENT_BYTES: u64 = 16 << 10;
/// Batches until the store has a run that was merged of four, another one of a single segment, and a segment with some
/// events.
const BATCHES: u64 = 22;

/// A store that was closed, and the same one as a kill left it some batches later.
#[derive(Debug)]
pub(super) struct Golden {
    /// Its files after a close in good order.
    pub(super) closed: BTreeMap<String, Vec<u8>>,
    /// Its files after a kill.
    pub(super) killed: BTreeMap<String, Vec<u8>>,
    /// All its events; those of `closed` are the first ones.
    pub(super) events: Vec<Event>,
    /// What the manifest of `closed` says.
    pub(super) manifest: Manifest,
}

/// The store, made once.
pub(super) fn golden() -> &'static Golden {
    static GOLDEN: OnceLock<Golden> = OnceLock::new();
    GOLDEN.get_or_init(make)
}

fn make() -> Golden {
    let world = World::new(7, SEGMENT_BYTES);
    let store = world.open().expect("an empty disk takes a store");
    for number in 0..BATCHES {
        append(&world, &store, number);
    }
    store.close().expect("nothing fails on a disk in memory");
    let closed = world.disk.image();
    let store = world.open().expect("what was closed can be opened");
    for number in BATCHES..BATCHES + 4 {
        append(&world, &store, number);
    }
    let killed = world.disk.image();
    let view = store.view();
    let events = view.read(Query::all()).expect("sound").map(|event| event.expect("sound").to_event());
    let events = events.collect();
    drop(store);
    let manifest = Manifest::decode(&closed[names::MANIFEST]).expect("the manifest is sound");
    Golden { closed, killed, events, manifest }
}

fn append(world: &World, store: &Store, number: u64) {
    world.clock.set(Timestamp::from_nanos(crate::world::START + 1_000_000 * number.cast_signed()));
    store.append_batch(batch(number)).expect("nothing is expected of a stream");
    store.maintain().expect("nothing fails on a disk in memory");
}

/// Events of one stream that has many, and of some that have a few; some have all fields and some none. Much of a batch
/// is one event's data, so that segments are full after a few events, which are read often.
pub(super) fn batch(number: u64) -> Batch {
    let mut batch = Batch::new();
    for length in [3_000 + number as usize, 0, 7] {
        batch.push("log", &NewEvent::new("noted", vec![0x61; length])).expect("within the limits");
    }
    for index in 0..3 {
        let event = NewEvent::json(["opened", "closed", "moved"][index as usize], r#"{"cents":500}"#)
            .with_id(Uuid::from_u128((u128::from(number) << 96) | (u128::from(index) << 64) | 77))
            .with_metadata(b"by: tester".as_slice())
            .with_tag(format!("branch:{}", number % 3))
            .with_tag("all")
            .at(Timestamp::from_nanos(number.cast_signed() * 7 - 100))
            .with_schema_version(2);
        batch.push(&format!("account-{}", (number + index) % 9), &event).expect("within the limits");
    }
    batch.expect("log", Expected::Any).expect("a name");
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_has_a_bit_of_everything() {
        let golden = golden();
        assert!(golden.manifest.sealed.len() >= 3, "{} sealed", golden.manifest.sealed.len());
        assert_eq!((golden.manifest.runs.len(), golden.manifest.sealed.len()), (2, 5));
        assert!(golden.manifest.clean.is_some() && golden.manifest.open.len() == 1);
        assert!(golden.killed != golden.closed && golden.events.len() < 170);
    }
}
