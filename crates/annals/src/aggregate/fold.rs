//! Folding the events of a stream into a state.

use super::Aggregate;
use super::error::LoadError;
use super::loaded::{LastEvent, Loaded};
use super::typed::EventError;
use crate::error::ReadError;
use crate::query::Query;
use crate::upcast::upcast_one;
use crate::view::View;
use annals_types::{EventRef, PayloadBuffer, Version};
use annals_vfs::sync::Deadline;
use std::time::Duration;

/// Folds events behind a state, from one version up to another, as far as the view shows them. Notes if that took longer than
/// `patience`.
pub(super) fn fold<A: Aggregate>(
    view: &View,
    from: Version,
    to: Version,
    patience: Option<Duration>,
    loaded: &mut Loaded<A>,
) -> Result<(), LoadError> {
    if to < from {
        return Ok(());
    }
    let deadline = patience.map(Deadline::after);
    let query = Query::stream(loaded.stream.as_str()).from_version(from).to_version(to);
    let chain = view.chain()?;
    let mut buffer = PayloadBuffer::new();
    // The stored events, also those that upcasting drops: the version is that of the stream.
    for event in view.read(query)? {
        let stored = event?;
        let plain = stored.plain_in(&mut buffer).unwrap_or(stored);
        let mut was_told = false;
        if chain.is_idle() {
            was_told = apply(&mut loaded.state, &plain)?;
        } else {
            for event in upcast_one(&chain, plain).map_err(ReadError::Upcast)? {
                was_told |= apply(&mut loaded.state, &event.event())?;
            }
        }
        if was_told {
            loaded.under = loaded.under.and(stored.payload.key());
        }
        loaded.last = Some(LastEvent::of(&stored));
        loaded.occurred_max = loaded.occurred_max.max(stored.occurred_at);
        loaded.events_read += 1;
        loaded.unsaved += 1;
    }
    loaded.too_slow |= deadline.is_some_and(|deadline| deadline.left().is_zero());
    Ok(())
}

/// Applies an event. Says whether the state may have its payload: not if it was erased.
fn apply<A: Aggregate>(state: &mut A, event: &EventRef<'_>) -> Result<bool, LoadError> {
    match state.apply_stored(event) {
        Ok(()) => Ok(true),
        Err(reason) => not_applied(state, event, reason).map(|()| false),
    }
}

/// What becomes of an event that the state has not taken.
#[cold]
fn not_applied<A: Aggregate>(
    state: &mut A,
    event: &EventRef<'_>,
    reason: EventError,
) -> Result<(), LoadError> {
    let no_payload = match event.payload.as_plain() {
        Some(_) => None,
        None => event.plain().err(),
    };
    match no_payload {
        Some(payload) => {
            let taken =
                if payload.is_erased() { state.apply_erased(event, payload) } else { Err(payload.into()) };
            taken.map_err(|reason| LoadError::NoPayload {
                stream: event.stream.into(),
                version: event.version,
                event_type: event.event_type.into(),
                payload: Box::new(payload),
                reason,
            })
        }
        None => Err(LoadError::NotUnderstood {
            stream: event.stream.into(),
            version: event.version,
            position: event.position,
            event_type: event.event_type.into(),
            schema_version: event.schema_version,
            reason,
        }),
    }
}
