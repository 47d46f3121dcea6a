//! Events to be appended together.

mod appended;
mod streams;

pub use appended::{Appended, AppendedStream};
pub(crate) use streams::BatchStream;

use crate::condition::Condition;
use crate::criteria::{Criteria, check_terms};
use crate::retention::{RETENTION_STREAM, RetentionEvent};
use crate::schema::{Checked, SYSTEM_PREFIX, system};
use crate::system_event::SystemEvent;
use annals_format::FrameBuilder;
use annals_types::{
    EventRef, Expected, Invalid, NewEvent, PayloadReader, Position, Version, check_stream_name,
};
use hashbrown::{HashSet, HashTable};
use smallvec::SmallVec;
use std::sync::Arc;

/// Events of one or several streams that are appended all or not at all, and what is expected of streams,
/// also of some that the batch does not write.
///
/// The events are encoded as they come, on the caller's thread. When they are appended, several batches of
/// many threads share one write and one sync.
///
/// ```
/// use annals::{Batch, Expected, NewEvent, Version};
/// let mut batch = Batch::new();
/// batch.push("account-1", &NewEvent::json("withdrawn", r#"{"cents":500}"#))?;
/// batch.push("account-2", &NewEvent::json("deposited", r#"{"cents":500}"#))?;
/// batch.expect("account-1", Expected::Exact(Version::new(7)))?;
/// batch.expect("limits-1", Expected::StreamExists)?;
/// assert_eq!(batch.len(), 2);
/// # Ok::<(), annals::Invalid>(())
/// ```
#[derive(Debug)]
pub struct Batch {
    pub(crate) frame: FrameBuilder,
    /// The streams that are written or checked, in order of appearance.
    pub(crate) streams: SmallVec<[BatchStream; 1]>,
    pub(crate) events: SmallVec<[BatchEvent; 1]>,
    /// Whether any of the events was given an id.
    pub(crate) has_ids: bool,
    /// In the order in which they were stated.
    pub(crate) conditions: Vec<Condition>,
    /// Whether any of the events is a registration.
    pub(crate) registers: bool,
    /// Whether events that were removed do not count for the conditions.
    pub(crate) despite_removed: bool,
    /// Whether any of the events is a rule of retention.
    pub(crate) retains: bool,
    pub(crate) checked: Checked,
    /// Reads the payloads of its records, if some of them are encrypted.
    pub(crate) reader: Option<Arc<PayloadReader>>,
    /// Finds a stream's index by its name, once there are more than a few.
    by_name: HashTable<u32>,
    hasher: foldhash::quality::RandomState,
}

