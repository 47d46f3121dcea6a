//! What the events of a stream of the store's own say: JSON objects of a shape that has a version.

use annals_types::{ContentType, EventRef, Invalid, NewEvent, PayloadError};

/// What an event of one such stream says.
pub(crate) trait SystemEvent: Sized {
    /// The version of the shape.
    const SCHEMA_VERSION: u32;
    /// More than the data of such an event take.
    const JSON_BYTES_MAX: usize;

    /// From the type and the data, which are an object and not too long; `None` if the store would not write this.
    fn from_json(event_type: &str, data: &[u8]) -> Option<Self>;

    /// From an event of the stream; `None` if this program does not know such events.
    ///
    /// # Errors
    /// That its payload is damaged: then nobody needs a newer program for it.
    fn of(event: &EventRef<'_>) -> Result<Option<Self>, PayloadError> {
        match event.data() {
            Ok(data) => Ok(known(event.event_type, event.schema_version, event.content_type, &data)),
            Err(error) if error.is_damage() => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Whether a caller may append an event to the stream: only what the store would write itself, so that a copy of a store can
    /// be made event by event.
    #[cold]
    fn check_new(event: &NewEvent<'_>) -> Result<(), Invalid> {
        let NewEvent { event_type, schema_version, content_type, data, .. } = event;
        let said: Option<Self> = known(event_type, *schema_version, *content_type, data);
        said.map(drop).ok_or(Invalid::SystemStream)
    }
}

fn known<E: SystemEvent>(
    event_type: &str,
    version: u32,
    content_type: ContentType,
    data: &[u8],
) -> Option<E> {
    // Serde would read the members from an array, too, which is never written.
    let is_object = data.trim_ascii_start().starts_with(b"{");
    let known =
        version == E::SCHEMA_VERSION && content_type == ContentType::JSON && data.len() <= E::JSON_BYTES_MAX;
    if known && is_object { E::from_json(event_type, data) } else { None }
}
