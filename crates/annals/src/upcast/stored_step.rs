//! Steps by rules, as a program states them and as they are stored.

use super::error::ChainError;
use super::rule::Rule;
use super::step::{Action, Step, TypeVersion};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A step of a chain of upcasters that is said by [rules](Rule): from a version of a type to another one, to several, or to
/// nothing.
///
/// ```
/// use annals::{Rule, UpcastStep};
/// let renamed = UpcastStep::of("deposited", 2).into_type("money-deposited", 1, []);
/// let two = UpcastStep::of("moved", 1)
///     .into_type("left", 1, [Rule::remove("/to")])
///     .into_type("arrived", 1, [Rule::remove("/from")]);
/// let gone = UpcastStep::dropping("heartbeat", 1);
/// # let _ = (renamed, two, gone);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UpcastStep {
    from: Place,
    into: Vec<Target>,
    #[serde(skip)]
    drops: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    #[serde(rename = "type")]
    event_type: String,
    schema_version: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    #[serde(rename = "type")]
    event_type: String,
    schema_version: u32,
    #[serde(default)]
    rules: Vec<Rule>,
}

/// The forms in which a step may be written: what is left out is the version before, and the one that is registered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    from: Option<Place>,
    rules: Option<Vec<Rule>>,
    into: Option<Vec<Target>>,
    #[serde(default)]
    drop: bool,
}

impl UpcastStep {
    /// A step from this version of a type, which leads nowhere yet.
    #[must_use]
    pub fn of(event_type: impl Into<String>, schema_version: u32) -> Self {
        let from = Place { event_type: event_type.into(), schema_version };
        UpcastStep { from, into: Vec::new(), drops: false }
    }

    /// A step that drops the events of this version of a type: they are not read any more.
    #[must_use]
    pub fn dropping(event_type: impl Into<String>, schema_version: u32) -> Self {
        UpcastStep { drops: true, ..Self::of(event_type, schema_version) }
    }

    /// To this version of a type, by rules that are applied one after the other. Said again, the event becomes several, in this
    /// order; each begins with the data that the event has.
    #[must_use]
    pub fn into_type(
        mut self,
        event_type: impl Into<String>,
        schema_version: u32,
        rules: impl IntoIterator<Item = Rule>,
    ) -> Self {
        let rules = rules.into_iter().collect();
        self.into.push(Target { event_type: event_type.into(), schema_version, rules });
        self
    }

    /// Reads the step that leads to a version of a type from JSON, in any of the forms of `docs/schema-evolution.md`: a list of
    /// rules, or an object.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_json(json: Value, event_type: &str, schema_version: u32) -> Result<Self, String> {
        let written: Written = if json.is_array() {
            let rules = serde_json::from_value(json).map_err(|error| error.to_string())?;
            Written { from: None, rules: Some(rules), into: None, drop: false }
        } else {
            serde_json::from_value(json).map_err(|error| error.to_string())?
        };
        let from = match written.from {
            Some(from) => from,
            None => match schema_version.checked_sub(1).filter(|before| *before > 0) {
                Some(before) => Place { event_type: event_type.to_owned(), schema_version: before },
                None => {
                    return Err(
                        "there is no version before 1: say \"from\" which type and version".to_owned()
                    );
                }
            },
        };
        let to_this = |rules| vec![Target { event_type: event_type.to_owned(), schema_version, rules }];
        match (written.rules, written.into, written.drop) {
            (Some(rules), None, false) => Ok(UpcastStep { from, into: to_this(rules), drops: false }),
            (None, Some(into), false) => Ok(UpcastStep { drops: into.is_empty(), from, into }),
            (None, None, true) => Ok(UpcastStep { from, into: Vec::new(), drops: true }),
            _ => Err("it needs one of \"rules\", \"into\" and \"drop\": true".to_owned()),
        }
    }

    pub(crate) fn from(&self) -> (&str, u32) {
        (&self.from.event_type, self.from.schema_version)
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.into.iter().map(|to| to.event_type.as_str())
    }

    pub(crate) fn is_drop(&self) -> bool {
        self.drops
    }

    pub(crate) fn leads_to(&self, event_type: &str, schema_version: u32) -> bool {
        let is_it = |to: &Target| to.event_type == event_type && to.schema_version == schema_version;
        self.into.iter().any(is_it)
    }

    /// The same as a step of a chain.
    pub(crate) fn compile(self) -> Result<Step, ChainError> {
        let UpcastStep { from, into, drops } = self;
        if into.is_empty() != drops {
            return Err(ChainError::NoTarget {
                event_type: from.event_type,
                schema_version: from.schema_version,
            });
        }
        let (into, rules): (_, Vec<_>) =
            into.into_iter().map(|to| (TypeVersion::new(to.event_type, to.schema_version), to.rules)).unzip();
        let from = TypeVersion::new(from.event_type, from.schema_version);
        let step = Step { from, into, action: Action::Rules(rules.into()) };
        step.check().map(|()| step)
    }
}
