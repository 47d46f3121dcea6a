//! Clauses of types and tags, and which events they mean.

use annals::{Clause, Criteria, Event};
use std::fmt;

/// Any of some clauses, each any of some types and all of some tags; without a clause, every event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Clauses(pub(crate) Vec<(Vec<String>, Vec<String>)>);

impl Clauses {
    /// Whether they mean an event.
    pub(crate) fn mean(&self, event: &Event) -> bool {
        let fits = |(types, tags): &(Vec<String>, Vec<String>)| {
            (types.is_empty() || types.contains(&event.event_type))
                && tags.iter().all(|tag| event.tags.contains(tag))
        };
        self.0.is_empty() || self.0.iter().any(fits)
    }

    /// The same for the store.
    pub(crate) fn criteria(&self) -> Criteria {
        let clause = |(types, tags): &(Vec<String>, Vec<String>)| {
            let clause = types.iter().fold(Clause::new(), Clause::of_type);
            tags.iter().fold(clause, Clause::tagged)
        };
        // What a script is made of is never refused; a clause that says nothing is not made.
        let criteria = Criteria::any_of(self.0.iter().map(clause));
        if self.0.is_empty() { Criteria::everything() } else { criteria.unwrap_or(Criteria::everything()) }
    }
}

impl fmt::Display for Clauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("any event");
        }
        let clause = |(types, tags): &(Vec<String>, Vec<String>)| format!("{types:?} with {tags:?}");
        f.write_str(&self.0.iter().map(clause).collect::<Vec<_>>().join(" or "))
    }
}
