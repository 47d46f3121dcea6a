//! Models of where threads meet in Annals: small programs over the engine's own code, run under a scheduler that decides
//! at each lock, atomic, wait and call of the disk who goes on, and tries thousands of such orders.
//!
//! - `tests/shuttle`: the commit queue, the watermark, the log, and the whole store with its worker, over a disk in
//!   memory. `cargo test -p annals-models --features shuttle --test shuttle`
//! - `tests/loom.rs`: the watermark and the table of offsets, with the freedom that the memory model gives to weak
//!   orderings. `cargo test -p annals-models --features loom --test loom --release`
//!
//! `cargo test --workspace` runs both by way of `annals-sim`, in a target directory of their own: the features change
//! what all of the engine is built of.
//!
//! # How far, and again
//! - `ANNALS_ITERATIONS=100000`: so many orders of each model, instead of the number in its test.
//! - `ANNALS_SEED=7`: others than those of every day.
//! - `ANNALS_SCHEDULE=...`: the one order that a failure has printed, for the one test that is named on the command line.

#[cfg(feature = "shuttle")]
mod disk;
#[cfg(feature = "shuttle")]
mod explore;

#[cfg(feature = "shuttle")]
pub use disk::ScheduledDisk;
#[cfg(feature = "shuttle")]
pub use explore::{explore, switch};
