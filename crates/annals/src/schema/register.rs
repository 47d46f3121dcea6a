//! Registering, and what is registered.

use super::compare::differences;
use super::dry_run::{DryRun, DryRunFailure, Trial};
use super::error::SchemaError;
use super::registration::Registration;
use super::registry::{Entry, Registry};
use super::system::{SCHEMAS_STREAM, event_of};
use crate::batch::Batch;
use crate::decide::{DecideError, Situation};
use crate::error::{AppendError, ReadError};
use crate::query::Query;
use crate::store::Store;
use crate::upcast::{Chain, Upcasters};
use crate::view::View;
use annals_types::{Expected, Position, Version};
use std::sync::Arc;

/// So many failures are told when a registration is refused.
const FAILURES_TOLD: usize = 10;

/// What is registered of one version of a type.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RegisteredSchema {
    /// The position of its event.
    pub position: Position,
    /// What was registered; `None` if this program cannot read it.
    pub registration: Option<Registration>,
    /// Why it is not in use: it contradicts what was registered before it, or the upcasters of this program. Events of its type
    /// cannot be upcast until that is mended.
    pub problem: Option<String>,
}

/// What came of [`Store::register_schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registered {
    /// The position of the event.
    pub position: Position,
    /// Whether the same was registered before, so that nothing was done.
    pub already: bool,
    /// How many stored events the dry run looked at.
    pub looked_at: u64,
}

/// Why the writer does not take a registration.
enum Refused {
    /// Something else was registered meanwhile.
    Again,
    Failed(SchemaError),
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        Refused::Failed(error.into())
    }
}

impl Store {
    /// Registers a version of an event type: from then on, what is appended has to keep to its schema, and what is read through
    /// [`View::read_upcast`] takes its step.
    ///
    /// Before that, all stored events concerned are tried: they have to become events that are valid under the schema. Events that are
    /// appended meanwhile are tried, too, so that none slips through. Registering the same again does nothing.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Expected, NewEvent, Query, Registration, Rule, UpcastStep};
    /// store.append("account-1", Expected::Any, &[NewEvent::json("deposited", r#"{"amount":5}"#)])?;
    ///
    /// let step = UpcastStep::of("deposited", 1).into_type("deposited", 2, [Rule::move_field("/amount", "/cents")]);
    /// store.register_schema(&Registration::new("deposited", 2).upcast(step))?;
    ///
    /// let view = store.view();
    /// let event = view.read_upcast(Query::all().of_type("deposited"))?.next().unwrap()?;
    /// assert_eq!(&*event.event().data()?, br#"{"cents":5}"#);
    /// assert_eq!(view.current_version("deposited")?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`SchemaError`] says; nothing was registered then.
    pub fn register_schema(&self, registration: &Registration) -> Result<Registered, SchemaError> {
        self.register(registration, true)
    }

    /// The same, whatever becomes of stored events: those that do not fit are errors when they are read through
    /// [`View::read_upcast`], or come out as they are.
    ///
    /// # Errors
    /// As [`Store::register_schema`], without [`SchemaError::History`].
    pub fn register_schema_unchecked(&self, registration: &Registration) -> Result<Registered, SchemaError> {
        self.register(registration, false)
    }

    /// Everything that is registered, in the order of the log.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn schemas(&self) -> Result<Vec<RegisteredSchema>, ReadError> {
        self.view().schemas()
    }

    fn register(&self, registration: &Registration, tried: bool) -> Result<Registered, SchemaError> {
        loop {
            let view = self.view();
            let registry = view.registry()?;
            if let Some(entry) = same(&registry, registration) {
                return Ok(Registered { position: entry.position, already: true, looked_at: 0 });
            }
            let trial = candidate(&registry, registration)?;
            let mut looked_at = 0;
            if tried {
                let mut run = DryRun::new(&view, trial.clone())?;
                let failures: Vec<_> = run.by_ref().take(FAILURES_TOLD).collect::<Result<_, _>>()?;
                refuse(failures)?;
                looked_at = run.looked_at();
            }
            let after = tried.then_some((&trial, view.position()));
            let decided = self.decide(&Query::all(), |situation| {
                look_behind(situation, registry.version, after)?;
                let mut batch = Batch::new();
                let event = event_of(registration);
                let pushed = batch.push(SCHEMAS_STREAM, &event);
                pushed.map_err(|invalid| Refused::Failed(AppendError::from(invalid).into()))?;
                let at = Version::new(registry.version);
                let expected = if registry.version == 0 { Expected::NoStream } else { Expected::Exact(at) };
                let expected = batch.expect(SCHEMAS_STREAM, expected);
                expected.map_err(|invalid| Refused::Failed(AppendError::from(invalid).into()))?;
                Ok((batch, ()))
            });
            return match decided {
                Ok(decided) => {
                    let position =
                        decided.appended.map_or(Position::ZERO, |appended| appended.first_position);
                    Ok(Registered { position, already: false, looked_at })
                }
                Err(DecideError::Refused(Refused::Again)) => continue,
                Err(DecideError::Refused(Refused::Failed(error))) => Err(error),
                Err(DecideError::Append(error)) => Err(error.into()),
            };
        }
    }
}

