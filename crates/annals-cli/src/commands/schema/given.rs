//! A registration on the command line.

use crate::failure::Usage;
use crate::input::read_whole;
use annals::serde_json::{self, Value};
use annals::{Compatibility, NewEvent, Registration, UpcastStep};
use anyhow::{Context, Result, anyhow};
use std::path::{Path, PathBuf};

/// What is to be registered.
#[derive(Debug, clap::Args)]
pub(crate) struct Given {
    /// The event type
    #[arg(long = "type", value_name = "T")]
    event_type: String,
    /// The version of its schema
    #[arg(long = "version", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    schema_version: u32,
    /// A file with the JSON Schema that data of this version keep to; - is standard input
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// A file with the rules that lead to this version; - is standard input
    #[arg(long, value_name = "FILE")]
    upcast: Option<PathBuf>,
    /// How the schema has to fit the one before: none, backward (data of the version before are valid), forward (data of this
    /// version are valid under the one before) or full
    #[arg(long, value_name = "MODE", default_value = "none", value_parser = parse_mode)]
    compat: Compatibility,
    /// What there is to know about it
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

impl Given {
    pub(crate) fn registration(&self) -> Result<Registration> {
        let named = NewEvent::json(self.event_type.as_str(), "").check();
        named.map_err(|invalid| Usage(invalid.to_string()))?;
        let mut registration =
            Registration::new(&self.event_type, self.schema_version).compatibility(self.compat);
        if let Some(path) = &self.schema {
            registration = registration.schema(json_of(path)?);
        }
        if let Some(path) = &self.upcast {
            let step = UpcastStep::from_json(json_of(path)?, &self.event_type, self.schema_version);
            let bad = |reason| anyhow!("{} does not hold the rules of an upcast: {reason}", path.display());
            registration = registration.upcast(step.map_err(bad)?);
        }
        if let Some(text) = &self.description {
            registration = registration.description(text);
        }
        Ok(registration)
    }
}

fn parse_mode(name: &str) -> Result<Compatibility, String> {
    name.parse().map_err(|_| "there are none, backward, forward and full".to_owned())
}

fn json_of(path: &Path) -> Result<Value> {
    let bytes = read_whole(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} does not hold one JSON value", path.display()))
}
