//! Which events are meant, by type and tags: for reads, and for the conditions of appends.

use annals_types::limits::CRITERIA_TERMS_MAX;
use annals_types::{EventRef, Invalid, check_event_type, check_tag};
use hashbrown::HashMap;
use std::sync::Arc;

/// Events of any of some types that have all of some tags.
///
/// ```
/// use annals::Clause;
/// let clause = Clause::new().of_type("enrolled").of_type("left").tagged("course:7").tagged("student:3");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clause {
    types: Vec<String>,
    tags: Vec<String>,
}

impl Clause {
    /// Nothing said yet. Without types, events of every type are meant; without tags, events with and without any.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Events of this type; said again, of any of the types.
    #[must_use]
    pub fn of_type(mut self, event_type: impl Into<String>) -> Self {
        self.types.push(event_type.into());
        self
    }

    /// Events with this tag; said again, with all of the tags.
    #[must_use]
    pub fn tagged(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }
}

/// Events that fit any of some clauses. Checked when they are made; cheap to clone.
///
/// ```
/// use annals::{Clause, Criteria};
/// let enrolments = Criteria::any_of([
///     Clause::new().of_type("course opened").tagged("course:7"),
///     Clause::new().of_type("enrolled").of_type("left").tagged("course:7").tagged("student:3"),
/// ])?;
/// assert!(Criteria::any_of([Clause::new()]).is_err(), "a clause that says nothing would mean every event");
/// # Ok::<(), annals::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criteria(Option<Arc<Compiled>>);

/// Clauses in a form that is quick to match against, however many there are.
#[derive(Debug)]
struct Compiled {
    /// In the order of their tags, no two with the same ones. Those without tags, if any, are the first.
    clauses: Vec<Sorted>,
    /// The clauses with tags, each under the one of its tags that the fewest clauses have.
    by_tag: HashMap<Box<str>, Vec<u32>, foldhash::quality::RandomState>,
    terms: usize,
}

/// A clause whose names ascend, each once.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sorted {
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) types: Vec<Box<str>>,
}

impl Criteria {
    /// Events that fit at least one of the clauses.
    ///
    /// # Errors
    /// [`Invalid::CriteriaEmpty`] without clauses; [`Invalid::ClauseEmpty`] if a clause says nothing, see
    /// [`Criteria::everything`]; [`Invalid::EventType`] and [`Invalid::Tag`] for names that no event can have;
    /// [`Invalid::CriteriaTerms`] if the clauses have more than 65,536 types and tags together.
    pub fn any_of(clauses: impl IntoIterator<Item = Clause>) -> Result<Self, Invalid> {
        let (mut sorted, mut terms) = (Vec::new(), 0);
        for (index, clause) in clauses.into_iter().enumerate() {
            if clause.types.is_empty() && clause.tags.is_empty() {
                return Err(Invalid::ClauseEmpty { clause: index });
            }
            clause.types.iter().try_for_each(|name| check_event_type(name))?;
            clause.tags.iter().try_for_each(|name| check_tag(name))?;
            terms += clause.types.len() + clause.tags.len();
            sorted.push(Sorted { tags: ascending(clause.tags), types: ascending(clause.types) });
        }
        if sorted.is_empty() {
            return Err(Invalid::CriteriaEmpty);
        }
        check_terms(terms)?;
        Ok(Criteria(Some(Arc::new(Compiled::new(sorted, terms)))))
    }

    /// Every event.
    #[must_use]
    pub fn everything() -> Self {
        Criteria(None)
    }

    /// The clauses, none of them empty; `None` if everything is meant.
    pub(crate) fn clauses(&self) -> Option<&[Sorted]> {
        self.0.as_deref().map(|compiled| compiled.clauses.as_slice())
    }

    /// Whether any clause names types.
    pub(crate) fn names_types(&self) -> bool {
        self.clauses().is_some_and(|clauses| clauses.iter().any(|clause| !clause.types.is_empty()))
    }

    /// The same with other types in the clauses that name some. The limit of terms is not looked at.
    pub(crate) fn with_types(&self, change: impl Fn(&[Box<str>]) -> Vec<Box<str>>) -> Self {
        let Some(clauses) = self.clauses() else { return Criteria(None) };
        let change = |clause: &Sorted| {
            let types = if clause.types.is_empty() { Vec::new() } else { change(&clause.types) };
            Sorted { tags: clause.tags.clone(), types }
        };
        let changed: Vec<_> = clauses.iter().map(change).collect();
        let terms = changed.iter().map(|clause| clause.types.len() + clause.tags.len()).sum();
        Criteria(Some(Arc::new(Compiled::new(changed, terms))))
    }

