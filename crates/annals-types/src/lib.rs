//! The words of the Annals domain: positions, versions, names, events, expectations.
//!
//! Everything here is a plain value: no input or output, no clock, no randomness. Each word is
//! defined once, in `docs/glossary.md`; limits stand together in [`limits`].

mod buffer;
mod content;
mod event;
mod expected;
pub mod limits;
mod name;
mod numbers;
mod payload;
#[doc(hidden)]
pub mod planted;
mod time;

pub use buffer::PayloadBuffer;
pub use content::ContentType;
pub use event::{Event, EventRef, Invalid, NewEvent, Tags};
pub use expected::{Conflict, Expected};
pub use name::{StreamName, category_of, check_event_type, check_stream_name, check_tag};
pub use numbers::{Position, Version};
pub use payload::{
    Compression, ERASURE_BYTES, Erasure, PayloadError, PayloadReader, PayloadRef, PlainPayload, ReadPayload,
};
pub use time::{Clock, Timestamp, TimestampOutOfRange};
pub use uuid::Uuid;
