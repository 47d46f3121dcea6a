//! The upcasters of a program.

use super::chain::Chain;
use super::error::ChainError;
use super::payload::{BoxError, Outcome, Payload};
use super::step::{Action, Step, TypeVersion};
use super::stored_step::UpcastStep;
use std::sync::Arc;

/// How events of older schema versions become events of the newest: steps from one version of a type to the next, or to other
/// types. Given to a store when it is opened ([`Options::upcasters`](crate::Options::upcasters)), and used by
/// [`View::read_upcast`](crate::View::read_upcast). Cheap to clone.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("store");
/// use annals::{Expected, NewEvent, Outcome, Query, Rule, Store, UpcastStep, Upcasters, serde_json};
///
/// let upcasters = Upcasters::builder()
///     // Version 2 has cents instead of whole euros: in code.
///     .step("deposited", 1, |payload| {
///         let mut data = payload.into_json()?;
///         let euros = data["euros"].as_u64().ok_or("no euros")?;
///         data = serde_json::json!({ "cents": euros * 100 });
///         Ok(Outcome::one(data))
///     })
///     // Then the type got another name, and a currency: by rules.
///     .rules(UpcastStep::of("deposited", 2).into_type("money-deposited", 1, [Rule::set_default("/currency", "EUR")]))
///     .build()?;
/// assert_eq!(upcasters.current_version("money-deposited"), 1);
/// assert_eq!(upcasters.stored_types("money-deposited"), ["deposited", "money-deposited"]);
///
/// let store = Store::options().upcasters(upcasters).open(&path)?;
/// store.append("account-1", Expected::Any, &[NewEvent::json("deposited", r#"{"euros":5}"#)])?;
/// let view = store.view();
/// for event in view.read_upcast(Query::all().of_type("money-deposited"))? {
///     let event = event?;
///     assert_eq!(&*event.event().data()?, br#"{"cents":500,"currency":"EUR"}"#);
///     assert_eq!(event.stored().event_type, "deposited");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Upcasters(pub(crate) Arc<Chain>);

impl Upcasters {
    /// Begins with none.
    #[must_use]
    pub fn builder() -> UpcastersBuilder {
        UpcastersBuilder::default()
    }

    /// The newest schema version of a type: what new events of the type are to be stamped with. 1 for a type without
    /// upcasters.
    #[must_use]
    pub fn current_version(&self, event_type: &str) -> u32 {
        self.0.bounds(event_type).map_or(1, |(_, last)| last)
    }

    /// The types under which events may be stored that become events of this type, itself included, in the order of their
    /// names: for conditions ([`Batch::fail_if`](crate::Batch::fail_if)) and reads that are about stored types.
    #[must_use]
    pub fn stored_types(&self, event_type: &str) -> Vec<String> {
        self.0.stored_types(event_type).iter().map(ToString::to_string).collect()
    }
}

/// Upcasters in the making. See [`Upcasters`].
#[derive(Clone, Debug, Default)]
pub struct UpcastersBuilder {
    steps: Vec<Result<Step, ChainError>>,
}

impl UpcastersBuilder {
    /// A step in code from a version of a type to the next one.
    ///
    /// The closure may be called for the same event any number of times and from any thread, and should always answer the
    /// same. An error or a panic of its is the error of the event that it was called for, and of no other.
    #[must_use]
    pub fn step<F>(self, event_type: impl Into<String>, schema_version: u32, upcaster: F) -> Self
    where
        F: Fn(Payload<'_>) -> Result<Outcome, BoxError> + Send + Sync + 'static,
    {
        let event_type = event_type.into();
        let next = (event_type.clone(), schema_version.saturating_add(1));
        self.step_into(event_type, schema_version, [next], upcaster)
    }

    /// A step in code from a version of a type to one or several others: all those that the closure may make of an event,
    /// with their versions. None, if it drops all of them.
    #[must_use]
    pub fn step_into<T, F>(
        mut self,
        event_type: impl Into<String>,
        schema_version: u32,
        into: impl IntoIterator<Item = (T, u32)>,
        upcaster: F,
    ) -> Self
    where
        T: Into<String>,
        F: Fn(Payload<'_>) -> Result<Outcome, BoxError> + Send + Sync + 'static,
    {
        let into = into.into_iter();
        let into = into.map(|(event_type, version)| TypeVersion::new(event_type.into(), version)).collect();
        let from = TypeVersion::new(event_type.into(), schema_version);
        self.steps.push(Ok(Step { from, into, action: Action::Code(Arc::new(upcaster)) }));
        self
    }

    /// A step by rules.
    #[must_use]
    pub fn rules(mut self, step: UpcastStep) -> Self {
        self.steps.push(step.compile());
        self
    }

    /// The upcasters.
    ///
    /// # Errors
    /// The [`ChainError`] that says why they do not make a chain.
    pub fn build(self) -> Result<Upcasters, ChainError> {
        let mut chain = Chain::default();
        self.steps.into_iter().try_for_each(|step| chain.add(step?))?;
        chain.types().try_for_each(|event_type| chain.check_gaps(event_type))?;
        Ok(Upcasters(Arc::new(chain)))
    }
}
