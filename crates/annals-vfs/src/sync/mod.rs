//! What threads meet at: locks, atomics, sleeping and waking, time limits, channels, threads themselves.
//!
//! The engine takes all of these from here, so that one feature puts a scheduler in their place which decides at each
//! of them who goes on, and repeats what it decided:
//!
//! - normally (`native`): the standard library, `parking_lot`, `atomic-wait`, `arc-swap` and `crossbeam-channel`, as
//!   they are; what is wrapped is inlined away;
//! - with the feature `shuttle` (`shuttled`): threads are coroutines that change places at each operation;
//! - with the feature `loom` (`loomed`): the same for what the log alone uses, with the freedom that the memory model
//!   gives to weak orderings.
//!
//! The features are for `annals-models` only: what is built with them works nowhere but inside of a model.

#[cfg(not(any(feature = "shuttle", feature = "loom")))]
mod native;
#[cfg(not(any(feature = "shuttle", feature = "loom")))]
pub use native::*;

#[cfg(feature = "shuttle")]
mod shuttled;
#[cfg(feature = "shuttle")]
pub use shuttled::*;

#[cfg(all(feature = "loom", not(feature = "shuttle")))]
mod loomed;
#[cfg(all(feature = "loom", not(feature = "shuttle")))]
pub use loomed::*;
