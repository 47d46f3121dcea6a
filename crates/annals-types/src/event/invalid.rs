//! Why the store does not take what it is given.

use crate::limits::{
    BATCH_BYTES_MAX, BATCH_EVENTS_MAX, CRITERIA_TERMS_MAX, DATA_BYTES_MAX, EVENT_TYPE_BYTES_MAX,
    METADATA_BYTES_MAX, STREAM_NAME_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX,
};
use crate::numbers::{Position, Version};
use uuid::Uuid;

/// Why an event or a batch cannot be taken: a limit that it does not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The stream name is empty or too long.
    #[error("a stream name has 1 to {STREAM_NAME_BYTES_MAX} bytes, this one has {bytes}")]
    StreamName {
        /// Its length.
        bytes: usize,
    },
    /// The event type is empty or too long.
    #[error("an event type has 1 to {EVENT_TYPE_BYTES_MAX} bytes, this one has {bytes}")]
    EventType {
        /// Its length.
        bytes: usize,
    },
    /// A tag is empty or too long.
    #[error("a tag has 1 to {TAG_BYTES_MAX} bytes, this one has {bytes}")]
    Tag {
        /// Its length.
        bytes: usize,
    },
    /// Too many tags.
    #[error("an event has at most {TAGS_MAX} tags, this one has {count}")]
    TagCount {
        /// How many there are.
        count: usize,
    },
    /// Too much data.
    #[error("an event has at most {DATA_BYTES_MAX} bytes of data, this one has {bytes}")]
    Data {
        /// Its length.
        bytes: usize,
    },
    /// Too much metadata.
    #[error("an event has at most {METADATA_BYTES_MAX} bytes of metadata, this one has {bytes}")]
    Metadata {
        /// Its length.
        bytes: usize,
    },
    /// An event that says that its payload was erased, and has one, or says that it was larger than it can have been.
    #[error(
        "an event whose payload was erased has neither data nor metadata, and they were within the limits"
    )]
    Erased,
    /// The batch takes too many bytes in the log.
    #[error("a batch takes at most {BATCH_BYTES_MAX} bytes in the log, this one would take {bytes}")]
    BatchBytes {
        /// What it would take.
        bytes: usize,
    },
    /// The batch has too many events.
    #[error("a batch has at most {BATCH_EVENTS_MAX} events")]
    BatchEvents,
    /// The batch has no event to append.
    #[error("the batch has no events")]
    BatchEmpty,
    /// Two events of the batch carry the same id.
    #[error("id {id} stands twice in the batch")]
    IdTwice {
        /// The id.
        id: Uuid,
    },
    /// The batch states two different expectations for one stream.
    #[error("the batch states two different expectations for one stream")]
    ExpectedTwice,
    /// Criteria without clauses: nothing would match.
    #[error("the criteria have no clause, so nothing would match: give at least one")]
    CriteriaEmpty,
    /// A clause without types and tags: everything would match.
    #[error(
        "clause {clause} (from 0) names neither types nor tags, so everything would match: name some, or say Criteria::everything if that is meant"
    )]
    ClauseEmpty {
        /// Which one, from 0.
        clause: usize,
    },
    /// Criteria, or all conditions of a batch, name too many types and tags.
    #[error(
        "criteria, and all conditions of a batch, name at most {CRITERIA_TERMS_MAX} types and tags, these name {terms}: split them"
    )]
    CriteriaTerms {
        /// How many there are.
        terms: usize,
    },
    /// An event for a stream of the store's own that the store would not write itself.
    #[error(
        "streams whose names begin with $annals. are the store's own, and take only what the store itself writes: give the stream another name, or use the call or command for what is to be written there"
    )]
    SystemStream,
    /// A stream is to be truncated before a version that it does not have, so what comes there would be hidden unseen.
    #[error(
        "the stream is to begin at version {before}, but its last event has version {last}: give a version that it has, or delete the stream if all of it is to go"
    )]
    TruncateBeyondEnd {
        /// The version that was to be the first one.
        before: Version,
        /// The version of the last event.
        last: Version,
    },
    /// The log is to be truncated through a position that it does not have.
    #[error("the log is to be truncated through position {through}, but ends at position {last}")]
    TruncateLogBeyondEnd {
        /// The position that was to be the last one that goes.
        through: Position,
        /// The last position of the store.
        last: Position,
    },
    /// A condition looks at what comes after a position that the store does not have yet, so it was not seen there.
    #[error(
        "the condition is to look at events after position {after}, but the store ends at position {last}: give a position that was read from this store"
    )]
    ConditionBeyondEnd {
        /// The position of the condition.
        after: Position,
        /// The last position of the store, batches included that are being written.
        last: Position,
    },
}
