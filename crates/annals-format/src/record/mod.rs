//! One event as stored.
//!
//! A record is a fixed header and a body. The body has a checksum of its own, so that the caller's thread
//! can compute it before the position is known; the header's checksum covers the body's and is bound to
//! store, segment and position. The header is completed under the writer's lock: version, recorded_at and
//! the header checksum are all that the writer has to fill in.
//!
//! Here is the header: where its fields are, what the flags mean, and its checksum.

mod encode;
mod given;
mod layout;
mod names;
mod parse;
mod search;

pub use encode::reseal_record;
pub(crate) use encode::{complete_record, encode_lost, encode_record, reseal_body};
pub use given::{RecordTerms, same_content};
pub(crate) use given::{given_id, given_occurred_at, own_terms};
pub(crate) use layout::{Form, Layout};
pub(crate) use parse::own_record;
pub use parse::{decode_plain_record, decode_record, parse_record, record_with_right_checksums};
pub use search::{may_be_record, position_of_record};

use crate::binding::Binding;
use crate::wire::u32_at;
use annals_types::Position;
use annals_types::planted::{Bug, planted};

const CHECKSUM: usize = 0;
const LENGTH: usize = 4;
const BODY_CHECKSUM: usize = 8;
const FLAGS: usize = 12;
const CONTENT_TYPE: usize = 14;
const CODEC: usize = 15;
const VERSION: usize = 16;
const RECORDED_AT: usize = 24;
const STREAM_LENGTH: usize = 32;
const TYPE_LENGTH: usize = 34;

/// Length of a record's header.
pub const RECORD_HEADER_BYTES: usize = 36;

const _: () = assert!(TYPE_LENGTH + 2 == RECORD_HEADER_BYTES);

/// The body has the event's id (otherwise the id is computed).
const HAS_ID: u16 = 1 << 0;
/// The body has occurred_at (otherwise it is recorded_at).
const HAS_OCCURRED_AT: u16 = 1 << 1;
/// The body has a schema version (otherwise it is 1).
const HAS_SCHEMA_VERSION: u16 = 1 << 2;
/// The body has metadata.
const HAS_METADATA: u16 = 1 << 3;
/// The body has tags.
const HAS_TAGS: u16 = 1 << 4;
/// Data and metadata are encrypted.
const ENCRYPTED: u16 = 1 << 5;
/// The record only stands for an event that was lost to damage: it has no type, no data, no other flags, and a stream
/// only if it is known to which one the event belonged.
const LOST: u16 = 1 << 6;
/// The payload was erased: in its place stands what is left of it.
const ERASED: u16 = 1 << 7;
const FLAGS_KNOWN: u16 =
    HAS_ID | HAS_OCCURRED_AT | HAS_SCHEMA_VERSION | HAS_METADATA | HAS_TAGS | ENCRYPTED | LOST | ERASED;

/// The checksum in a record's header, as stored.
pub(crate) fn stored_checksum(record: &[u8]) -> u32 {
    u32_at(record, CHECKSUM)
}

/// The length that a record's header claims; `None` if there is no room for a header.
#[must_use]
pub fn record_length(bytes: &[u8]) -> Option<usize> {
    (bytes.len() >= RECORD_HEADER_BYTES).then(|| u32_at(bytes, LENGTH) as usize)
}

/// Reads the fixed part that the body's checksum was bound by: position first, so that a whole record of
/// another position is never taken for this one.
fn header_checksum(record: &[u8], binding: Binding, position: Position) -> u32 {
    let mut bound = [0; 8 + RECORD_HEADER_BYTES - LENGTH];
    let position = if planted(Bug::RecordNotBoundToPosition) { Position::ZERO } else { position };
    bound[..8].copy_from_slice(&position.get().to_le_bytes());
    bound[8..].copy_from_slice(&record[LENGTH..RECORD_HEADER_BYTES]);
    binding.checksum(&bound)
}
