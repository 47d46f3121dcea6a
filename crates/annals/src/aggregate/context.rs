//! What belongs to a command, next to what it says.

use annals_types::{NewEvent, Timestamp};

/// What the events of a command are appended with: who, on behalf of what, when it happened.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let store = annals::Store::open(directory.path().join("store"))?;
/// # use annals::{Aggregate, Handle, Query, Timestamp};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # enum Reading { Measured(i64) }
/// # #[derive(Default)]
/// # struct Sensor;
/// # impl Aggregate for Sensor { type Event = Reading; fn apply(&mut self, _: Reading) {} }
/// # struct Measure(i64);
/// # impl Handle<Measure> for Sensor {
/// #     type Error = std::convert::Infallible;
/// #     fn handle(&self, command: &Measure) -> Result<Vec<Reading>, Self::Error> { Ok(vec![Reading::Measured(command.0)]) }
/// # }
/// use annals::CommandContext;
/// let context = CommandContext::new().metadata(r#"{"by":"ada"}"#).tag("site:7").at(Timestamp::EPOCH);
/// store.aggregates::<Sensor>().execute_with("sensor-1", &Measure(21), &context)?;
/// let view = store.view();
/// let event = view.read(Query::all())?.next().unwrap()?;
/// assert_eq!((event.occurred_at, &*event.metadata()?), (Timestamp::EPOCH, &br#"{"by":"ada"}"#[..]));
/// assert!(event.tags.contains("site:7"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandContext {
    metadata: Vec<u8>,
    tags: Vec<String>,
    occurred_at: Option<Timestamp>,
}

impl CommandContext {
    /// Nothing: no metadata, no tags, happening as it is recorded.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The metadata of each event.
    #[must_use]
    pub fn metadata(mut self, metadata: impl Into<Vec<u8>>) -> Self {
        self.metadata = metadata.into();
        self
    }

    /// A tag of each event, next to those that the aggregate gives it; said again, another one.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// When it happened, if not now.
    #[must_use]
    pub fn at(mut self, occurred_at: Timestamp) -> Self {
        self.occurred_at = Some(occurred_at);
        self
    }

    /// Adds what belongs to the command, and the tags of the event, to an event.
    pub(crate) fn complete(&self, event: &mut NewEvent<'static>, tags: Vec<String>) {
        event.metadata = self.metadata.clone().into();
        event.occurred_at = self.occurred_at;
        event.tags = tags.into_iter().chain(self.tags.iter().cloned()).map(Into::into).collect();
    }
}
