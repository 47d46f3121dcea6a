//! Snapshots as they are given and come back.

use crate::error::SnapshotError;
use annals_format::snapshot::SnapshotHead;
use annals_format::{Corruption, Damage};
use annals_types::limits::SCHEMA_TAG_BYTES_MAX;
use annals_types::{Position, Timestamp, Uuid, Version, check_stream_name};

/// Where a snapshot record has its flags.
const FLAGS_OFFSET: u64 = 20;

/// A snapshot to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSnapshot<'a> {
    /// The stream whose state it is: 1 to 1024 bytes of UTF-8.
    pub stream: &'a str,
    /// The schema tag, which says what type of state it is and in which version: 1 to 128 bytes of UTF-8.
    pub tag: &'a str,
    /// The version of the last event that was folded in; at least 1.
    pub version: Version,
    /// The position of that event; at least 1.
    pub position: Position,
    /// The id of that event, by which a reader knows that the snapshot belongs to the history it reads.
    pub event_id: Uuid,
    /// The recorded_at of that event.
    pub recorded_at: Timestamp,
    /// The latest occurred_at of all events that were folded in.
    pub occurred_max: Timestamp,
    /// What the payload is encoded as; kept and given back, of no meaning here.
    pub codec: u8,
    /// The state.
    pub payload: &'a [u8],
}

impl NewSnapshot<'_> {
    pub(crate) fn check(&self, payload_bytes_max: usize) -> Result<(), SnapshotError> {
        check_stream_name(self.stream)?;
        check_schema_tag(self.tag)?;
        let (version, position) = (self.version.get(), self.position.get());
        if version == 0 || position == 0 || self.position > Position::MAX {
            return Err(SnapshotError::NoEvent { version, position });
        }
        if self.payload.len() > payload_bytes_max {
            return Err(SnapshotError::TooLarge { bytes: self.payload.len(), most: payload_bytes_max });
        }
        Ok(())
    }
}

/// Checks a schema tag.
///
/// # Errors
/// [`SnapshotError::SchemaTag`] if it is empty or longer than 128 bytes.
pub fn check_schema_tag(tag: &str) -> Result<(), SnapshotError> {
    if tag.is_empty() || tag.len() > SCHEMA_TAG_BYTES_MAX {
        return Err(SnapshotError::SchemaTag { bytes: tag.len() });
    }
    Ok(())
}

/// A snapshot that was found, without the names it was asked by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The version of the last event that was folded in.
    pub version: Version,
    /// The position of that event.
    pub position: Position,
    /// Its id.
    pub event_id: Uuid,
    /// When the store took it.
    pub recorded_at: Timestamp,
    /// The latest occurred_at of all events that were folded in.
    pub occurred_max: Timestamp,
    /// When the snapshot was put.
    pub taken_at: Timestamp,
    /// What the payload is encoded as.
    pub codec: u8,
    /// The state.
    pub payload: Vec<u8>,
}

impl Snapshot {
    pub(crate) fn new(head: &SnapshotHead<'_>, payload: Vec<u8>) -> Self {
        Snapshot {
            version: head.version,
            position: head.position,
            event_id: head.event_id,
            recorded_at: head.recorded_at,
            occurred_max: head.occurred_max,
            taken_at: head.taken_at,
            codec: head.codec,
            payload,
        }
    }
}

/// The answer of a lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest snapshot that can be used.
    pub snapshot: Option<Snapshot>,
    /// What was passed over on the way to it and might have been a newer one. With nothing in it, and no snapshot, there
    /// is none.
    pub passed_over: Vec<Unusable>,
}

/// Something that cannot be used, and is not needed: without it more events are replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// Bytes are not what was written.
    #[error(transparent)]
    Damaged(#[from] Corruption),
    /// It was written by a newer program.
    #[error(
        "{file} has at offset {offset} what only a newer program reads: {what} {found:#x}; use a newer one"
    )]
    Newer {
        /// The file, relative to the store's directory.
        file: String,
        /// Where in the file.
        offset: u64,
        /// What is newer: the version of a file, or the flags of a snapshot.
        what: &'static str,
        /// What was found.
        found: u64,
    },
}

impl Unusable {
    pub(crate) fn damaged(file: &str, damage: Damage) -> Self {
        Unusable::Damaged(damage.in_file(file))
    }

    /// Flags of the snapshot whose record begins at an offset, which only a newer program knows.
    pub(crate) fn newer_flags(file: &str, record: u64, flags: u32) -> Self {
        let (file, offset) = (file.into(), record + FLAGS_OFFSET);
        Unusable::Newer { file, offset, what: "flags of a snapshot", found: flags.into() }
    }
}

/// What is stored of a snapshot besides its payload, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// The stream.
    pub stream: String,
    /// The schema tag.
    pub tag: String,
    /// The version of the last event that was folded in.
    pub version: Version,
    /// The position of that event.
    pub position: Position,
    /// The latest occurred_at of all events that were folded in.
    pub occurred_max: Timestamp,
    /// When the snapshot was put.
    pub taken_at: Timestamp,
    /// What the payload is encoded as.
    pub codec: u8,
    /// Length of the payload in bytes.
    pub bytes: u64,
    /// Whether a flag says that only a newer program reads it.
    pub newer: bool,
    /// The file that it is in, relative to the store's directory.
    pub file: String,
    /// Where its record is in the file.
    pub offset: u64,
}

impl SnapshotInfo {
    pub(crate) fn new(head: SnapshotHead<'_>, file: String, offset: u64) -> Self {
        SnapshotInfo {
            version: head.version,
            position: head.position,
            occurred_max: head.occurred_max,
            taken_at: head.taken_at,
            codec: head.codec,
            bytes: head.payload_length.into(),
            newer: head.flags != 0,
            file,
            offset,
            stream: head.stream.into_owned(),
            tag: head.tag.into_owned(),
        }
    }
}
