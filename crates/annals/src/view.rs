//! A picture of the store that stays as it is.

use crate::count::count;
use crate::error::ReadError;
use crate::events::Events;
use crate::lists::{StreamInfo, Streams, TypeInfo, stream_info, type_list};
use crate::parts::Parts;
use crate::query::{AsOf, Query};
use crate::retention::Hiding;
use crate::upcast::{Chain, UpcastEvent, UpcastEvents, Upcasting, upcast_one};
use annals_index::IdKey;
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position, Timestamp, Uuid};
use std::sync::Arc;

/// A read-only picture of the store, pinned at a position and perhaps at a time. Cheap to clone, usable from any
/// thread; it never blocks the writer.
///
/// Events are borrowed from the view. As long as it lives, the files that it shows stay mapped, also when they
/// are replaced meanwhile.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let store = annals::Store::open(directory.path().join("store"))?;
/// use annals::{AsOf, Expected, NewEvent, Position, Query};
/// store.append("a", Expected::Any, &[NewEvent::json("one", "1"), NewEvent::json("two", "2")])?;
/// let before = store.view().as_of(AsOf::Position(Position::new(1)))?;
/// assert_eq!(before.read(Query::all())?.count(), 1);
/// assert_eq!(before.stream("a")?.map(|stream| stream.events), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct View {
    pub(crate) parts: Arc<Parts>,
    pub(crate) position: Position,
    /// Only events that occurred up to here.
    pub(crate) occurred: Option<Timestamp>,
    /// Where the store ended when the view was taken: what is registered up to here says how its events are upcast.
    pub(crate) taken: Position,
    /// By what events are hidden; `None` if none are.
    pub(crate) hiding: Option<Arc<Hiding>>,
    /// Whether payloads that are being erased are not shown: not where the store itself looks at what there is.
    pub(crate) conceals: bool,
}

impl View {
    /// Of everything up to a position, with nothing hidden.
    pub(crate) fn new(parts: Arc<Parts>, position: Position) -> Self {
        View { parts, position, occurred: None, taken: position, hiding: None, conceals: false }
    }

    /// The same picture over the files that there are by now: of what is hidden, some may be gone.
    pub(crate) fn over(&self, parts: Arc<Parts>) -> Self {
        View { parts, ..self.clone() }
    }

    /// The position of the last event that may be seen.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The time by which the events of this view must have occurred, if it is a view [as of](AsOf::Occurred) such a time.
    #[must_use]
    pub fn occurred_by(&self) -> Option<Timestamp> {
        self.occurred
    }

