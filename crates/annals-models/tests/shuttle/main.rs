//! Models over the engine's own code; see the crate's documentation for how they are run.

#![expect(clippy::unwrap_used, reason = "what cannot go on in a test ends it")]

mod closing;
mod commit_queue;
mod compacting;
mod deciding;
mod failing;
mod log;
mod merging;
mod store;
mod tickets;
mod waiting;
mod watermark;
mod world;
