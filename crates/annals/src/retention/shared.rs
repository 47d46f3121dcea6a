//! What an open store knows of rules of retention: read when it is first needed, and again when there are new ones.

use super::event::RETENTION_STREAM;
use super::log::Log;
use super::rules::Rules;
use crate::batch::Batch;
use crate::error::ReadError;
use crate::events::Events;
use crate::parts::Parts;
use crate::query::Query;
use crate::staged::Staged;
use crate::view::View;
use annals_index::{TermKey, TermKind};
use annals_types::{Position, Version};
use annals_vfs::sync::Mutex;
use annals_vfs::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::collections::VecDeque;
use std::sync::Arc;

/// Nobody has looked yet.
const UNKNOWN: u64 = u64::MAX;
/// So many readings are kept: a view that was taken a moment ago may be read behind one that was taken after a newer rule, and is not
/// to read all rules from the first one on. They share most of what they are made of.
const READINGS: usize = 4;

/// Shared by the writer and all views.
#[derive(Debug)]
pub(crate) struct SharedRules {
    /// The version of the last event of the stream of rules, staged ones included; 0 if there is none. Kept by the writer, from the
    /// moment on when somebody has looked: views are taken from an open store, so until something is staged all of them show the
    /// same. Not kept by a store that follows another process.
    version: AtomicU64,
    /// There is no rule up to here.
    none_up_to: AtomicU64,
    follows: bool,
    /// Whether the manifest says that there may be rules in the log. Where it does not, who follows another process looks only into what
    /// was written since.
    noted: AtomicBool,
    /// What was read last, the newest rules behind the others.
    readings: Mutex<VecDeque<Arc<Rules>>>,
}

impl Default for SharedRules {
    fn default() -> Self {
        Self::of_reader(true)
    }
}

impl SharedRules {
    /// Of a store whose manifest says whether there may be rules: it says so before the first one is written.
    pub(crate) fn of_writer(noted: bool) -> Self {
        Self::new(noted, false, if noted { UNKNOWN } else { 0 })
    }

    pub(crate) fn of_reader(noted: bool) -> Self {
        Self::new(noted, true, UNKNOWN)
    }

    fn new(noted: bool, follows: bool, version: u64) -> Self {
        SharedRules {
            version: AtomicU64::new(version),
            noted: AtomicBool::new(noted),
            none_up_to: AtomicU64::new(0),
            follows,
            readings: Mutex::new(VecDeque::new()),
        }
    }

    /// A manifest that was read again says that there may be rules.
    pub(crate) fn note_manifest(&self, noted: bool) {
        self.noted.fetch_or(noted, Ordering::AcqRel);
    }

