//! All steps of all types together: a graph without cycles, in which every version leads on or is an end.

use super::error::ChainError;
use super::step::{Step, TypeVersion};
use hashbrown::{HashMap, HashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// The versions of all types that steps lead from or to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    types: HashMap<Arc<str>, Versions, foldhash::quality::RandomState>,
    /// Whether any event can be changed, or be an error.
    acts: bool,
    /// Why nothing can be said of any type.
    broken: Option<Arc<str>>,
    /// From where steps lead to a version.
    before: HashMap<TypeVersion, Vec<TypeVersion>, foldhash::quality::RandomState>,
}

/// The versions of a type.
#[derive(Clone, Debug, Default)]
struct Versions {
    nodes: BTreeMap<u32, Node>,
    /// Whether any step leads from or to it: otherwise its events pass at any version.
    chained: bool,
    /// Why nothing can be said of it.
    broken: Option<Arc<str>>,
}

/// A version of a type.
#[derive(Clone, Debug, Default)]
struct Node {
    step: Option<Arc<Step>>,
    /// Registered without rules: what has the version before needs none.
    plain: bool,
}

/// What there is to do with an event.
pub(crate) enum Next<'c> {
    /// Nothing: it is what it is to be.
    Ends,
    Step(&'c Arc<Step>),
}

impl Chain {
    /// Whether all events pass as they are.
    pub(crate) fn is_idle(&self) -> bool {
        !self.acts
    }

    /// Adds a step. The chain is as before if that is an error. Gaps are not looked for: see [`Chain::check_gaps`].
    pub(crate) fn add(&mut self, step: Step) -> Result<(), ChainError> {
        step.check()?;
        let TypeVersion { event_type, schema_version } = step.from.clone();
        if self.step(&step.from).is_some() {
            return Err(ChainError::Twice { event_type: event_type.to_string(), schema_version });
        }
        if self.leads_to(&step.into, &step.from) {
            return Err(ChainError::Cycle { event_type: event_type.to_string(), schema_version });
        }
        self.acts = true;
        let step = Arc::new(step);
        for to in &step.into {
            let versions = self.types.entry(Arc::clone(&to.event_type)).or_default();
            versions.chained = true;
            versions.nodes.entry(to.schema_version).or_default();
            self.before.entry(to.clone()).or_default().push(step.from.clone());
        }
        let versions = self.types.entry(event_type).or_default();
        versions.chained = true;
        versions.nodes.entry(schema_version).or_default().step = Some(step);
        Ok(())
    }

    /// Notes a version without a step to it.
    pub(crate) fn add_plain(&mut self, of: &TypeVersion) {
        let versions = self.types.entry(Arc::clone(&of.event_type)).or_default();
        versions.nodes.entry(of.schema_version).or_default().plain = true;
    }

    /// Notes a version that a step leads to, or drops events before.
    pub(crate) fn add_known(&mut self, of: &TypeVersion) {
        let versions = self.types.entry(Arc::clone(&of.event_type)).or_default();
        versions.nodes.entry(of.schema_version).or_default();
    }

    /// Nothing can be said of the events of a type any more.
    pub(crate) fn break_type(&mut self, event_type: &str, reason: &str) {
        self.acts = true;
        let versions = self.types.entry(event_type.into()).or_default();
        versions.broken.get_or_insert_with(|| reason.into());
    }

    /// Nothing can be said of any events any more.
    pub(crate) fn break_all(&mut self, reason: &str) {
        self.acts = true;
        self.broken.get_or_insert_with(|| reason.into());
    }

    /// Whether all versions of a type, but for the last one, lead on.
    pub(crate) fn check_gaps(&self, event_type: &str) -> Result<(), ChainError> {
        let Some(versions) = self.types.get(event_type) else { return Ok(()) };
        let mut nodes = versions.nodes.iter().peekable();
        while let Some((version, node)) = nodes.next() {
            let leads_on = node.step.is_some();
            if let Some((next, following)) = nodes.peek()
                && !leads_on
                && !following.plain
            {
                let (event_type, schema_version) = (event_type.to_owned(), *version);
                return Err(ChainError::Gap { event_type, schema_version, next: **next });
            }
        }
        Ok(())
    }

