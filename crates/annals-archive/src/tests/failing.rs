//! Every call of the object storage failing, before or after it is done, once or for good; and another shipper coming between any two.

use super::Place;
use super::faulty::{Faulty, Plan};
use crate::archive::Archive;
use crate::error::ArchiveError;
use annals::RestoreTo;
use object_store::memory::InMemory;
use std::sync::Arc;

fn archive(objects: Faulty) -> Archive {
    Archive::new(Arc::new(objects), "some/where", "faulty").unwrap()
}

fn plan(nth: u64, after: bool, lasting: bool) -> Plan {
    Plan { left: Some(nth), after, lasting, instead: None, happened: false }
}

#[test]
fn a_call_that_fails_leaves_the_old_state_or_the_new_one_and_the_same_shipper_or_another_goes_on() {
    let mut failures = 0;
    for fresh in [true, false] {
        for (after, lasting) in [(false, false), (true, false), (false, true)] {
            for nth in 1.. {
                let context = format!("{fresh} {after} {lasting} {nth}");
                let place = Place::new();
                let faulty = Faulty::new(Arc::new(InMemory::new()));
                let archive = archive(faulty.clone());
                let mut shipment = place.shipment(&archive, "staging");
                place.append(6);
                let old = place.events();
                if !fresh {
                    shipment.ship().unwrap();
                }
                place.append(40);
                faulty.arm(plan(nth, after, lasting));
                let result = shipment.ship();
                if !faulty.disarm() {
                    result.unwrap();
                    break;
                }
                failures += u64::from(result.is_err());
                match archive.newest().unwrap() {
                    None => assert!(fresh && result.is_err(), "{context}"),
                    Some(catalog) if catalog.position.get() == 0 => {
                        assert!(fresh && result.is_err(), "{context}")
                    }
                    Some(_) => {
                        let there = place.restored(&archive, RestoreTo::End);
                        let new = there == place.events();
                        assert!(new || (result.is_err() && !fresh && there == old), "{context}");
                    }
                }
                place.append(2);
                if nth % 2 == 0 {
                    shipment.ship().unwrap_or_else(|error| panic!("{context}: {error:?}"));
                } else {
                    place.shipment(&archive, "other").ship().unwrap();
                }
                assert!(place.restored(&archive, RestoreTo::End) == place.events(), "{context}");
                // Whoever begins to ship finds everything else to be nobody's.
                place.shipment(&archive, "last").ship().unwrap();
                let named = archive.status().unwrap().objects;
                assert_eq!(archive.objects().unwrap().len() as u64, named, "{context}");
            }
        }
    }
    assert!(failures > 30, "{failures}");
}

#[test]
fn a_shipper_that_comes_between_any_two_calls_of_another_takes_over_or_follows_and_nothing_is_lost() {
    let mut fenced = 0;
    for nth in 1.. {
        let place = Place::new();
        let objects = Arc::new(InMemory::new());
        let faulty = Faulty::new(Arc::clone(&objects));
        let (one, other) = (archive(faulty.clone()), archive(Faulty::new(objects)));
        let mut first = place.shipment(&one, "one");
        place.append(6);
        first.ship().unwrap();
        place.append(12);
        let mut second = place.shipment(&other, "other");
        let between = Box::new(move || {
            second.ship().unwrap();
            second.ship().unwrap();
        });
        faulty.arm(Plan { instead: Some(between), ..plan(nth, false, false) });
        let result = first.ship();
        if !faulty.disarm() {
            result.unwrap();
            break;
        }
        match result {
            Ok(_) => {}
            Err(ArchiveError::Fenced { .. }) => fenced += 1,
            Err(error) => panic!("{nth}: {error:?}"),
        }
        assert!(place.restored(&other, RestoreTo::End) == place.events(), "{nth}");
        assert!(matches!(first.ship(), Err(ArchiveError::Fenced { .. })) || place.events().is_empty());
        assert!(place.restored(&other, RestoreTo::End) == place.events(), "{nth}");
    }
    assert!(fenced > 2, "{fenced}");
}

#[test]
fn a_restore_goes_on_though_what_it_reads_is_shipped_anew_between_any_two_of_its_calls() {
    for nth in 1.. {
        let place = Arc::new(Place::new());
        let objects = Arc::new(InMemory::new());
        let faulty = Faulty::new(Arc::clone(&objects));
        let (one, other) = (archive(faulty.clone()), archive(Faulty::new(objects)));
        let mut shipment = place.shipment(&other, "staging");
        for _ in 0..3 {
            place.append(3);
            shipment.ship().unwrap();
        }
        let before = place.events().len();
        let more = Arc::clone(&place);
        // The open segment is sealed, so that its stretches go, and so do the catalogs that named them.
        let between = Box::new(move || {
            for _ in 0..6 {
                more.append(15);
                shipment.ship().unwrap();
            }
        });
        faulty.arm(Plan { instead: Some(between), ..plan(nth, false, false) });
        let restored = place.restored(&one, RestoreTo::End);
        assert!(restored.len() >= before && place.events().starts_with(&restored), "{nth}");
        if !faulty.disarm() {
            assert!(nth > 5);
            break;
        }
    }
}

#[test]
fn a_restore_of_which_a_call_fails_leaves_no_store_and_can_be_done_again() {
    let place = Place::new();
    let faulty = Faulty::new(Arc::new(InMemory::new()));
    let archive = archive(faulty.clone());
    place.append(70);
    place.shipment(&archive, "staging").ship().unwrap();
    for nth in 1.. {
        faulty.arm(plan(nth, false, false));
        let path = place.path("restored");
        let result = archive.restore(&path, RestoreTo::End, &annals::BackupOptions::new(), &mut |_| {});
        if !faulty.disarm() {
            result.unwrap();
            assert!(nth > 5);
            break;
        }
        assert!(result.is_err() && !path.join("MANIFEST").exists(), "{nth}");
    }
}
