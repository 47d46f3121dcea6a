//! The proof of what Annals promises: the engine runs on a disk, a clock and randomness that a seed decides, and is
//! crashed, failed and damaged in every way that can be thought of; a model says what the answer must be.
//!
//! Everything here can be run by users as well: `cargo run -p annals-sim -- --help`. `docs/testing.md` says which
//! suite finds which fault, and how a case that failed is run again.

mod account;
mod answers;
mod author;
mod check;
mod crashes;
mod damage;
mod dice;
mod fates;
mod faults;
pub mod fuzz;
mod model;
mod runner;
mod simulation;
mod suite;
mod watch;
mod world;

pub use crashes::Crashes;
pub use damage::Damage;
pub use dice::Dice;
pub use faults::Faults;
pub use runner::{Plan, Summary, run};
pub use simulation::{Simulation, simulate};
pub use suite::{Failure, Suite};
pub use world::{START, World};
