//! What all registrations up to some position come to.

use super::error::SchemaError;
use super::registration::Registration;
use super::system::{REGISTRATION_VERSION, SCHEMA_REGISTERED};
use super::validator::{Flaw, Validator};
use crate::upcast::{Chain, TypeVersion, Upcasters};
use annals_types::{ContentType, EventRef, PayloadError, Position};
use annals_vfs::sync::OnceLock;
use annals_vfs::sync::atomic::{AtomicU64, Ordering};
use hashbrown::HashMap;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One version of a type, as it is registered.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) registration: Registration,
    pub(crate) position: Position,
    /// Made when it is first needed.
    validator: OnceLock<Result<Validator, String>>,
}

/// An event of the stream of registrations that is none, or contradicts those before it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) position: Position,
    pub(crate) registration: Option<Registration>,
    pub(crate) reason: String,
}

type ByVersion = BTreeMap<u32, Arc<Entry>>;

/// All that is registered, and the chain that it makes together with the program's own upcasters.
#[derive(Debug)]
pub(crate) struct Registry {
    /// The version of the last event of the stream that is in it.
    pub(crate) version: u64,
    /// The position of that event.
    pub(crate) last: Position,
    /// The position of the last registration with rules: with others the same stored events may be read as other ones.
    pub(crate) rules_at: Position,
    /// Up to here nothing else is registered.
    covers: AtomicU64,
    types: HashMap<Box<str>, ByVersion, foldhash::quality::RandomState>,
    problems: Vec<Problem>,
    pub(crate) chain: Arc<Chain>,
}

impl Entry {
    fn new(registration: Registration, position: Position) -> Self {
        Entry { registration, position, validator: OnceLock::new() }
    }

    /// The validator of its schema; `None` if it has none.
    pub(crate) fn validator(&self) -> Option<&Result<Validator, String>> {
        let schema = self.registration.schema.as_ref()?;
        Some(self.validator.get_or_init(|| Validator::new(schema)))
    }

    /// Compares data with its schema.
    pub(crate) fn check(&self, event: &EventRef<'_>) -> Result<(), Flaw> {
        let Some(validator) = self.validator() else { return Ok(()) };
        let validator = validator.as_ref().map_err(Flaw::whole)?;
        let data = match event.data() {
            Ok(data) => data,
            // Nothing is wrong with what is not there any more.
            Err(error) if error.is_erased() => return Ok(()),
            Err(error) => return Err(Flaw::whole(error.to_string())),
        };
        if data.is_empty() {
            return validator.check(&Value::Null);
        }
        if event.content_type != ContentType::JSON {
            return Err(Flaw::whole(format!("the data are {}, not JSON", event.content_type)));
        }
        let data = serde_json::from_slice(&data);
        validator.check(&data.map_err(|error| Flaw::whole(format!("the data are not JSON: {error}")))?)
    }
}

impl Registry {
    /// Nothing is registered.
    pub(crate) fn empty(code: &Upcasters) -> Self {
        Registry {
            version: 0,
            last: Position::ZERO,
            rules_at: Position::ZERO,
            covers: AtomicU64::new(0),
            types: HashMap::default(),
            problems: Vec::new(),
            chain: Arc::clone(&code.0),
        }
    }

    /// A copy to be continued.
    pub(crate) fn begin(&self) -> Self {
        Registry {
            version: self.version,
            last: self.last,
            rules_at: self.rules_at,
            covers: AtomicU64::new(0),
            types: self.types.clone(),
            problems: self.problems.clone(),
            chain: Arc::clone(&self.chain),
        }
    }

    pub(crate) fn covers(&self) -> Position {
        Position::new(self.covers.load(Ordering::Acquire))
    }

    pub(crate) fn note_covered(&self, position: Position) {
        self.covers.fetch_max(position.get(), Ordering::AcqRel);
    }

    /// Takes in an event of the stream, whatever it is: what is wrong with it is told when its type is read.
    /// `explain` says why a payload cannot be read.
    pub(crate) fn take(&mut self, event: &EventRef<'_>, explain: &dyn Fn(PayloadError) -> String) {
        (self.version, self.last) = (event.version.get(), event.position);
        let position = event.position;
        let known = event.event_type == SCHEMA_REGISTERED && event.schema_version <= REGISTRATION_VERSION;
        let registration = if known {
            match event.data() {
                Ok(data) => Registration::from_json(&data),
                Err(error) => Err(SchemaError::Invalid(explain(error))),
            }
        } else {
            Err(SchemaError::Invalid("it was written by a newer program".to_owned()))
        };
        match registration {
            Ok(registration) => {
                if let Err(error) = self.add(registration.clone(), position) {
                    self.note_problem(position, Some(registration), &error);
                }
            }
            Err(error) => self.note_problem(position, None, &error),
        }
    }

