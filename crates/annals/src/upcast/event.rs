//! One event as the newest version of its schema has it.

use annals_types::{ContentType, EventRef, PayloadRef};
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
pub(crate) struct Changed {
    pub(crate) event_type: String,
    pub(crate) schema_version: u32,
    pub(crate) content_type: ContentType,
    pub(crate) data: Vec<u8>,
    /// The metadata of the stored event, where they had to be made; otherwise they are borrowed.
    pub(crate) metadata: Option<Vec<u8>>,
    pub(crate) part: usize,
}

impl Changed {
    fn metadata<'e>(&'e self, stored: &EventRef<'e>) -> &'e [u8] {
        match &self.metadata {
            Some(made) => made,
            None => stored.payload.as_plain().map_or(&[], |(_, metadata)| metadata),
        }
    }
}

impl<'v> UpcastEvent<'v> {
    #[inline]
    pub(crate) fn unchanged(stored: EventRef<'v>) -> Self {
        UpcastEvent { stored, changed: None }
    }

    pub(crate) fn changed(stored: EventRef<'v>, changed: Changed) -> Self {
        UpcastEvent { stored, changed: Some(Box::new(changed)) }
    }

    /// The event: the stored one, with the type, schema version and data that upcasting has given it.
    #[must_use]
    #[inline]
    pub fn event(&self) -> EventRef<'_> {
        match self.changed.as_deref() {
            None => self.stored,
            Some(changed) => EventRef {
                event_type: &changed.event_type,
                schema_version: changed.schema_version,
                content_type: changed.content_type,
                payload: PayloadRef::plain(&changed.data, changed.metadata(&self.stored)),
                ..self.stored
            },
        }
    }

    /// The event as it is stored.
    #[must_use]
    #[inline]
    pub fn stored(&self) -> &EventRef<'v> {
        &self.stored
    }

    /// Whether upcasting has changed anything.
    #[must_use]
    #[inline]
    pub fn is_changed(&self) -> bool {
        self.changed.is_some()
    }

    /// Which one it is, from 0, of the events that the stored one has become. They have position, version and id in
    /// common.
    #[must_use]
    #[inline]
    pub fn part(&self) -> usize {
        self.changed.as_ref().map_or(0, |changed| changed.part)
    }
}

impl fmt::Debug for UpcastEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.event().fmt(f)
    }
}