/// One event of a batch.
#[derive(Debug)]
pub(crate) struct BatchEvent {
    /// The index of its stream.
    pub(crate) stream: u32,
    /// Known once the batch was decided on.
    pub(crate) version: Version,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Batch {
            frame: FrameBuilder::new(),
            streams: SmallVec::new(),
            events: SmallVec::new(),
            has_ids: false,
            conditions: Vec::new(),
            registers: false,
            despite_removed: false,
            retains: false,
            checked: Checked::default(),
            reader: None,
            by_name: HashTable::new(),
            hasher: foldhash::quality::RandomState::default(),
        }
    }

    /// Adds an event to a stream.
    ///
    /// # Errors
    /// The limit that the stream's name, the event or the batch does not keep; [`Invalid::SystemStream`] for a stream of the store's own
    /// (the name begins with `$annals.`) and an event that the store would not write there itself. The batch is then as before.
    pub fn push(&mut self, stream: &str, event: &NewEvent<'_>) -> Result<(), Invalid> {
        let retains = stream == RETENTION_STREAM;
        if retains {
            RetentionEvent::check_new(event)?;
        }
        let registers = !retains && stream.starts_with('$') && system::check(stream, event)?;
        self.push_own(stream, event)?;
        self.registers |= registers;
        self.retains |= retains;
        Ok(())
    }

    /// The same of an event that the store itself writes, whatever the stream.
    pub(crate) fn push_own(&mut self, stream: &str, event: &NewEvent<'_>) -> Result<(), Invalid> {
        self.frame.push(stream, event)?;
        let index = self.stream_index(stream);
        self.streams[index as usize].events += 1;
        self.events.push(BatchEvent { stream: index, version: Version::ZERO });
        self.has_ids |= event.id.is_some();
        Ok(())
    }

    /// Whether any of the events is one of the store's own: a rule of retention, a request to erase, an entry of the ledger.
    pub(crate) fn is_of_store(&self) -> bool {
        self.streams.iter().any(|stream| stream.events > 0 && stream.name.starts_with(SYSTEM_PREFIX))
    }

    /// States what is expected of a stream, whether the batch writes it or not. Without it, nothing is.
    ///
    /// # Errors
    /// [`Invalid::StreamName`]; [`Invalid::ExpectedTwice`] if something else was stated before.
    pub fn expect(&mut self, stream: &str, expected: Expected) -> Result<(), Invalid> {
        check_stream_name(stream)?;
        let index = self.stream_index(stream) as usize;
        match self.streams[index].expected {
            Some(before) if before != expected => Err(Invalid::ExpectedTwice),
            _ => {
                self.streams[index].expected = Some(expected);
                Ok(())
            }
        }
    }

    /// States a condition: the batch is not appended if any event after a position is one of those that the criteria
    /// mean. It may be said several times; each condition has to hold. Lost events are not looked at;
    /// those that rules of retention hide are.
    ///
    /// Use it for rules that span streams: read with criteria, decide, and append under the condition that nothing has come
    /// since that might have changed the decision. Of two appends that exclude each other at most one succeeds.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{AppendError, Batch, Clause, Criteria, NewEvent, Query};
    /// let seats_taken = Criteria::any_of([Clause::new().of_type("enrolled").tagged("course:7")])?;
    ///
    /// // Read, and keep the position up to which that was.
    /// let view = store.view();
    /// let events = view.read(Query::all().matching(seats_taken.clone()))?;
    /// let position = events.position();
    ///
    /// // Decide.
    /// assert!(events.count() < 1, "one seat is left");
    ///
    /// // Append, unless the decision would be another one by now.
    /// let enrol = |student: &str| {
    ///     let mut batch = Batch::new();
    ///     let enrolled = NewEvent::json("enrolled", "{}").with_tag("course:7").with_tag(student);
    ///     batch.push(&format!("enrolment-{student}"), &enrolled)?;
    ///     batch.fail_if(seats_taken.clone(), position)?;
    ///     store.append_batch(batch)
    /// };
    /// let first = enrol("student:3")?;
    /// let second = enrol("student:4");
    /// assert!(matches!(
    ///     second,
    ///     Err(AppendError::ConditionFailed { position, .. }) if position == first.first_position
    /// ));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid::CriteriaTerms`] if all conditions of the batch together have more than 65,536 types and tags; the batch is
    /// then as before. That `after` lies behind the end of the store is told when the batch is appended.
    pub fn fail_if(&mut self, criteria: Criteria, after: Position) -> Result<(), Invalid> {
        // One without names costs something, too.
        let terms = |criteria: &Criteria| criteria.terms().max(1);
        let before: usize = self.conditions.iter().map(|condition| terms(&condition.criteria)).sum();
        check_terms(before + terms(&criteria))?;
        self.conditions.push(Condition { criteria, after });
        Ok(())
    }

    /// States that events which compaction has removed do not count for the conditions of the batch. Without this a condition that
    /// looks back to where events were removed is refused ([`AppendError::ConditionBelowRemoved`](crate::AppendError)), if
    /// nothing that is left speaks against it: nobody can tell whether something that is gone did.
    pub fn despite_removed(&mut self) {
        self.despite_removed = true;
    }

    /// How many events it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it has no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// What it takes in the log so far, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.frame.bytes().len()
    }

    /// An id stands for one event, so it may not stand twice.
    pub(crate) fn check_ids(&self) -> Result<(), Invalid> {
        if self.len() < 2 || !self.has_ids {
            return Ok(());
        }
        let mut seen = HashSet::with_hasher(self.hasher.clone());
        match (0..self.len()).filter_map(|index| self.frame.given_id(index)).find(|id| !seen.insert(*id)) {
            Some(id) => Err(Invalid::IdTwice { id }),
            None => Ok(()),
        }
    }

    /// An event of one of its records, with what it takes to read its payload.
    pub(crate) fn lent<'b>(&'b self, event: EventRef<'b>) -> EventRef<'b> {
        match &self.reader {
            Some(reader) => EventRef { payload: event.payload.with_reader(reader), ..event },
            None => event,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_different_expectations_for_one_stream_are_refused() {
        let mut batch = Batch::new();
        batch.expect("a", Expected::NoStream).unwrap();
        batch.expect("a", Expected::NoStream).unwrap();
        assert_eq!(batch.expect("a", Expected::Any), Err(Invalid::ExpectedTwice));
    }

    #[test]
    fn a_refused_event_leaves_the_batch_as_it_was() {
        let mut batch = Batch::new();
        batch.push("a", &NewEvent::new("t", &b"1"[..])).unwrap();
        let bytes = batch.bytes();
        assert!(batch.push("a", &NewEvent::new("", &b"2"[..])).is_err());
        assert!(batch.push("", &NewEvent::new("t", &b"2"[..])).is_err());
        assert_eq!((batch.len(), batch.bytes(), batch.streams.len()), (1, bytes, 1));
    }
}
