//! From the types that a query means to those under which such events may be stored.

use super::chain::Chain;
use crate::criteria::Criteria;
use crate::query::Query;
use std::sync::Arc;

/// The query whose events may become those that are meant. Its limit is none: how many there will be is not known before.
pub(crate) fn widen(query: &Query, chain: &Chain) -> Query {
    let mut wide = query.clone().limit(u64::MAX);
    wide.types =
        stored(query.types.iter().map(String::as_str), chain).iter().map(ToString::to_string).collect();
    wide.criteria = query.criteria.as_ref().map(|criteria| {
        criteria.with_types(|types| {
            stored(types.iter().map(|name| &**name), chain).iter().map(|name| Box::from(&**name)).collect()
        })
    });
    wide
}

/// Whether a query means types, so that what its events become has to be looked at.
pub(crate) fn names_types(query: &Query) -> bool {
    !query.types.is_empty() || query.criteria.as_ref().is_some_and(Criteria::names_types)
}

fn stored<'n>(names: impl Iterator<Item = &'n str>, chain: &Chain) -> Vec<Arc<str>> {
    let mut types: Vec<_> = names.flat_map(|name| chain.stored_types(name)).collect();
    types.sort_unstable();
    types.dedup();
    types
}
