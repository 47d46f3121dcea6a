//! What to read.

use crate::criteria::Criteria;
pub use annals_types::Clock;
use annals_types::{EventRef, Position, Timestamp, Version};

/// A moment to look back from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// A cut of the log: events up to this position.
    Position(Position),
    /// What was known at a time: events recorded up to it, inclusive. A cut of the log, too.
    Recorded(Timestamp),
    /// What had happened by a time: events that occurred up to it, inclusive, in the order of the log.
    Occurred(Timestamp),
}

/// The versions of a query that does not say which.
const VERSIONS_ALL: (Version, Version) = (Version::FIRST, Version::new(u64::MAX));

/// Which events to read, in which direction.
///
/// ```
/// use annals::{Clock, Position, Query, Timestamp};
/// let query = Query::all()
///     .from_position(Position::new(100))
///     .of_type("deposited")
///     .of_type("withdrawn")
///     .tagged("branch:7")
///     .since(Clock::Occurred, Timestamp::EPOCH)
///     .backwards()
///     .limit(10);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(crate) stream: Option<String>,
    pub(crate) positions: (Position, Position),
    pub(crate) versions: (Version, Version),
    pub(crate) backwards: bool,
    pub(crate) limit: u64,
    pub(crate) types: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) criteria: Option<Criteria>,
    pub(crate) category: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) occurred: (Timestamp, Option<Timestamp>),
    pub(crate) recorded: (Timestamp, Option<Timestamp>),
    /// Whether the first version was said.
    pub(crate) from_asked: bool,
}

impl Query {
    /// All events of the store.
    #[must_use]
    pub fn all() -> Self {
        Query {
            stream: None,
            positions: (Position::FIRST, Position::MAX),
            versions: VERSIONS_ALL,
            backwards: false,
            limit: u64::MAX,
            types: Vec::new(),
            tags: Vec::new(),
            criteria: None,
            category: None,
            prefix: None,
            occurred: (Timestamp::MIN, None),
            recorded: (Timestamp::MIN, None),
            from_asked: false,
        }
    }

    /// The events of one stream.
    #[must_use]
    pub fn stream(name: impl Into<String>) -> Self {
        Query { stream: Some(name.into()), ..Query::all() }
    }

    /// Only events at or after this position.
    #[must_use]
    pub fn from_position(mut self, position: Position) -> Self {
        self.positions.0 = position;
        self
    }

    /// Only events at or before this position.
    #[must_use]
    pub fn to_position(mut self, position: Position) -> Self {
        self.positions.1 = position;
        self
    }

    /// Only events with this version or a higher one.
    ///
    /// In a read of one stream, a version below the [floor](crate::View::floor) of the stream is an error
    /// ([`ReadError::BelowFloor`](crate::ReadError::BelowFloor)), since events that were asked for would be missing. A read that does not say
    /// where begins at the floor.
    #[must_use]
    pub fn from_version(mut self, version: Version) -> Self {
        self.versions.0 = version;
        self.from_asked = true;
        self
    }

    /// Only events with this version or a lower one.
    #[must_use]
    pub fn to_version(mut self, version: Version) -> Self {
        self.versions.1 = version;
        self
    }

    /// From the newest to the oldest. Without it, from the oldest to the newest.
    #[must_use]
    pub fn backwards(mut self) -> Self {
        self.backwards = true;
        self
    }

    /// At most so many events.
    #[must_use]
    pub fn limit(mut self, events: u64) -> Self {
        self.limit = events;
        self
    }

    /// Only events of this type; said again, of any of the types.
    #[must_use]
    pub fn of_type(mut self, event_type: impl Into<String>) -> Self {
        self.types.push(event_type.into());
        self
    }

    /// Only events with this tag; said again, with all of the tags.
    #[must_use]
    pub fn tagged(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Only events that these criteria mean, which [`Query::of_type`] and [`Query::tagged`] restrict further; said again,
    /// the last ones count.
    ///
    /// ```
    /// use annals::{Clause, Criteria, Query};
    /// let of_course_or_student = Criteria::any_of([
    ///     Clause::new().of_type("enrolled").tagged("course:7"),
    ///     Clause::new().of_type("enrolled").tagged("student:3"),
    /// ])?;
    /// let query = Query::all().matching(of_course_or_student).backwards().limit(10);
    /// # Ok::<(), annals::Invalid>(())
    /// ```
    #[must_use]
    pub fn matching(mut self, criteria: Criteria) -> Self {
        self.criteria = Some(criteria);
        self
    }

    /// Only events of streams of this category (the part of the name before the first `-`).
    #[must_use]
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.category = Some(category.into());
        self
    }

    /// Only events of streams whose name begins with this.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Only events at or after this time.
    #[must_use]
    pub fn since(mut self, clock: Clock, time: Timestamp) -> Self {
        self.range(clock).0 = time;
        self
    }

    /// Only events before this time.
    #[must_use]
    pub fn until(mut self, clock: Clock, time: Timestamp) -> Self {
        self.range(clock).1 = Some(time);
        self
    }

    fn range(&mut self, clock: Clock) -> &mut (Timestamp, Option<Timestamp>) {
        match clock {
            Clock::Occurred => &mut self.occurred,
            Clock::Recorded => &mut self.recorded,
        }
    }

    pub(crate) fn restricts_versions(&self) -> bool {
        self.versions != VERSIONS_ALL
    }

    /// Whether all events between its positions are meant, except lost ones.
    pub(crate) fn means_all(&self) -> bool {
        let Query { stream, types, tags, criteria, category, prefix, .. } = self;
        let no_names = stream.is_none() && criteria.is_none() && category.is_none() && prefix.is_none();
        let no_times = [self.occurred, self.recorded].iter().all(|times| *times == (Timestamp::MIN, None));
        no_names && no_times && types.is_empty() && tags.is_empty() && !self.restricts_versions()
    }

    /// Whether an event is meant. The index only narrows down where to look; this decides.
    pub(crate) fn matches(&self, event: &EventRef<'_>) -> bool {
        let within = |(since, until): (Timestamp, Option<Timestamp>), time: Timestamp| {
            time >= since && until.is_none_or(|until| time < until)
        };
        !event.is_lost()
            && (self.positions.0..=self.positions.1).contains(&event.position)
            && self.stream.as_deref().is_none_or(|stream| stream == event.stream)
            && (self.versions.0..=self.versions.1).contains(&event.version)
            && (self.types.is_empty() || self.types.iter().any(|wanted| wanted == event.event_type))
            && self.tags.iter().all(|tag| event.tags.contains(tag))
            && self.criteria.as_ref().is_none_or(|criteria| criteria.matches(event))
            && self.category.as_deref().is_none_or(|category| category == event.category())
            && self.prefix.as_deref().is_none_or(|prefix| event.stream.starts_with(prefix))
            && within(self.occurred, event.occurred_at)
            && within(self.recorded, event.recorded_at)
    }
}
