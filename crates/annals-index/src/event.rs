//! What the index is told of an event.

use annals_types::{Position, Tags, Uuid, Version};

/// One event as the index sees it.
#[derive(Clone, Copy, Debug)]
pub struct IndexedEvent<'a> {
    /// Its number in the whole store.
    pub position: Position,
    /// Name of its stream; empty for a lost event of which that is not known.
    pub stream: &'a str,
    /// Its number within its stream.
    pub version: Version,
    /// What happened; empty for an event that was lost. So the positions of the empty type are those of lost events.
    pub event_type: &'a str,
    /// Names to find it by.
    pub tags: Tags<'a>,
    /// Its id, if the producer gave it one: ids that the store makes say the position themselves.
    pub id: Option<Uuid>,
}