    pub(crate) fn types(&self) -> impl Iterator<Item = &Arc<str>> {
        self.types.keys()
    }

    pub(crate) fn step(&self, of: &TypeVersion) -> Option<&Arc<Step>> {
        self.types.get(&*of.event_type)?.nodes.get(&of.schema_version)?.step.as_ref()
    }

    /// Whether a version of a type is known.
    pub(crate) fn knows(&self, event_type: &str, schema_version: u32) -> bool {
        self.types.get(event_type).is_some_and(|versions| versions.nodes.contains_key(&schema_version))
    }

    /// The first and the last version of a type that are known.
    pub(crate) fn bounds(&self, event_type: &str) -> Option<(u32, u32)> {
        let nodes = &self.types.get(event_type)?.nodes;
        Some((*nodes.first_key_value()?.0, *nodes.last_key_value()?.0))
    }

    /// What there is to do with an event of a type and version.
    #[inline]
    pub(crate) fn next(&self, event_type: &str, schema_version: u32) -> Result<Next<'_>, String> {
        if let Some(reason) = &self.broken {
            return Err(reason.to_string());
        }
        let Some(versions) = self.types.get(event_type) else { return Ok(Next::Ends) };
        versions.next(event_type, schema_version)
    }

    /// The types of which events may be stored that become events of this type, itself included.
    pub(crate) fn stored_types(&self, event_type: &str) -> BTreeSet<Arc<str>> {
        let mut found = BTreeSet::from([Arc::from(event_type)]);
        let mut seen: HashSet<TypeVersion, foldhash::quality::RandomState> = HashSet::default();
        let Some(versions) = self.types.get(event_type) else { return found };
        let name: Arc<str> = event_type.into();
        let mut open: Vec<_> =
            versions.nodes.keys().map(|version| TypeVersion::new(Arc::clone(&name), *version)).collect();
        while let Some(reached) = open.pop() {
            if seen.insert(reached.clone()) {
                open.extend(self.before.get(&reached).into_iter().flatten().cloned());
                found.insert(reached.event_type);
            }
        }
        found
    }

    /// Whether steps lead from any of some versions to another one.
    fn leads_to(&self, from: &[TypeVersion], to: &TypeVersion) -> bool {
        let mut seen: HashSet<&TypeVersion, foldhash::quality::RandomState> = HashSet::default();
        let mut open: Vec<_> = from.iter().collect();
        while let Some(reached) = open.pop() {
            if reached == to {
                return true;
            }
            if seen.insert(reached)
                && let Some(step) = self.step(reached)
            {
                open.extend(&step.into);
            }
        }
        false
    }
}

impl Versions {
    fn next(&self, event_type: &str, schema_version: u32) -> Result<Next<'_>, String> {
        if let Some(reason) = &self.broken {
            return Err(reason.to_string());
        }
        match self.nodes.get(&schema_version) {
            Some(Node { step: Some(step), .. }) => Ok(Next::Step(step)),
            Some(_) => Ok(Next::Ends),
            None if !self.chained => Ok(Next::Ends),
            None => Err(self.unknown(event_type, schema_version)),
        }
    }

    fn unknown(&self, event_type: &str, schema_version: u32) -> String {
        match self.nodes.range((Bound::Excluded(schema_version), Bound::Unbounded)).next() {
            Some(_) => format!(
                "no upcaster leads from version {schema_version} of {event_type:?} on; open the store with one"
            ),
            None => {
                let last = self.nodes.last_key_value().map_or(0, |(last, _)| *last);
                format!(
                    "it was written by a newer program: version {last} of {event_type:?} is the newest that is known here"
                )
            }
        }
    }
}
