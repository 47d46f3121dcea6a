//! A registration: what the store is told of one version of an event type.

use super::error::SchemaError;
use crate::upcast::UpcastStep;
use annals_types::check_event_type;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// What types and streams of the store's own begin with.
pub(crate) const SYSTEM_PREFIX: &str = "$annals.";
/// Most bytes that a registration takes as JSON: all of them are kept in memory.
const BYTES_MAX: usize = 1 << 20;

/// Which data have to be valid under which schema, when a version of a type is registered behind another one. The modes are
/// those of Confluent's Schema Registry, against the version before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Compatibility {
    /// Nothing is compared. The default.
    #[default]
    None,
    /// Data of the version before are valid under the new schema: readers may be brought to the new version first.
    ///
    /// Where rules lead from the version before, they are what makes its data valid, which the dry run looks at, and schemas are
    /// not compared in this direction.
    Backward,
    /// Data of the new version are valid under the schema before: writers may be brought to the new version first.
    Forward,
    /// Both.
    Full,
}

impl Compatibility {
    const ALL: [Compatibility; 4] =
        [Compatibility::None, Compatibility::Backward, Compatibility::Forward, Compatibility::Full];

    pub(crate) fn is_backward(self) -> bool {
        matches!(self, Compatibility::Backward | Compatibility::Full)
    }

    pub(crate) fn is_forward(self) -> bool {
        matches!(self, Compatibility::Forward | Compatibility::Full)
    }
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compatibility::None => "none",
            Compatibility::Backward => "backward",
            Compatibility::Forward => "forward",
            Compatibility::Full => "full",
        })
    }
}

impl FromStr for Compatibility {
    type Err = SchemaError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|mode| mode.to_string() == name).ok_or_else(|| {
            SchemaError::Invalid(format!("{name:?} is no mode; there are none, backward, forward and full"))
        })
    }
}

/// What a store is told of one version of an event type: what its data look like, and how events of other versions become such
/// events. Given to [`Store::register_schema`](crate::Store::register_schema).
///
/// ```
/// use annals::{Compatibility, Registration, Rule, UpcastStep, serde_json::json};
/// let registration = Registration::new("deposited", 2)
///     .schema(json!({"type": "object", "required": ["cents"], "properties": {"cents": {"type": "integer"}}}))
///     .upcast(UpcastStep::of("deposited", 1).into_type("deposited", 2, [Rule::move_field("/amount", "/cents")]))
///     .compatibility(Compatibility::Backward)
///     .description("cents instead of an amount");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    pub(crate) event_type: String,
    pub(crate) schema_version: u32,
    pub(crate) schema: Option<Value>,
    pub(crate) upcast: Option<UpcastStep>,
    pub(crate) compatibility: Compatibility,
    pub(crate) description: Option<String>,
}

/// A registration as JSON: the data of an event in the stream `$annals.schemas`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "type")]
    event_type: String,
    schema_version: u32,
    #[serde(default)]
    compatibility: Compatibility,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upcast: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<Value>,
}

impl Registration {
    /// Of this version of a type. Without more, it says that there is such a version and that data of the version before need no
    /// change.
    #[must_use]
    pub fn new(event_type: impl Into<String>, schema_version: u32) -> Self {
        Registration {
            event_type: event_type.into(),
            schema_version,
            schema: None,
            upcast: None,
            compatibility: Compatibility::None,
            description: None,
        }
    }

    /// What the data look like: a JSON Schema. Every event of this type and version that is appended from then on has to be valid
    /// under it. It may refer to itself (`"$ref": "#/$defs/..."`), and to nothing else.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<Value>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// The step that leads to this version: from the version before, or from another type.
    #[must_use]
    pub fn upcast(mut self, step: UpcastStep) -> Self {
        self.upcast = Some(step);
        self
    }

    /// How the schema has to fit the one of the version before. Default: [`Compatibility::None`].
    #[must_use]
    pub fn compatibility(mut self, mode: Compatibility) -> Self {
        self.compatibility = mode;
        self
    }

    /// What there is to know about it, for people.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// The event type.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The version of its schema.
    #[must_use]
    pub fn schema_version(&self) -> u32 {
        self.schema_version
    }

