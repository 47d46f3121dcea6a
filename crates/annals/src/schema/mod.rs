//! What is registered in the store about the schemas of its events.
//!
//! Registrations ([`registration`]) are events of a system stream ([`system`]). What they come to ([`registry`]) is read when it is
//! needed ([`shared`]); appends are compared with it ([`appending`]). Before something is registered ([`register`]), its schema is compared
//! with the one before ([`compare`]), and the history is tried ([`dry_run`]).

mod appending;
mod compare;
mod dry_run;
mod error;
mod register;
mod registration;
mod registry;
mod shared;
pub(crate) mod system;
mod validator;

pub use dry_run::{DryRun, DryRunFailure};
pub use error::{Difference, SchemaError, SchemaViolation};
pub use register::{Registered, RegisteredSchema};
pub use registration::{Compatibility, Registration};

pub(crate) use appending::Checked;
pub(crate) use registration::SYSTEM_PREFIX;
pub(crate) use registry::Registry;
pub(crate) use shared::Schemas;
