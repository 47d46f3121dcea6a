//! Annals and other engines doing the same work with the same durability, as ratios to the raw floor.
//!
//! Each engine is a program of its own (`src/engines/`, one file each), which does one workload per process and prints its
//! figures as one line of JSON. The program `compare` runs them in turn, round by round, and makes the table and the chart
//! of what they printed. `README.md` beside this crate says what is measured and where it is unfair.

pub mod child;
pub mod data_set;
pub mod engine;
pub mod group;
pub mod layout;
pub mod measure;
pub mod probe;
pub mod report;
pub mod results;
pub mod runner;
pub mod size;
pub mod work;
pub mod workload;

/// What anything here gives back.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