    /// How many types and tags it names.
    pub(crate) fn terms(&self) -> usize {
        self.0.as_ref().map_or(0, |compiled| compiled.terms)
    }

    /// Whether an event is meant. A lost one never is: nothing is known of it.
    pub(crate) fn matches(&self, event: &EventRef<'_>) -> bool {
        !event.is_lost() && self.0.as_ref().is_none_or(|compiled| compiled.matches(event))
    }
}

pub(crate) fn check_terms(terms: usize) -> Result<(), Invalid> {
    if terms > CRITERIA_TERMS_MAX { Err(Invalid::CriteriaTerms { terms }) } else { Ok(()) }
}

impl Compiled {
    fn new(mut clauses: Vec<Sorted>, terms: usize) -> Self {
        clauses.sort_unstable();
        clauses.dedup_by(|next, kept| {
            if next.tags != kept.tags {
                return false;
            }
            // Without types, any will do.
            if next.types.is_empty() || kept.types.is_empty() {
                kept.types.clear();
            } else {
                kept.types.append(&mut next.types);
            }
            true
        });
        for clause in &mut clauses {
            clause.types.sort_unstable();
            clause.types.dedup();
        }
        let by_tag = by_rarest_tag(&clauses);
        Compiled { clauses, by_tag, terms }
    }

    fn matches(&self, event: &EventRef<'_>) -> bool {
        let untagged = self.clauses.first().filter(|clause| clause.tags.is_empty());
        untagged.is_some_and(|clause| clause.matches(event))
            || event.tags.iter().any(|tag| {
                let under = self.by_tag.get(tag).map(Vec::as_slice).unwrap_or_default();
                under.iter().any(|clause| self.clauses[*clause as usize].matches(event))
            })
    }
}

/// Made from the clauses alone.
impl PartialEq for Compiled {
    fn eq(&self, other: &Self) -> bool {
        self.clauses == other.clauses
    }
}

impl Eq for Compiled {}

impl Sorted {
    fn matches(&self, event: &EventRef<'_>) -> bool {
        (self.types.is_empty() || self.types.binary_search_by(|own| (**own).cmp(event.event_type)).is_ok())
            && self.tags.iter().all(|tag| event.tags.contains(tag))
    }
}

/// An event is compared with the clauses under its tags, so no clause should lie under a tag that many have.
fn by_rarest_tag(clauses: &[Sorted]) -> HashMap<Box<str>, Vec<u32>, foldhash::quality::RandomState> {
    let mut uses: HashMap<&str, u32, foldhash::quality::RandomState> = HashMap::default();
    for tag in clauses.iter().flat_map(|clause| &clause.tags) {
        *uses.entry(tag).or_default() += 1;
    }
    let mut by_tag: HashMap<Box<str>, Vec<u32>, _> = HashMap::default();
    for (clause, index) in clauses.iter().zip(0..) {
        if let Some(rarest) = clause.tags.iter().min_by_key(|tag| uses.get(&***tag)) {
            by_tag.entry(rarest.clone()).or_default().push(index);
        }
    }
    by_tag
}

fn ascending(names: Vec<String>) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = names.into_iter().map(String::into_boxed_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(types: &[&str], tags: &[&str]) -> Clause {
        let clause = types.iter().fold(Clause::new(), |clause, name| clause.of_type(*name));
        tags.iter().fold(clause, |clause, name| clause.tagged(*name))
    }

    #[test]
    fn clauses_with_the_same_tags_become_one() {
        let many = Criteria::any_of([
            clause(&["c"], &["x", "y"]),
            clause(&["a", "b", "a"], &["y", "x", "x"]),
            clause(&["b"], &["x"]),
            clause(&[], &["x"]),
            clause(&["t"], &[]),
        ]);
        let few = [clause(&["t"], &[]), clause(&[], &["x"]), clause(&["a", "b", "c"], &["x", "y"])];
        assert_eq!(many, Criteria::any_of(few));
        assert_eq!(many.unwrap().clauses().unwrap().len(), 3);
    }

    #[test]
    fn no_clause_lies_under_a_tag_that_all_have() {
        let all = (0..1000).map(|number| clause(&["t"], &["a", &format!("x:{number}")]));
        let criteria = Criteria::any_of(all).unwrap();
        let most = criteria.0.unwrap().by_tag.values().map(Vec::len).max();
        assert_eq!(most, Some(1));
    }
}