impl View {
    /// Everything that was registered when the view was taken, in the order of the log.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn schemas(&self) -> Result<Vec<RegisteredSchema>, ReadError> {
        let registry = self.registry()?;
        let (entries, problems) = registry.entries();
        let entries = entries.into_iter().map(|entry| RegisteredSchema {
            position: entry.position,
            registration: Some(entry.registration.clone()),
            problem: None,
        });
        let problems = problems.iter().map(|problem| RegisteredSchema {
            position: problem.position,
            registration: problem.registration.clone(),
            problem: Some(problem.reason.clone()),
        });
        let mut all: Vec<_> = entries.chain(problems).collect();
        all.sort_by_key(|registered| registered.position);
        Ok(all)
    }

    /// Tries a registration on everything that the view shows, without registering it: lists the stored events that could not be
    /// upcast, or would not be valid under its schema.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Expected, FieldType, NewEvent, Registration, Rule, UpcastStep};
    /// let names = ["Ada Lovelace", "Plato"].map(|name| NewEvent::json("joined", format!(r#"{{"name":"{name}"}}"#)));
    /// store.append("members", Expected::Any, &names)?;
    ///
    /// let split = Rule::split("/name", " ", ["/first", "/last"]);
    /// let registration = Registration::new("joined", 2).upcast(UpcastStep::of("joined", 1).into_type("joined", 2, [split]));
    /// let view = store.view();
    /// let mut run = view.check_schema(&registration)?;
    /// let failure = run.next().unwrap()?;
    /// assert_eq!((failure.position.get(), failure.reason.contains("1 of 2 parts")), (2, true));
    /// assert!(run.next().is_none() && run.looked_at() == 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`SchemaError`] says, if it could not be registered whatever is stored.
    pub fn check_schema(&self, registration: &Registration) -> Result<DryRun<'_>, SchemaError> {
        let registry = self.registry()?;
        let trial = match same(&registry, registration) {
            Some(entry) => Trial::of_registration(&registry, entry),
            None => candidate(&registry, registration)?,
        };
        Ok(DryRun::new(self, trial)?)
    }

    /// Tries upcasters, in the place of those that the store was opened with and together with what is registered, on every event of
    /// the types that they are about: lists the stored events that could not be upcast.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn check_upcasters(&self, upcasters: &Upcasters) -> Result<DryRun<'_>, ReadError> {
        DryRun::new(self, Trial::of_chain(self.chain_with(upcasters)?))
    }

    /// The position of the last registration of rules that this view reads by.
    pub(crate) fn rules_at(&self) -> Result<Position, ReadError> {
        Ok(self.registry()?.rules_at)
    }

    fn registry(&self) -> Result<Arc<Registry>, ReadError> {
        self.parts.schemas.registry(self)
    }

    /// The chain of other upcasters and what is registered.
    fn chain_with(&self, upcasters: &Upcasters) -> Result<Arc<Chain>, ReadError> {
        let registered = self.schemas()?;
        let mut registry = Registry::empty(upcasters);
        for RegisteredSchema { position, registration, problem } in registered {
            registry.take_again(registration, position, problem.as_deref());
        }
        Ok(registry.chain)
    }
}

/// The registration as it is in the registry.
fn same<'r>(registry: &'r Registry, registration: &Registration) -> Option<&'r Arc<Entry>> {
    let entry = registry.entry(&registration.event_type, registration.schema_version)?;
    (entry.registration == *registration).then_some(entry)
}

/// What a history is tried with when this is registered behind the rest; or why that cannot be.
fn candidate(registry: &Registry, registration: &Registration) -> Result<Trial, SchemaError> {
    registration.check()?;
    let mut candidate = registry.begin();
    candidate.add(registration.clone(), Position::ZERO)?;
    let (event_type, version) = (&registration.event_type, registration.schema_version);
    let Some(entry) = candidate.entry(event_type, version) else {
        return Err(SchemaError::Invalid("it is not there".to_owned()));
    };
    match entry.validator() {
        Some(Err(_)) if cfg!(not(feature = "json-schema")) => return Err(SchemaError::NeedsFeature),
        Some(Err(reason)) => return Err(SchemaError::Invalid(reason.clone())),
        _ => {}
    }
    if let Some(before) = candidate.before(event_type, version) {
        let differences = differences(&before.registration, registration);
        if !differences.is_empty() {
            let before = before.registration.schema_version;
            return Err(SchemaError::Incompatible { before, differences });
        }
    }
    Ok(Trial::of_registration(&candidate, entry))
}

fn refuse(failures: Vec<DryRunFailure>) -> Result<(), SchemaError> {
    if failures.is_empty() { Ok(()) } else { Err(SchemaError::History { failures }) }
}

/// With the writer held: whether something was registered meanwhile, and what was appended behind the history that was tried.
fn look_behind(
    situation: &Situation<'_>,
    version: u64,
    after: Option<(&Trial, Position)>,
) -> Result<(), Refused> {
    let behind = Query::stream(SCHEMAS_STREAM).from_version(Version::new(version + 1)).limit(1);
    if situation.read(behind)?.next().is_some() {
        return Err(Refused::Again);
    }
    let Some((trial, position)) = after else { return Ok(()) };
    let mut failures = Vec::new();
    for event in situation.read(trial.query().from_position(position.next()))? {
        trial.examine(&event?, |failure| failures.push(failure));
        if failures.len() >= FAILURES_TOLD {
            break;
        }
    }
    refuse(failures).map_err(Refused::Failed)
}
