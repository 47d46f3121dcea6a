//! One step of a chain: from one version of a type to the next, or to other types.

use super::error::ChainError;
use super::payload::{BoxError, Content, Outcome, Payload};
use super::rule::Rule;
use annals_types::{ContentType, check_event_type};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a type of the store's own begins with, and a stream.
pub(crate) const SYSTEM_PREFIX: &str = "$annals.";

/// A version of a type's schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TypeVersion {
    pub(crate) event_type: Arc<str>,
    pub(crate) schema_version: u32,
}

impl TypeVersion {
    pub(crate) fn new(event_type: impl Into<Arc<str>>, schema_version: u32) -> Self {
        TypeVersion { event_type: event_type.into(), schema_version }
    }
}

impl fmt::Display for TypeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} of {:?}", self.schema_version, self.event_type)
    }
}

pub(crate) type Upcaster = dyn Fn(Payload<'_>) -> Result<Outcome, BoxError> + Send + Sync;

/// A step, with what it does.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) from: TypeVersion,
    /// All that it may lead to; none if it drops events.
    pub(crate) into: Vec<TypeVersion>,
    pub(crate) action: Action,
}

#[derive(Clone)]
pub(crate) enum Action {
    Code(Arc<Upcaster>),
    /// The rules for each of what it leads to.
    Rules(Arc<[Vec<Rule>]>),
}

impl Step {
    /// Whether it can be a step of any chain.
    pub(crate) fn check(&self) -> Result<(), ChainError> {
        let Step { from, into, action } = self;
        let (event_type, schema_version) = (from.event_type.to_string(), from.schema_version);
        for name in into.iter().chain([from]).map(|of| &*of.event_type) {
            check_event_type(name)?;
            if name.starts_with(SYSTEM_PREFIX) {
                return Err(ChainError::System { event_type: name.to_owned() });
            }
        }
        for (index, to) in into.iter().enumerate() {
            if to.event_type == from.event_type && Some(to.schema_version) != schema_version.checked_add(1) {
                return Err(ChainError::NotNext { event_type, schema_version, to: to.schema_version });
            }
            if into[..index].iter().any(|other| other.event_type == to.event_type) {
                return Err(ChainError::SameTarget {
                    event_type,
                    schema_version,
                    to: to.event_type.to_string(),
                });
            }
        }
        let Action::Rules(rules) = action else { return Ok(()) };
        for (rule, stated) in rules.iter().flatten().enumerate() {
            stated.check().map_err(|reason| ChainError::Rule {
                event_type: event_type.clone(),
                schema_version,
                rule,
                reason,
            })?;
        }
        Ok(())
    }

    /// What becomes of an event, in order. A panic of the caller's code is an error like any other.
    pub(crate) fn apply<'e>(&self, payload: Payload<'e>) -> Result<Vec<Payload<'e>>, String> {
        let stored = payload.stored;
        match &self.action {
            Action::Rules(rules) => self.by_rules(payload, rules),
            Action::Code(upcaster) => {
                let outcome = catch_unwind(AssertUnwindSafe(|| upcaster(payload)));
                let outcome = outcome.map_err(|panic| format!("the upcaster panicked: {}", said(&*panic)))?;
                let parts = outcome.map_err(|error| chain_of(&*error))?.0.into_iter();
                let part = |(event_type, data): (Option<String>, super::UpcastData)| {
                    let to = self.target(event_type.as_deref())?;
                    Ok(Payload::of(stored, to, data.0))
                };
                parts.map(part).collect()
            }
        }
    }

    fn by_rules<'e>(&self, payload: Payload<'e>, rules: &[Vec<Rule>]) -> Result<Vec<Payload<'e>>, String> {
        let stored = payload.stored;
        if rules.iter().all(Vec::is_empty) {
            // Only the name is another one: the bytes are kept, whatever they are.
            let content = payload.content;
            return Ok(self.into.iter().map(|to| Payload::of(stored, to, content.clone())).collect());
        }
        let empty = matches!(&payload.content, Content::Bytes(_, bytes) if bytes.is_empty());
        let data = payload.into_json().map_err(|error| error.to_string())?;
        let mut parts = Vec::with_capacity(self.into.len());
        for (to, rules) in self.into.iter().zip(rules) {
            let mut data = data.clone();
            rules.iter().try_for_each(|rule| rule.apply(&mut data))?;
            let content = match data {
                // There were none, and there are none.
                Value::Null if empty => Content::Bytes(ContentType::JSON, Cow::Borrowed(&[])),
                data => Content::Json(data),
            };
            parts.push(Payload::of(stored, to, content));
        }
        Ok(parts)
    }

    fn target(&self, event_type: Option<&str>) -> Result<&TypeVersion, String> {
        match (event_type, self.into.as_slice()) {
            (None, [to]) => Ok(to),
            (None, into) => {
                Err(format!("the upcaster does not say which of {} types the event becomes", into.len()))
            }
            (Some(named), into) => into
                .iter()
                .find(|to| &*to.event_type == named)
                .ok_or_else(|| format!("the upcaster makes it {named:?}, which the step does not lead to")),
        }
    }
}

impl<'e> Payload<'e> {
    fn of(stored: &'e annals_types::EventRef<'e>, to: &TypeVersion, content: Content<'e>) -> Self {
        let (event_type, schema_version) = (Cow::Owned(to.event_type.to_string()), to.schema_version);
        Payload { stored, event_type, schema_version, content }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match &self.action {
            Action::Code(_) => "code",
            Action::Rules(_) => "rules",
        };
        write!(f, "{} to {:?} by {action}", self.from, self.into)
    }
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or(panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}

/// An error and its causes.
fn chain_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}