    /// Takes in what was found in another registry.
    pub(crate) fn take_again(
        &mut self,
        registration: Option<Registration>,
        position: Position,
        problem: Option<&str>,
    ) {
        let added = match (&registration, problem) {
            // What was wrong may have been wrong with the other upcasters only.
            (Some(registration), _) => self.add(registration.clone(), position),
            (None, reason) => Err(SchemaError::Invalid(reason.unwrap_or_default().to_owned())),
        };
        if let Err(error) = added {
            self.note_problem(position, registration, &error);
        }
    }

    /// Nothing is said of types that it may have been about: of all, if it cannot be read.
    fn note_problem(&mut self, position: Position, registration: Option<Registration>, error: &SchemaError) {
        let reason = format!("the registration at position {position} cannot be used: {error}");
        let chain = Arc::make_mut(&mut self.chain);
        match &registration {
            Some(registration) => {
                chain.break_type(&registration.event_type, &reason);
                if let Some(step) = &registration.upcast {
                    chain.break_type(step.from().0, &reason);
                }
            }
            None => chain.break_all(&reason),
        }
        self.problems.push(Problem { position, registration, reason: error.to_string() });
    }

    /// Adds a registration; everything is as before if it does not fit. One that is there already changes nothing.
    pub(crate) fn add(&mut self, registration: Registration, position: Position) -> Result<(), SchemaError> {
        let (event_type, schema_version) = (registration.event_type.clone(), registration.schema_version);
        if let Some(entry) = self.entry(&event_type, schema_version) {
            if entry.registration == registration {
                return Ok(());
            }
            return Err(SchemaError::Taken { event_type, schema_version, position: entry.position });
        }
        let mut chain = Chain::clone(&self.chain);
        if let Some((first, last)) = chain.bounds(&event_type) {
            let follows = schema_version <= last || Some(schema_version) == last.checked_add(1);
            if !follows || schema_version.saturating_add(1) < first {
                return Err(SchemaError::VersionGap { event_type, schema_version, first, last });
            }
        }
        match &registration.upcast {
            Some(step) => {
                let step = step.clone().compile()?;
                let mut touched: Vec<_> = step.into.iter().map(|to| Arc::clone(&to.event_type)).collect();
                touched.push(Arc::clone(&step.from.event_type));
                chain.add(step)?;
                chain.add_known(&TypeVersion::new(&*event_type, schema_version));
                touched.iter().try_for_each(|touched| chain.check_gaps(touched))?;
            }
            None => chain.add_plain(&TypeVersion::new(&*event_type, schema_version)),
        }
        self.chain = Arc::new(chain);
        if registration.upcast.is_some() {
            self.rules_at = position;
        }
        let entry = Arc::new(Entry::new(registration, position));
        self.types.entry(event_type.into_boxed_str()).or_default().insert(schema_version, entry);
        Ok(())
    }

    pub(crate) fn entry(&self, event_type: &str, schema_version: u32) -> Option<&Arc<Entry>> {
        self.types.get(event_type)?.get(&schema_version)
    }

    /// The registered version of a type that comes before another one.
    pub(crate) fn before(&self, event_type: &str, schema_version: u32) -> Option<&Arc<Entry>> {
        self.types.get(event_type)?.range(..schema_version).next_back().map(|(_, entry)| entry)
    }

    /// All that is registered, and what is wrong.
    pub(crate) fn entries(&self) -> (Vec<&Arc<Entry>>, &[Problem]) {
        (self.types.values().flat_map(BTreeMap::values).collect(), &self.problems)
    }

    /// Compares an event that is to be appended with what is registered for its type.
    pub(crate) fn check(&self, event: &EventRef<'_>) -> Result<(), Flaw> {
        let Some(versions) = self.types.get(event.event_type) else { return Ok(()) };
        match versions.get(&event.schema_version) {
            Some(entry) => entry.check(event),
            None if self.chain.knows(event.event_type, event.schema_version) => Ok(()),
            None => {
                let last = versions.last_key_value().map_or(0, |(last, _)| *last);
                Err(Flaw::whole(format!(
                    "this version of the type is not registered (the newest is {last}): register it first"
                )))
            }
        }
    }
}
