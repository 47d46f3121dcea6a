//! Which rule holds for a stream: of each limit the one of the narrowest scope that says anything of it.

use super::age::MaxAge;
use super::rule::{RetentionRule, Setting};
use super::scope::ScopeKind;

/// A limit, and the kind of scope whose rule says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InScope<T> {
    /// The limit.
    pub limit: T,
    /// Where it comes from.
    pub scope: ScopeKind,
}

/// The limits that hold for one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effective {
    /// How old its events may become.
    pub max_age: Option<InScope<MaxAge>>,
    /// How many of its events stay.
    pub max_count: Option<InScope<u64>>,
    /// How many bytes of it stay. From the rule of the store: of all segments together.
    pub max_bytes: Option<InScope<u64>>,
}

/// What holds for a stream, by its own rule, that of its category and that of the store.
///
/// ```
/// use annals_compaction::{RetentionRule, ScopeKind, effective};
/// let store = RetentionRule::new().max_count(10).max_bytes(1 << 30);
/// let category = RetentionRule::new().max_count(100);
/// let stream = RetentionRule::new().keep_bytes();
/// let holds = effective(Some(&stream), Some(&category), Some(&store));
/// let count = holds.max_count.ok_or("there is a limit")?;
/// assert_eq!((count.limit, count.scope), (100, ScopeKind::Category));
/// assert_eq!(holds.max_bytes, None);
/// # Ok::<(), &str>(())
/// ```
#[must_use]
pub fn effective(
    stream: Option<&RetentionRule>,
    category: Option<&RetentionRule>,
    store: Option<&RetentionRule>,
) -> Effective {
    let rules = [(ScopeKind::Stream, stream), (ScopeKind::Category, category), (ScopeKind::Store, store)];
    let rules = rules.into_iter().filter_map(|(scope, rule)| Some((scope, rule?)));
    Effective {
        max_age: narrowest(rules.clone().map(|(scope, rule)| (scope, rule.max_age))),
        max_count: narrowest(rules.clone().map(|(scope, rule)| (scope, rule.max_count))),
        max_bytes: narrowest(rules.map(|(scope, rule)| (scope, rule.max_bytes))),
    }
}

/// The first setting that says anything, if that is a limit.
fn narrowest<T: Copy>(settings: impl Iterator<Item = (ScopeKind, Setting<T>)>) -> Option<InScope<T>> {
    for (scope, setting) in settings {
        match setting {
            Setting::Inherit => {}
            Setting::Keep => return None,
            Setting::Limit(limit) => return Some(InScope { limit, scope }),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_scope_that_says_anything_wins_field_by_field() {
        let store = RetentionRule::new().max_count(1).max_bytes(2);
        let category = RetentionRule::new().keep_count();
        let stream = RetentionRule::new().max_count(3);
        let count = |stream, category, store| {
            effective(stream, category, store).max_count.map(|count| (count.limit, count.scope))
        };
        assert_eq!(count(None, None, Some(&store)), Some((1, ScopeKind::Store)));
        assert_eq!(count(None, Some(&category), Some(&store)), None, "keep exempts");
        assert_eq!(count(Some(&stream), Some(&category), Some(&store)), Some((3, ScopeKind::Stream)));
        let holds = effective(Some(&stream), Some(&category), Some(&store));
        assert_eq!(holds.max_bytes.map(|bytes| bytes.scope), Some(ScopeKind::Store), "each field by itself");
        assert_eq!(effective(None, None, None), Effective::default());
    }
}
