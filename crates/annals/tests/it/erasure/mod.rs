//! Erasing what events say: gone from every file, told by the ledger, whatever crashes or fails meanwhile.

mod copies;
mod crashes;
mod readers;
mod refusals;
mod states;
mod targets;

use crate::common::{World, events_of};
use annals::{EraseReport, EraseTarget, ErasedEvent, Event, Expected, NewEvent, PayloadError, Store};

/// What must not be found anywhere once it was erased.
const SECRET: &str = "hemlock";

/// Visits of some patients in turn, one batch each, in streams of their own and with their tags, and some of nobody.
fn fill(store: &Store, patients: u64, visits: u64) {
    for visit in 1..=visits {
        for patient in 1..=patients {
            let data = format!(
                "{{\"visit\":{visit},\"note\":\"{SECRET}-{patient}-{visit}\",\"pad\":{:?}}}",
                "x".repeat(60)
            );
            let event = NewEvent::json("visited", data)
                .with_metadata(format!("{{\"by\":\"{SECRET}\"}}").into_bytes());
            let event = event.with_tag(format!("patient:{patient}")).with_tag("ward:3");
            store.append(&format!("visit-{patient}"), Expected::Any, &[event]).unwrap();
        }
        store.append("ward-3", Expected::Any, &[NewEvent::json("opened", visit.to_string())]).unwrap();
    }
    store.maintain().unwrap();
}

fn tag(patient: u64) -> EraseTarget {
    EraseTarget::Tag(format!("patient:{patient}"))
}

fn erase(store: &Store, target: EraseTarget) -> EraseReport {
    store.erase(target).reason("a letter").bytes_per_second(None).run().unwrap()
}

/// Events that are not the store's own.
fn own(store: &Store) -> Vec<Event> {
    events_of(store).into_iter().filter(|event| !event.stream.starts_with("$annals.")).collect()
}

fn listed(store: &Store) -> Vec<ErasedEvent> {
    store.erased_events().map(Result::unwrap).collect()
}

/// The files in which some text is found.
fn files_with(world: &World, text: &str) -> Vec<String> {
    let has = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    world.disk().image().into_iter().filter(|(_, bytes)| has(bytes)).map(|(path, _)| path).collect()
}

/// The visits of a patient are erased, everything else of all events is as before.
fn check_erased(before: &[Event], after: &[Event], patient: u64, context: &str) {
    assert_eq!(before.len(), after.len(), "{context}");
    for (before, after) in before.iter().zip(after) {
        if before.stream != format!("visit-{patient}") {
            assert_eq!(before, after, "{context}");
            continue;
        }
        match &after.payload {
            Err(PayloadError::Erased { erasure, .. }) => {
                let plain = before.payload.as_ref().unwrap();
                assert_eq!(erasure.data_bytes as usize, plain.data.len(), "{context}");
                assert!(erasure.sha256.is_some(), "{context}");
            }
            other => panic!("{context}: position {}: {other:?}", after.position),
        }
        let blank = Event { payload: before.payload.clone(), ..after.clone() };
        assert_eq!(*before, blank, "{context}: more than the payload is another one");
    }
}
