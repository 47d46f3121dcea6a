//! The store among real files, real processes and real limits of the system.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should end it")]

mod calls;
mod child;
mod clock;
mod collisions;
mod copies;
mod ends;
mod full_disk;
mod golden;
mod kills;
mod kills_compacting;
mod leaks;
mod limits;
mod order;
mod panics;
mod permissions;
mod races;
mod recording;
mod witness;
