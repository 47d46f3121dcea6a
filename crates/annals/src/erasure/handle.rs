//! Erasing the payloads of some events.

use super::choosing::Chosen;
use super::error::EraseError;
use super::execute::Executed;
use super::finding::Finder;
use super::request::{ASKED_BY_BYTES_MAX, ERASURE_STREAM, REASON_BYTES_MAX, Request};
use super::states::refuse_lost_states;
use crate::batch::Batch;
use crate::compaction::{BYTES_PER_SECOND, CompactionControl, Job};
use crate::error::ReadError;
use crate::query::AsOf;
use crate::store::Store;
use crate::view::View;
use annals_compaction::PlanOptions;
use annals_format::ERASURES_UNDER_WAY_MAX;
use annals_index::{TermKey, TermKind};
use annals_types::limits::{STREAM_NAME_BYTES_MAX, TAG_BYTES_MAX};
use annals_types::{Position, Uuid};

/// Whose payloads are to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EraseTarget {
    /// That of the event with this id.
    Id(Uuid),
    /// That of the event at this position.
    Position(Position),
    /// Those of all events that a stream has.
    Stream(String),
    /// Those of all events with a tag.
    Tag(String),
}

/// An erasure, to be planned or run: takes the payloads of some events out of the log, for good. The events stay. Made by
/// [`Store::erase`].
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let store = annals::Store::open(directory.path().join("store"))?;
/// use annals::{EraseTarget, Expected, NewEvent, PayloadError, Query};
/// let visit = |text: &str| NewEvent::json("visited", format!("{text:?}")).with_tag("patient:7");
/// store.append("visit-1", Expected::NoStream, &[visit("a cough"), visit("better")])?;
/// let report = store.erase(EraseTarget::Tag("patient:7".into())).reason("asked for by letter").run()?;
/// assert_eq!(report.events, 2);
/// let view = store.view();
/// for event in view.read(Query::stream("visit-1"))? {
///     assert!(matches!(event?.data(), Err(PayloadError::Erased { .. })));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Erase {
    store: Store,
    target: EraseTarget,
    until: Option<AsOf>,
    request: Request,
    forget_states: bool,
    bytes_per_second: Option<u64>,
}

/// What would be erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErasePlan {
    /// How many events are meant.
    pub found: u64,
    /// How many of them have something to be erased; of the others all of it was erased before.
    pub events: u64,
    /// The segments that would be written anew, in the order of positions.
    pub segments: Vec<EraseSegment>,
}

/// What would be erased in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EraseSegment {
    /// Its number.
    pub segment_id: u64,
    /// Whether it is sealed. One that is not would be before.
    pub sealed: bool,
    /// How many of its events.
    pub events: u64,
    /// Bytes of their records, tags and names included.
    pub bytes: u64,
}

/// What an erasure has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EraseReport {
    /// How many events were meant.
    pub found: u64,
    /// How many of them had something to be erased.
    pub events: u64,
    /// The position of the request in the log, the first one of several; [`Position::ZERO`] if nothing had to be asked for.
    pub request: Position,
    /// How many events were erased by this call, with those that an interrupted call before it has left.
    pub events_erased: u64,
    /// Segments that were written anew.
    pub segments_rewritten: u64,
    /// Bytes of the segments that were touched, before.
    pub bytes_before: u64,
    /// And of what is in their place.
    pub bytes_after: u64,
    /// How many snapshots went because they might have had what was erased.
    pub snapshots_dropped: u64,
}

impl Store {
    /// An erasure of the payloads of some events.
    #[must_use]
    pub fn erase(&self, target: EraseTarget) -> Erase {
        Erase {
            store: self.clone(),
            target,
            until: None,
            request: Request { keep_tags: true, keep_hash: true, ..Request::default() },
            forget_states: false,
            bytes_per_second: Some(BYTES_PER_SECOND),
        }
    }

    /// How many requests to erase are not finished: what they ask for is not shown, and still on the disk. The next erasure or
    /// compaction goes on with them.
    #[must_use]
    pub fn erasures_under_way(&self) -> u64 {
        self.shared().parts.load_full().erasing.as_ref().map_or(0, |erasing| erasing.count())
    }
}

impl Erase {
    /// Only events up to a moment are meant. Default: all that there are.
    #[must_use]
    pub fn until(mut self, moment: AsOf) -> Self {
        self.until = Some(moment);
        self
    }

