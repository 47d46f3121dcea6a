//! JSON Schemas, ready to be compared with data. The only file that knows the library for it.

use serde_json::Value;

/// What is wrong with data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Where, as a JSON pointer.
    pub(crate) pointer: String,
    pub(crate) reason: String,
}

impl Flaw {
    pub(crate) fn whole(reason: impl Into<String>) -> Self {
        Flaw { pointer: String::new(), reason: reason.into() }
    }
}

/// A schema, ready to be used.
#[cfg(feature = "json-schema")]
#[derive(Debug)]
pub(crate) struct Validator(jsonschema::Validator);

#[cfg(feature = "json-schema")]
impl Validator {
    /// Patterns run in time linear in the text: what is registered must not be able to stop who appends.
    pub(crate) fn new(schema: &Value) -> Result<Self, String> {
        let options =
            jsonschema::options().offline().with_pattern_options(jsonschema::PatternOptions::regex());
        options.build(schema).map(Validator).map_err(|error| {
            let at = super::error::at(&error.instance_path().to_string());
            format!("the JSON Schema cannot be used{at}: {}", cut(error.to_string()))
        })
    }

    pub(crate) fn check(&self, data: &Value) -> Result<(), Flaw> {
        self.0.validate(data).map_err(|error| Flaw {
            pointer: error.instance_path().to_string(),
            reason: cut(error.to_string()),
        })
    }
}

/// A message may have all of the data in it.
#[cfg(feature = "json-schema")]
fn cut(text: String) -> String {
    const CHARS_MAX: usize = 300;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Without the library nothing is valid, since nobody can tell.
#[cfg(not(feature = "json-schema"))]
#[derive(Debug)]
pub(crate) enum Validator {}

#[cfg(not(feature = "json-schema"))]
impl Validator {
    pub(crate) fn new(_: &Value) -> Result<Self, String> {
        Err(super::error::NEEDS_FEATURE.to_owned())
    }

    pub(crate) fn check(&self, _: &Value) -> Result<(), Flaw> {
        match *self {}
    }
}
