//! A stream that was truncated below a snapshot of its state, so that there is no other way to it.

use super::allowed::Left;
use super::specimen::failed;
use crate::suite::Failure;
use annals::{Aggregates, Document, Expected, LoadError, NewEvent, Query, ReadError, SnapshotPolicy, Store};
use annals_format::names;
use std::collections::BTreeSet;

/// Its name.
const STREAM: &str = "state-1";
/// The version of the last event that the snapshot has.
const TRUNCATED: u64 = 6;

fn states(store: &Store) -> Aggregates<Document> {
    store.aggregates::<Document>().with_snapshots("state/1", SnapshotPolicy::only_when_told())
}

/// Appends events, each of which adds a field to the state that has its version in the name.
fn append(store: &Store, versions: std::ops::RangeInclusive<u64>) -> Result<(), Failure> {
    for version in versions {
        let event = NewEvent::json("added", format!("{{\"{version}\":true}}"));
        store.append(STREAM, Expected::Any, &[event]).map_err(failed)?;
    }
    Ok(())
}

/// Makes the state, and lets the events go that it is made of.
///
/// # Errors
/// That the engine cannot do it.
pub(super) fn truncate(store: &Store) -> Result<(), Failure> {
    append(store, 1..=TRUNCATED)?;
    states(store).truncate_below_snapshot(STREAM).map_err(failed)?;
    Ok(())
}

/// Adds to the state.
///
/// # Errors
/// That the engine cannot do it.
pub(super) fn go_on(store: &Store) -> Result<(), Failure> {
    append(store, TRUNCATED + 1..=TRUNCATED + 4)
}

/// A repaired store has the state of this stream as far as it goes, or says that it has not. It has it if the snapshot is whole.
///
/// # Errors
/// What it says instead.
pub(super) fn check(store: &Store, left: &Left<'_>) -> Result<(), Failure> {
    let wrong =
        |what: &dyn std::fmt::Debug| Err(Failure::new(format!("repaired, the state of {STREAM}: {what:?}")));
    let loaded = match states(store).load(STREAM) {
        Ok(loaded) => loaded,
        Err(LoadError::BelowFloor { .. }) if !is_whole(left) => return Ok(()),
        Err(error) => return wrong(&error),
    };
    let version = loaded.version().get();
    let value = loaded.state().value().and_then(|value| value.as_object());
    let has: BTreeSet<u64> = value.into_iter().flatten().filter_map(|(name, _)| name.parse().ok()).collect();
    let snapshot = loaded.snapshot().map_or(0, annals::Version::get);
    let failed = |error: ReadError| Failure::new(format!("repaired: {error:?}"));
    let mut wanted = kept(store).map_err(failed)?;
    wanted.extend(1..=snapshot);
    // Without a snapshot it has to be made of all events that there ever were, but for lost ones.
    let begun = snapshot > 0 || version == 0 || store.view().floor(STREAM).map_err(failed)?.get() == 1;
    if begun && has == wanted { Ok(()) } else { wrong(&(version, snapshot, has, wanted)) }
}

/// The versions that the stream still has.
fn kept(store: &Store) -> Result<BTreeSet<u64>, ReadError> {
    let view = store.view();
    let events = view.read(Query::stream(STREAM))?;
    events.map(|event| event.map(|event| event.version.get())).collect()
}

/// Whether neither the snapshots nor the log were touched.
fn is_whole(left: &Left<'_>) -> bool {
    !left.essential() && !left.touched.iter().any(|file| file.starts_with(names::SNAPSHOT_DIR))
}
