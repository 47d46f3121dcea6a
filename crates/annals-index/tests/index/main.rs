//! The two forms of the index against a model, and against damage.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should end it")]

mod agreement;
mod damage;
mod filters;
mod golden;
mod merging;
mod model;
mod part;
mod windows;