    /// Whether it is known that there are no rules at all, staged ones included: all that an append has to know then.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.version.load(Ordering::Acquire) == 0
    }

    /// Whether it is known that a view that is taken at a position has none: all that a read has to know then.
    #[inline]
    pub(crate) fn is_empty_at(&self, taken: Position) -> bool {
        self.is_empty() || taken.get() <= self.none_up_to.load(Ordering::Acquire)
    }

    /// The version of the last rule, as far as it is known: another one means that there are others.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether there are no others than these, staged ones included.
    pub(crate) fn is_newest(&self, rules: &Rules) -> bool {
        rules.version == self.version.load(Ordering::Acquire)
    }

    /// The writer has staged a batch with rules.
    #[cold]
    pub(crate) fn note_staged(&self, batch: &Batch) {
        if let Some(stream) = batch.streams.iter().find(|stream| &*stream.name == RETENTION_STREAM) {
            // The manifest has it by now. Whoever reads them first may do so when they are sealed.
            self.noted.store(true, Ordering::Release);
            self.version.store(stream.head.get(), Ordering::Release);
        }
    }

    /// The rules up to a position, at which a view was taken; `None` if there are none.
    pub(crate) fn rules(&self, parts: &Arc<Parts>, taken: Position) -> Result<Option<Arc<Rules>>, ReadError> {
        if self.is_empty_at(taken) {
            return Ok(None);
        }
        if let Some(known) = self.known(taken) {
            return Ok(Some(known));
        }
        let head = self.find_version(parts, taken)?;
        if head == 0 {
            self.none_up_to.fetch_max(taken.get(), Ordering::AcqRel);
            return Ok(None);
        }
        let base = self.reading_up_to(taken);
        if base.version == head {
            base.note_covered(taken);
            return Ok(Some(base));
        }
        let whole = View::new(Arc::clone(parts), taken);
        let log = Log { parts, staged: None };
        let rules = base.continued(log, whole.read(behind(&base, head))?, head)?;
        rules.all_known()?;
        rules.note_covered(taken);
        let rules = Arc::new(rules);
        self.keep(&rules);
        Ok(Some(rules))
    }

    /// The rules up to a position, if they were read before, and that is known without looking.
    pub(crate) fn known(&self, taken: Position) -> Option<Arc<Rules>> {
        let version = self.version.load(Ordering::Acquire);
        let reading = self.reading_up_to(taken);
        let all = reading.version > 0 && (reading.version == version || taken <= reading.covers());
        all.then_some(reading)
    }

    /// The newest rules that were read and end at or before a position; none at all if there are no such.
    fn reading_up_to(&self, taken: Position) -> Arc<Rules> {
        let readings = self.readings.lock();
        readings.iter().rev().find(|rules| rules.last <= taken).cloned().unwrap_or_default()
    }

    fn keep(&self, rules: &Arc<Rules>) {
        let mut readings = self.readings.lock();
        if readings.back().is_none_or(|newest| newest.version < rules.version) {
            readings.push_back(Arc::clone(rules));
            if readings.len() > READINGS {
                readings.pop_front();
            }
        }
    }

    /// All rules, staged ones included, for the writer; `known` is what it knew last, `view` what is written, and `last` where the log
    /// ends. `None` if there are none.
    pub(crate) fn with_staged(
        &self,
        known: &mut Option<Arc<Rules>>,
        view: &View,
        staged: &Staged,
        last: Position,
    ) -> Result<Option<Arc<Rules>>, ReadError> {
        let mut version = self.version.load(Ordering::Acquire);
        if version == UNKNOWN {
            version = self.find_version(&view.parts, view.taken)?;
        }
        if version == 0 {
            return Ok(None);
        }
        if let Some(known) = known.as_ref().filter(|known| known.version == version) {
            return Ok(Some(Arc::clone(known)));
        }
        let read = self.reading_up_to(last);
        let usable = |rules: &&Arc<Rules>| rules.version <= version;
        let bases = [known.as_ref(), Some(&read)].into_iter().flatten().filter(usable);
        let base = bases.max_by_key(|rules| rules.version).cloned().unwrap_or_default();
        let log = Log { parts: &view.parts, staged: Some(staged) };
        let events = Events::with_staged(view, staged, last, behind(&base, version))?;
        let rules = Arc::new(base.continued(log, events, version)?);
        rules.all_known()?;
        *known = Some(Arc::clone(&rules));
        Ok(Some(rules))
    }

    /// The version of the last rule up to a position.
    fn find_version(&self, parts: &Parts, taken: Position) -> Result<u64, ReadError> {
        let key = TermKey::new(TermKind::Stream, RETENTION_STREAM, parts.hash_seed);
        // The manifest was read before the log, and tells of what is sealed there: all of that was written before. What is behind
        // is in memory, whatever files of the index and of the log are damaged.
        let found = if self.noted.load(Ordering::Acquire) {
            parts.last_version(&key, taken)?
        } else {
            parts.last_version_in_memory(&key, taken)?
        };
        let found = found.get();
        if !self.follows {
            // If the writer has staged one meanwhile, it has said so, and that counts.
            let _ = self.version.compare_exchange(UNKNOWN, found, Ordering::AcqRel, Ordering::Acquire);
        }
        Ok(found)
    }
}

/// The rules behind those that are known.
fn behind(base: &Rules, head: u64) -> Query {
    Query::stream(RETENTION_STREAM)
        .from_version(Version::new(base.version + 1))
        .to_version(Version::new(head))
}