    /// The JSON Schema, if there is one.
    #[must_use]
    pub fn json_schema(&self) -> Option<&Value> {
        self.schema.as_ref()
    }

    /// The step that leads to this version, if there is one.
    #[must_use]
    pub fn upcast_step(&self) -> Option<&UpcastStep> {
        self.upcast.as_ref()
    }

    /// How the schema has to fit the one of the version before.
    #[must_use]
    pub fn mode(&self) -> Compatibility {
        self.compatibility
    }

    /// What there is to know about it.
    #[must_use]
    pub fn about(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// As JSON, in the shape of `docs/schema-evolution.md`: what is stored.
    #[must_use]
    pub fn to_json(&self) -> String {
        let written = Written {
            event_type: self.event_type.clone(),
            schema_version: self.schema_version,
            compatibility: self.compatibility,
            description: self.description.clone(),
            upcast: self.upcast.as_ref().map(|step| serde_json::to_value(step).unwrap_or_default()),
            schema: self.schema.clone(),
        };
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// From JSON, as [`Registration::to_json`] writes it.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`].
    pub fn from_json(json: &[u8]) -> Result<Self, SchemaError> {
        let invalid = |reason: String| SchemaError::Invalid(reason);
        let written: Written = serde_json::from_slice(json).map_err(|error| invalid(error.to_string()))?;
        let step = |json| UpcastStep::from_json(json, &written.event_type, written.schema_version);
        let upcast = written.upcast.map(step).transpose().map_err(invalid)?;
        let registration = Registration {
            event_type: written.event_type,
            schema_version: written.schema_version,
            schema: written.schema,
            upcast,
            compatibility: written.compatibility,
            description: written.description,
        };
        registration.check().map(|()| registration)
    }

    /// Whether it can be registered in any store.
    pub(crate) fn check(&self) -> Result<(), SchemaError> {
        let invalid = |reason: &str| Err(SchemaError::Invalid(reason.to_owned()));
        check_event_type(&self.event_type).map_err(|error| SchemaError::Invalid(error.to_string()))?;
        if self.event_type.starts_with(SYSTEM_PREFIX) {
            return invalid("types that begin with $annals. are the store's own");
        }
        if self.schema_version == 0 {
            return invalid("schema versions begin with 1");
        }
        if let Some(step) = &self.upcast {
            step.clone().compile()?;
            let (from, version) = step.from();
            let this = (&*self.event_type, self.schema_version);
            let drops_before = step.is_drop() && (from, version + 1) == this;
            if !step.leads_to(this.0, this.1) && !drops_before {
                return invalid(
                    "its upcast leads somewhere else: it has to lead to the type and version that are registered, or drop the version before",
                );
            }
        }
        if let Some(schema) = &self.schema {
            check_schema(schema).map_err(SchemaError::Invalid)?;
        }
        let bytes = self.to_json().len();
        if bytes > BYTES_MAX {
            return Err(SchemaError::Invalid(format!(
                "a registration has at most {BYTES_MAX} bytes of JSON, this one has {bytes}"
            )));
        }
        Ok(())
    }
}

/// What of a JSON Schema can be looked at without a validator.
fn check_schema(schema: &Value) -> Result<(), String> {
    if !schema.is_object() && !schema.is_boolean() {
        return Err("a JSON Schema is an object, or true or false".to_owned());
    }
    match foreign_reference(schema) {
        Some(reference) => Err(format!(
            "the schema refers to {reference:?}, and nothing outside of it is ever read: put that under \"$defs\" and refer to \"#/$defs/...\""
        )),
        None => Ok(()),
    }
}

/// A reference that does not stay within the schema.
fn foreign_reference(schema: &Value) -> Option<&str> {
    match schema {
        Value::Array(items) => items.iter().find_map(foreign_reference),
        Value::Object(members) => members.iter().find_map(|(name, value)| match (name.as_str(), value) {
            ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(to)) => {
                (!to.starts_with('#')).then_some(to.as_str())
            }
            // Data, not schemas.
            ("const" | "enum" | "default" | "examples", _) => None,
            (_, value) => foreign_reference(value),
        }),
        _ => None,
    }
}
