//! The bytes on disk: locked, damaged in every place, moved to where they do not belong.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should end it")]

mod absurd;
mod builder;
mod common;
mod flips;
mod golden;
mod keys;
mod lost;
mod names;
mod offsets;
mod payloads;
mod places;
mod round_trips;
mod snapshots;
