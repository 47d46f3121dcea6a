//! Snapshots over disks of all kinds: what is put is found, over crashes, failures, damage and merges.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should end it")]

mod common;
mod crashes;
mod damage;
mod faults;
mod files;
mod finding;
mod model;
mod pruning;
mod salvage;
mod threads;
