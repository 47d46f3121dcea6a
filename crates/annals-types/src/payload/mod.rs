//! The payload of a stored event, its data and metadata: as it is in the log, and as it is read.
//!
//! Most payloads are plain, and are borrowed from the log. The others have to be made first (decompressed, decrypted), which
//! happens when somebody asks for them; or they cannot be had any more, which is then a typed error. So an event can be found,
//! counted and shown whatever became of its payload.

mod erasure;
mod error;
mod reader;
mod stored;

pub use erasure::{ERASURE_BYTES, Erasure};
pub use error::PayloadError;
pub use reader::{PayloadReader, PlainPayload, ReadPayload};
pub use stored::PayloadRef;

/// How payloads are stored in a segment that is written anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// As they are.
    None,
    /// Each by itself as a block of LZ4, with a dictionary of its segment, unless that would make it longer.
    #[default]
    Lz4,
}
