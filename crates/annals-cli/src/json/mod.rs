//! JSON: events as they come in and go out, and texts that are passed on as they are.

pub(crate) mod binary;
pub(crate) mod erased;
pub(crate) mod event_in;
pub(crate) mod event_out;
mod key;
pub(crate) mod text;
