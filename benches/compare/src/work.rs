//! The work itself: what a program of an engine does for each workload.

mod append;
mod expected;
mod open;
mod read;
mod scan;
mod tickets;

pub use append::append;
pub use expected::expected;
pub use open::{append_until_killed, open};
pub use read::read;
pub use scan::scan;
pub use tickets::{Waiting, tickets};

use std::time::Duration;

/// What is not counted, at the beginning of each measurement.
const WARM: Duration = Duration::from_millis(200);
