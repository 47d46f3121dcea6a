//! One event as the newest version of its schema has it.

use annals_types::{ContentType, EventRef};
use std::fmt;

/// An event in the newest version of its schema. What upcasting leaves alone is borrowed from the log, as an
/// [`EventRef`] is.
#[derive(Clone, PartialEq, Eq)]
pub struct UpcastEvent<'v> {
    stored: EventRef<'v>,
    changed: Option<Box<Changed>>,
}

/// What upcasting has put in the place of what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Changed {
    event_type: String,
    schema_version: u32,
    content_type: ContentType,
    data: Vec<u8>,
}

impl<'v> UpcastEvent<'v> {
    pub(crate) fn unchanged(stored: EventRef<'v>) -> Self {
        UpcastEvent { stored, changed: None }
    }

    /// The event: the stored one, with the type, schema version and data that upcasting has given it.
    #[must_use]
    pub fn event(&self) -> EventRef<'_> {
        match self.changed.as_deref() {
            None => self.stored,
            Some(changed) => EventRef {
                event_type: &changed.event_type,
                schema_version: changed.schema_version,
                content_type: changed.content_type,
                data: &changed.data,
                ..self.stored
            },
        }
    }

    /// The event as it is stored.
    #[must_use]
    pub fn stored(&self) -> &EventRef<'v> {
        &self.stored
    }

    /// Whether upcasting has changed anything.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.changed.is_some()
    }
}

impl fmt::Debug for UpcastEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.event().fmt(f)
    }
}