    /// The view as of an earlier moment. Said again, each moment restricts the view further, in whatever order they are said;
    /// with both clocks, it answers what was known at one time about another.
    ///
    /// Before the first event the view is empty. A time of the recorded clock is turned into a position here, in a time that
    /// grows with the logarithm of the number of events; the other moments are only noted.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{AsOf, Expected, NewEvent, Query, Timestamp};
    /// let [june, july] = [18_000, 18_030].map(|day| Timestamp::from_nanos(day * 86_400_000_000_000));
    /// // What happened in June is told after what happened in July.
    /// store.append("account-1", Expected::Any, &[NewEvent::json("opened", "{}").at(july)])?;
    /// let told = store.append("account-1", Expected::Any, &[NewEvent::json("ordered", "{}").at(june)])?;
    /// let view = store.view();
    /// let in_june = view.as_of(AsOf::Occurred(june))?;
    /// assert_eq!((in_june.count(Query::all())?, in_june.occurred_by()), (1, Some(june)));
    /// let known_before = in_june.as_of(AsOf::Position(told.first_position.previous()))?;
    /// assert_eq!(known_before.count(Query::all())?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn as_of(&self, moment: AsOf) -> Result<View, ReadError> {
        let mut view = self.clone();
        if planted(Bug::PastNotHidden) {
            view.hiding = None;
        }
        match moment {
            AsOf::Position(position) => view.position = self.position.min(position),
            AsOf::Recorded(time) => view.position = self.recorded_by(time)?,
            AsOf::Occurred(time) => view.occurred = Some(self.occurred.map_or(time, |own| own.min(time))),
        }
        Ok(view)
    }

    /// Reads events, lazily and in bounded memory.
    ///
    /// # Errors
    /// As [`ReadError`] says; also each event that is read may give one.
    pub fn read(&self, query: Query) -> Result<Events<'_>, ReadError> {
        Events::new(self, query)
    }

    /// How many events [`View::read`] would give.
    ///
    /// Nothing but the index is asked about all events, those of one stream, category, tag or prefix, or of some types, each
    /// also between two positions, versions of the stream, or times of the recorded clock. As of a time of the occurred clock,
    /// or between two such times, the events of those segments and blocks are read in which some count and others do not.
    /// For any other query all of its events are read.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Expected, NewEvent, Query, Version};
    /// let events = ["opened", "deposited", "deposited"].map(|event_type| NewEvent::json(event_type, "{}"));
    /// store.append("account-1", Expected::NoStream, &events)?;
    /// let view = store.view();
    /// assert_eq!(view.count(Query::all())?, 3);
    /// assert_eq!(view.count(Query::all().of_type("deposited"))?, 2);
    /// assert_eq!(view.count(Query::stream("account-1").from_version(Version::new(2)).limit(1))?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn count(&self, query: Query) -> Result<u64, ReadError> {
        count(self, query)
    }

    /// Reads events in the newest version of their schemas, lazily and in bounded memory: through the upcasters that the store was
    /// opened with, and the rules that were registered in it by the time the view was taken (also in a view as of an earlier
    /// moment: what happened is read as it was then, in the words of today).
    ///
    /// Types in the query, and in its criteria, mean types as they are now: stored events of older types that become such
    /// events are among them. The limit counts the events that come out. What a stored event becomes, if it becomes several,
    /// stands together, in its order, and the other way round where it is read backwards. Everything else in the query is
    /// about what is stored, which upcasting leaves alone: streams, versions, positions, times and tags.
    ///
    /// Events of types without upcasters come as they are stored, borrowed from the log. [`View::read`] gives all of them as
    /// they are stored: that is what conditions are compared with, and what copies are made from.
    ///
    /// # Errors
    /// As [`ReadError`] says; also each event that is read may give one: [`ReadError::Upcast`] for one that cannot be
    /// upcast.
    pub fn read_upcast(&self, query: Query) -> Result<UpcastEvents<'_>, ReadError> {
        let (wide, upcasting) = Upcasting::new(query, self.chain()?);
        Ok(UpcastEvents::new(self.read(wide)?, upcasting))
    }

    /// What one stored event of this view becomes in the newest version of its schema: one event, several, or none.
    ///
    /// # Errors
    /// [`ReadError::Upcast`] if it cannot be upcast; otherwise as [`ReadError`] says.
    pub fn upcast<'v>(&self, stored: EventRef<'v>) -> Result<Vec<UpcastEvent<'v>>, ReadError> {
        upcast_one(&*self.chain()?, stored).map_err(ReadError::Upcast)
    }

    /// The types under which events may be stored that become events of this type, itself included, in the order of their
    /// names, by the store's upcasters and by what is registered: for conditions ([`Batch::fail_if`](crate::Batch::fail_if))
    /// and reads that are about stored types.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn stored_types(&self, event_type: &str) -> Result<Vec<String>, ReadError> {
        Ok(self.chain()?.stored_types(event_type).iter().map(ToString::to_string).collect())
    }

    /// The newest schema version of a type, by the store's upcasters and by what is registered: what new events are to be
    /// stamped with. 1 for a type of which nothing is known.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn current_version(&self, event_type: &str) -> Result<u32, ReadError> {
        Ok(self.chain()?.bounds(event_type).map_or(1, |(_, last)| last))
    }

    pub(crate) fn chain(&self) -> Result<Arc<Chain>, ReadError> {
        self.parts.schemas.chain(self)
    }

    /// The event with an id. If an id was appended twice (which only appends with exact expectations allow), the
    /// first event.
    ///
    /// # Errors
    /// [`ReadError::Lost`] if the store made the id and the event was lost (an id that a producer gave is lost with its
    /// event, and gives `None`); the same with [`ReadError::Removed`]; [`ReadError::Hidden`] if a rule of retention hides it; otherwise as [`ReadError`] says.
    pub fn event(&self, id: Uuid) -> Result<Option<EventRef<'_>>, ReadError> {
        let has_id = |event: &EventRef<'_>| event.id == id;
        // The id may say where its event is, or only look so: what is found there counts only if nothing else is.
        let made = annals_format::position_of_made_id(id).map(|position| match self.stored_at(position) {
            // Ids of other stores name positions, too.
            Err(ReadError::Lost { .. } | ReadError::Removed { .. }) if !self.may_have_made(id, position) => {
                Ok(None)
            }
            other => other,
        });
        if let Some(Ok(Some(event))) = made
            && has_id(&event)
        {
            return self.unless_hidden(event).map(Some);
        }
        let mut candidates = Vec::new();
        let key = IdKey::new(id, self.parts.hash_seed);
        for part in &self.parts.index {
            part.find_id(&key, &mut candidates)?;
        }
        for position in candidates {
            if let Some(event) = self.stored_at(position)?.filter(has_id) {
                return self.unless_hidden(event).map(Some);
            }
        }
        made.transpose().map(|_| None)
    }

    /// The event at a position; `None` if there is none there in this view.
    ///
    /// # Errors
    /// [`ReadError::Lost`] if there was one and it could not be kept when the store was repaired; [`ReadError::Hidden`] if a rule
    /// of retention hides it, [`ReadError::Removed`] once it is gone; otherwise as [`ReadError`] says.
    pub fn event_at(&self, position: Position) -> Result<Option<EventRef<'_>>, ReadError> {
        self.stored_at(position)?.map(|event| self.unless_hidden(event)).transpose()
    }

    /// The same, also if it is hidden.
    pub(crate) fn stored_at(&self, position: Position) -> Result<Option<EventRef<'_>>, ReadError> {
        if position < Position::FIRST || position > self.position {
            return Ok(None);
        }
        match self.parts.event(position)? {
            Some(event) if event.is_lost() => Err(ReadError::Lost { position }),
            None if position <= self.parts.removed => Err(ReadError::Removed { position }),
            event => match event.filter(|event| self.shows(event)) {
                Some(event) if self.conceals && self.parts.erasing.is_some() => {
                    Ok(Some(self.concealing()?.conceal(event)))
                }
                event => Ok(event),
            },
        }
    }

    /// How many events of this view were lost.
    pub(crate) fn lost(&self) -> Result<u64, ReadError> {
        let mut lost = 0;
        for (part, _, last) in self.parts.ranges(self.position) {
            lost += part.lost(last)?;
        }
        Ok(lost)
    }

    /// What is known of a stream; `None` if it has no events in this view, or was deleted.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn stream(&self, name: &str) -> Result<Option<StreamInfo>, ReadError> {
        stream_info(self, name)
    }

    /// The streams whose names begin with `prefix` (all of them, if it is empty) and that have events in this
    /// view, in the byte order of their names.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Expected, NewEvent};
    /// for stream in ["order-2", "account-1", "order-1"] {
    ///     store.append(stream, Expected::NoStream, &[NewEvent::json("opened", "{}")])?;
    /// }
    /// let view = store.view();
    /// let orders: Vec<String> =
    ///     view.streams("order-").map(|stream| stream.map(|stream| stream.stream)).collect::<Result<_, _>>()?;
    /// assert_eq!(orders, ["order-1", "order-2"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn streams(&self, prefix: &str) -> Streams<'_> {
        Streams::new(self, prefix)
    }

    /// The event types that occur in this view, in the byte order of their names.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn types(&self) -> Result<Vec<TypeInfo>, ReadError> {
        type_list(self)
    }

    /// Whether an event, at or before the view's position, had occurred. A lost one is never shown.
    pub(crate) fn shows(&self, event: &EventRef<'_>) -> bool {
        !event.is_lost() && self.occurred.is_none_or(|time| event.occurred_at <= time)
    }

    /// Whether this store can have made the id for the event at a position, whenever that was recorded.
    fn may_have_made(&self, id: Uuid, position: Position) -> bool {
        self.parts.segment_of(position).is_some_and(|segment| segment.binding().may_have_made(id, position))
    }
}
