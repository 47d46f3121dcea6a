//! What becomes of each event of segments that are written anew.

use crate::error::ReadError;
use crate::retention::Departed;
use annals_types::{Erasure, EventRef};

/// What becomes of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Stays,
    Goes(Departed),
    Erased { erasure: Erasure, keep_tags: bool },
}

/// Says it of events, in the order of their positions.
pub(crate) trait Fates {
    /// # Errors
    /// That it cannot be found out; then nothing is done.
    fn of(&mut self, event: &EventRef<'_>) -> Result<Fate, ReadError>;
}
