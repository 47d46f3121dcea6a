//! Events in the newest version of their schemas, whatever version they were stored in.
//!
//! Steps ([`step`]) in code or by rules ([`rule`]) make a chain ([`chain`]); an event walks it to its end ([`walk`]), and a query is
//! widened to the types that may get there ([`widen`]).
//!
//! Not here: which steps are registered in the store ([`schema`](crate::schema)).

mod chain;
mod convert;
mod error;
mod event;
mod payload;
mod pointer;
mod reading;
mod rule;
mod step;
mod stored_step;
mod upcasters;
mod walk;
mod widen;

pub use convert::FieldType;
pub use error::{ChainError, UpcastError};
pub use event::UpcastEvent;
pub use payload::{NotJson, Outcome, Payload, UpcastData};
pub use reading::UpcastEvents;
pub use rule::Rule;
pub use stored_step::UpcastStep;
pub use upcasters::{Upcasters, UpcastersBuilder};

pub(crate) use chain::Chain;
pub(crate) use pointer::escape;
pub(crate) use reading::{Upcasting, upcast_one};
pub(crate) use step::TypeVersion;
pub(crate) use walk::Walked;
