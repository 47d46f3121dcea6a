//! What is registered in the store about the schemas of its events.

mod shared;

pub(crate) use shared::Schemas;
