//! An aggregate that tells which events it was given, and in which order.

use annals::Aggregate;
use serde::{Deserialize, Serialize};

/// All numbers that have been said, in order: wrong events, or a wrong order, give another state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Said(pub(crate) Vec<u64>);

#[derive(Serialize, Deserialize)]
pub(crate) enum Saying {
    Said(u64),
}

impl Aggregate for Said {
    type Event = Saying;

    fn apply(&mut self, Saying::Said(number): Saying) {
        self.0.push(number);
    }
}
