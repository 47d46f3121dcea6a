//! Streams of the store's own.

use super::registration::{Registration, SYSTEM_PREFIX};
use crate::guards::{GUARDS_STREAM, GuardEvent};
use crate::system_event::SystemEvent;
use annals_types::{ContentType, Invalid, NewEvent};

/// The stream of registrations.
pub(crate) const SCHEMAS_STREAM: &str = "$annals.schemas";
/// The type of a registration.
pub(crate) const SCHEMA_REGISTERED: &str = "$annals.SchemaRegistered";
/// The version of its shape.
pub(crate) const REGISTRATION_VERSION: u32 = 1;

/// The event of a registration.
pub(crate) fn event_of(registration: &Registration) -> NewEvent<'static> {
    NewEvent::json(SCHEMA_REGISTERED, registration.to_json()).with_schema_version(REGISTRATION_VERSION)
}

/// Whether a caller may append an event to a stream whose name begins with `$`; says whether it is a registration. A system
/// stream takes from callers what the store would have written itself, so that a copy of a store can be made event by event.
#[cold]
pub(crate) fn check(stream: &str, event: &NewEvent<'_>) -> Result<bool, Invalid> {
    if !stream.starts_with(SYSTEM_PREFIX) {
        return Ok(false);
    }
    if stream == GUARDS_STREAM {
        return GuardEvent::check_new(event).map(|()| false);
    }
    let own = stream == SCHEMAS_STREAM
        && event.event_type == SCHEMA_REGISTERED
        && event.schema_version == REGISTRATION_VERSION
        && event.content_type == ContentType::JSON
        && Registration::from_json(&event.data).is_ok();
    if own { Ok(true) } else { Err(Invalid::SystemStream) }
}
