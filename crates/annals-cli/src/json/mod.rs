//! JSON: events as they come in and go out, and the few operations on values that the tool needs.

pub(crate) mod binary;
pub(crate) mod diff;
pub(crate) mod event_in;
pub(crate) mod event_out;
pub(crate) mod merge;
pub(crate) mod text;