    /// Why, for the ledger; up to 1024 bytes. It stays for good, so it must not say what is to be erased.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.request.reason = reason.into();
        self
    }

    /// Who asks for it, for the ledger; up to 256 bytes.
    #[must_use]
    pub fn asked_by(mut self, name: impl Into<String>) -> Self {
        self.request.asked_by = name.into();
        self
    }

    /// Whether the tags stay. Without them the events are not found by them any more. Default: yes.
    #[must_use]
    pub fn keep_tags(mut self, keep: bool) -> Self {
        self.request.keep_tags = keep;
        self
    }

    /// Whether a SHA-256 of each payload stays, by which it can be recognised; a short one can be guessed by it, too. It cannot be taken
    /// away later. An encrypted payload never leaves one. Default: yes.
    #[must_use]
    pub fn keep_hash(mut self, keep: bool) -> Self {
        self.request.keep_hash = keep;
        self
    }

    /// Whether snapshots go as well that are all that is left of a state, because the events before them are gone. Default: no, that is
    /// refused.
    #[must_use]
    pub fn forget_states(mut self, forget: bool) -> Self {
        self.forget_states = forget;
        self
    }

    /// How much is read and written in a second at most; `None` for as fast as possible. Default: 64 MiB.
    #[must_use]
    pub fn bytes_per_second(mut self, bytes: Option<u64>) -> Self {
        self.bytes_per_second = bytes;
        self
    }

    /// What would be erased. Nothing is, and a store that is open for reading only can tell it.
    ///
    /// # Errors
    /// As [`EraseError`] says.
    pub fn plan(&self) -> Result<ErasePlan, EraseError> {
        self.check()?;
        let none = Chosen::by(Vec::new());
        let mut finder = Finder::new(self.request.clone(), &none);
        finder.find(&self.whole(), &self.target, self.until)?;
        Ok(finder.plan)
    }

    /// Erases it. When this returns without an error the payloads are in no file of the store any more; but a file that a view of
    /// before still reads goes with that view. Appends and reads go on meanwhile. What is appended meanwhile is not meant.
    ///
    /// Done again, it does nothing. After a crash, or an error that says that it is not finished, it goes on.
    ///
    /// # Errors
    /// As [`EraseError`] says.
    pub fn run(&self) -> Result<EraseReport, EraseError> {
        self.check()?;
        let core = self.store.shared();
        if !self.store.is_writable() {
            return Err(EraseError::ReadOnly);
        }
        let Some(_turn) = core.turns.ask() else { return Err(EraseError::Busy) };
        self.store.sync()?;
        let under_way = self.under_way()?;
        let mut finder = Finder::new(self.request.clone(), &under_way);
        finder.find(&self.whole(), &self.target, self.until)?;
        let (requests, plan) = (finder.requests, finder.plan);
        if !self.forget_states {
            refuse_lost_states(&self.store, &requests)?;
        }
        let mut report = EraseReport { found: plan.found, events: plan.events, ..EraseReport::default() };
        if !requests.is_empty() {
            report.request = self.ask(&requests)?;
        }
        let executed = self.finish()?;
        report.events_erased = executed.events;
        report.segments_rewritten = executed.segments;
        (report.bytes_before, report.bytes_after) = (executed.bytes_before, executed.bytes_after);
        report.snapshots_dropped = executed.snapshots;
        Ok(report)
    }

    fn finish(&self) -> Result<Executed, EraseError> {
        let options = PlanOptions::new(self.store.shared().segment_bytes);
        let control = CompactionControl::new();
        let job = Job::asked(&self.store, &options, self.bytes_per_second, &control);
        self.store.finish_erasures(&job).map_err(|error| EraseError::Unfinished(Box::new(error)))
    }

    /// Makes requests durable, and conceals what they are about. Gives the position of the first one.
    fn ask(&self, requests: &[Request]) -> Result<Position, EraseError> {
        let core = self.store.shared();
        let count = requests.len() as u64;
        if self.store.erasures_under_way() + count > ERASURES_UNDER_WAY_MAX {
            self.finish()?;
        }
        let key = TermKey::new(TermKind::Stream, ERASURE_STREAM, core.plan.hash_seed);
        let last = core.parts.load_full().last_version(&key, core.watermark.visible())?;
        core.catalog.lock().note_erasures(core.watermark.durable(), last.get(), count)?;
        let mut batch = Batch::new();
        for request in requests {
            batch.push_own(ERASURE_STREAM, &request.to_new())?;
        }
        let appended = self.store.append_batch(batch)?;
        self.store.sync()?;
        core.conceal(requests);
        Ok(appended.first_position)
    }

    fn under_way(&self) -> Result<Chosen, ReadError> {
        let core = self.store.shared();
        let parts = core.parts.load_full();
        let requests = match &parts.erasing {
            Some(erasing) => erasing.requests(&parts, core.watermark.visible())?,
            None => Vec::new(),
        };
        Ok(Chosen::by(requests))
    }

    /// A view of everything that is stored, hidden or not.
    fn whole(&self) -> View {
        let core = self.store.shared();
        let visible = core.watermark.visible();
        View::new(core.parts.load_full(), visible)
    }

    fn check(&self) -> Result<(), EraseError> {
        let within = |what, text: &str, least, most| {
            let bytes = text.len();
            if (least..=most).contains(&bytes) {
                Ok(())
            } else {
                Err(EraseError::Length { what, bytes, most })
            }
        };
        match &self.target {
            EraseTarget::Stream(stream) => {
                within("the name of the stream", stream, 1, STREAM_NAME_BYTES_MAX)?
            }
            EraseTarget::Tag(tag) => within("the tag", tag, 1, TAG_BYTES_MAX)?,
            EraseTarget::Id(_) | EraseTarget::Position(_) => {}
        }
        within("the reason", &self.request.reason, 0, REASON_BYTES_MAX)?;
        within("the name of who asks", &self.request.asked_by, 0, ASKED_BY_BYTES_MAX)
    }
}
