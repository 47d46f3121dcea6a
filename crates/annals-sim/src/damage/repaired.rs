//! What must hold of the repair of a damaged store.

use super::allowed::Left;
use super::check::{SMALL_DISK, append, read_whatever, verify, world};
use super::kinds::Damaged;
use crate::suite::Failure;
use crate::world::World;
use annals::vfs::{MemoryDisk, SeededRandom};
use annals::{Event, OpenError, Position, Query, ReadError, RepairReport, Store, repair_in};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Repairs a damaged store into an empty disk.
///
/// # Errors
/// The first thing that does not hold.
pub(super) fn check_repair(left: &Left<'_>) -> Result<(), Failure> {
    let (repaired, to) = repair(left.damaged, None)?;
    let report = match repaired {
        Ok(report) => report,
        Err(error) => return may_be_refused(left, &error),
    };
    let found = verify(&to).map_err(|error| Failure::new(format!("repaired, verify: {error:?}")))?;
    if !found.findings.is_empty() || found.events != report.events {
        return Err(Failure::new(format!("repaired, and verify finds {found:?} after {report:?}")));
    }
    let store = to.open().map_err(|error| Failure::new(format!("repaired, and refused: {error:?}")))?;
    let kept = told(&store, &report)?;
    if left.is_own() {
        compare(left, &kept, &report)?;
    }
    go_on(&to, store, kept)
}

/// Where checksums are right but what was written is not: a repair ends, and leaves the original as it is.
/// The new store is on a small disk, too.
pub(super) fn survive_repair(damaged: &Damaged) -> Result<(), Failure> {
    let (repaired, to) = repair(damaged, Some(SMALL_DISK))?;
    if repaired.is_ok()
        && let Ok(store) = to.open()
    {
        read_whatever(&store);
        let _ = append(&store);
        let _ = store.close();
    }
    Ok(())
}

/// What came of the repair, and the world with the new store.
pub(super) fn repair(
    damaged: &Damaged,
    capacity: Option<u64>,
) -> Result<(Result<RepairReport, OpenError>, World), Failure> {
    let from = world(&damaged.image)?;
    let to = from.after(MemoryDisk::new());
    to.disk.set_capacity(capacity);
    let mut env = to.env_over(Arc::new(to.disk.clone()));
    env.random = Arc::new(SeededRandom::new(78));
    let (mut well, mut done) = (true, 0);
    let repaired = repair_in(&from.env_over(Arc::new(from.disk.clone())), &env, &mut |progress| {
        well &= (done..=progress.bytes_total).contains(&progress.bytes_done);
        done = progress.bytes_done;
    });
    if from.disk.image() != damaged.image {
        return Err(Failure::new("a repair has changed the original"));
    }
    match well {
        true => Ok((repaired, to)),
        false => Err(Failure::new("a repair tells of more than there is to do, or of less than before")),
    }
}

/// A repair is refused only if nothing tells which store it is.
pub(super) fn may_be_refused(left: &Left<'_>, error: &OpenError) -> Result<(), Failure> {
    let explained =
        matches!(error, OpenError::NotFound { .. } | OpenError::NotAStore { .. } | OpenError::Corrupt(_));
    match explained && !left.is_own() {
        true => Ok(()),
        false => Err(Failure::new(format!("the repair is refused: {error:?}"))),
    }
}

/// The events of the new store. Each position up to the last one has an event or is lost, as the report says.
fn told(store: &Store, report: &RepairReport) -> Result<BTreeMap<u64, Event>, Failure> {
    let view = store.view();
    let last = report.last_position.get();
    let mut lost = BTreeSet::new();
    for range in &report.lost {
        for position in range.first.get()..=range.last.get() {
            if !lost.insert(position) || position > last {
                return Err(Failure::new(format!("position {position} is lost twice, or behind {last}")));
            }
        }
    }
    let mut kept = BTreeMap::new();
    for position in 1..=last {
        match (view.event_at(Position::new(position)), lost.contains(&position)) {
            (Ok(Some(event)), false) => drop(kept.insert(position, event.to_event())),
            (Err(ReadError::Lost { position: at }), true) if at.get() == position => {}
            (other, lost) => {
                return Err(Failure::new(format!("position {position}, lost: {lost}, gives {other:?}")));
            }
        }
    }
    let counted = (report.events, report.lost_positions, report.lost_before);
    if view.position().get() != last || counted != (kept.len() as u64, lost.len() as u64, 0) {
        return Err(Failure::new(format!("{} events, {} lost: {report:?}", kept.len(), lost.len())));
    }
    all_are_read(store, &kept)?;
    Ok(kept)
}

/// Readers skip what is lost: in the log both ways, and in each stream.
fn all_are_read(store: &Store, kept: &BTreeMap<u64, Event>) -> Result<(), Failure> {
    let view = store.view();
    let same = |query: Query, wanted: &mut dyn Iterator<Item = &Event>| {
        let read = view.read(query.clone()).map_err(|error| Failure::new(format!("{query:?}: {error:?}")))?;
        for event in read {
            let event = event.map_err(|error| Failure::new(format!("{query:?}: {error:?}")))?.to_event();
            if wanted.next() != Some(&event) {
                return Err(Failure::new(format!("{query:?} gives {event:?}, which is not next")));
            }
        }
        wanted.next().map_or(Ok(()), |event| Err(Failure::new(format!("{query:?} ends before {event:?}"))))
    };
    same(Query::all(), &mut kept.values())?;
    same(Query::all().backwards(), &mut kept.values().rev())?;
    let streams: BTreeSet<&str> = kept.values().map(|event| event.stream.as_str()).collect();
    for stream in streams {
        same(Query::stream(stream), &mut kept.values().filter(|event| event.stream == stream))?;
    }
    Ok(())
}

/// Nothing is invented, and nothing is lost that damage did not touch.
fn compare(left: &Left<'_>, kept: &BTreeMap<u64, Event>, report: &RepairReport) -> Result<(), Failure> {
    let truth = &left.specimen.truth;
    for (position, event) in kept {
        let wanted = usize::try_from(position - 1).ok().and_then(|index| truth.get(index));
        if wanted != Some(event) {
            return Err(Failure::new(format!("position {position} is {event:?} instead of {wanted:?}")));
        }
    }
    if report.last_position.get() > truth.len() as u64 {
        return Err(Failure::new(format!("{} is the last, and was never written", report.last_position)));
    }
    let whole = left.in_untouched_segments();
    match whole.iter().find(|position| !kept.contains_key(position)) {
        None => Ok(()),
        Some(position) => Err(Failure::new(format!(
            "position {position} is lost, and its segment was not touched: {:?}, {:?}",
            report.lost, report.notes
        ))),
    }
}

/// The new store takes appends, and keeps everything when it is closed.
fn go_on(to: &World, store: Store, mut kept: BTreeMap<u64, Event>) -> Result<(), Failure> {
    let event = append(&store).map_err(|what| Failure::new(format!("repaired, an append: {what}")))?;
    kept.insert(event.position.get(), event);
    store.maintain().map_err(|error| Failure::new(format!("repaired, maintain: {error:?}")))?;
    store.close().map_err(|error| Failure::new(format!("repaired, close: {error:?}")))?;
    let found = verify(to).map_err(|error| Failure::new(format!("repaired, verify: {error:?}")))?;
    if !found.findings.is_empty() {
        return Err(Failure::new(format!("repaired and closed, and verify finds {:?}", found.findings)));
    }
    let store = to.open().map_err(|error| Failure::new(format!("repaired, opened again: {error:?}")))?;
    all_are_read(&store, &kept)
}
