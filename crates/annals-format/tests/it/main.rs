//! The bytes on disk: locked, damaged in every place, moved to where they do not belong.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should end it")]

mod absurd;
mod archives;
mod backups;
mod builder;
mod common;
mod compacted;
mod flips;
mod golden;
mod golden_sparse;
mod kept;
mod keys;
mod lost;
mod names;
mod offsets;
mod payloads;
mod places;
mod round_trips;
mod snapshots;
mod stretches;
