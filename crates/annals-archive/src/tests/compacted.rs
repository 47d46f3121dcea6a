//! Stores from which compaction removes events while they are shipped.

use super::faulty::{Faulty, Plan};
use super::{Place, in_memory};
use crate::archive::Archive;
use annals::{RestoreTo, Version};
use object_store::memory::InMemory;
use std::sync::Arc;

/// Lets go of the first half of two streams, and removes it from the disk.
fn compact(place: &Place) {
    for stream in ["s-1", "s-3"] {
        let last = place.events().iter().rfind(|event| event.stream == stream).unwrap().version;
        place.store.retention().truncate(stream, Version::new(last.get() / 2 + 1)).unwrap();
    }
    let report = place.store.compaction().all(true).bytes_per_second(None).run().unwrap();
    assert!(report.events_removed > 0, "{report:?}");
}

#[test]
fn a_store_that_is_compacted_while_it_is_shipped_is_restored_as_it_is() {
    let (place, archive) = (Place::new(), in_memory());
    let mut shipment = place.shipment(&archive, "staging");
    for round in 0..6 {
        place.append(60);
        if round % 2 == 0 {
            shipment.ship().unwrap();
        }
        compact(&place);
        shipment.ship().unwrap();
        assert!(place.restored(&archive, RestoreTo::End) == place.events(), "{round}");
        let named = archive.status().unwrap().objects;
        assert_eq!(archive.objects().unwrap().len() as u64, named, "what was replaced is gone");
    }
    // Whoever begins with an empty staging directory has the same.
    place.append(3);
    place.shipment(&archive, "other").ship().unwrap();
    assert!(place.restored(&archive, RestoreTo::End) == place.events());
}

#[test]
fn a_call_that_fails_while_a_compacted_store_is_shipped_leaves_what_was_there_or_what_is() {
    for after in [false, true] {
        for nth in 1.. {
            let place = Place::new();
            let faulty = Faulty::new(Arc::new(InMemory::new()));
            let archive = Archive::new(Arc::new(faulty.clone()), "", "faulty").unwrap();
            let mut shipment = place.shipment(&archive, "staging");
            place.append(40);
            let old = place.events();
            shipment.ship().unwrap();
            compact(&place);
            faulty.arm(Plan { left: Some(nth), after, lasting: false, instead: None, happened: false });
            let result = shipment.ship();
            let happened = faulty.disarm();
            let there = place.restored(&archive, RestoreTo::End);
            assert!(there == place.events() || (result.is_err() && there == old), "{after} {nth}");
            shipment.ship().unwrap();
            assert!(place.restored(&archive, RestoreTo::End) == place.events(), "{after} {nth}");
            if !happened {
                assert!(nth > 5);
                break;
            }
        }
    }
}
