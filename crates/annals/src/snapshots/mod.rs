//! The snapshots of a store: opened when they are first asked for, so that a store without any does not pay for them.

mod belonging;

use crate::core::Core;
use crate::error::ReadError;
use annals_index::{TermKey, TermKind};
use annals_snapshot::{
    Found, NewSnapshot, Snapshot, SnapshotError, SnapshotOptions, Snapshots, check_schema_tag,
};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp, Uuid, Version};
use annals_vfs::sync::Mutex;
use annals_vfs::sync::atomic::{AtomicU64, Ordering};
use annals_wal::LogError;
use std::collections::VecDeque;
use std::sync::Arc;

/// How much of the background work on snapshots is done at once.
const STEP_BYTES: u64 = 1 << 20;
/// How much waits for its events to become durable. With `os` durability that takes a second.
const WAITING_BYTES_MAX: usize = 16 << 20;
const WAITING_MAX: usize = 4096;
/// After so many bytes the background worker looks whether there is work.
const WAKE_BYTES: u64 = 1 << 20;
/// What a snapshot takes next to its payload, roughly.
const OVERHEAD_BYTES: u64 = 200;

#[derive(Debug)]
pub(crate) struct LazySnapshots {
    options: SnapshotOptions,
    state: Mutex<State>,
    waiting: Mutex<Waiting>,
    /// Put since the worker was woken for them.
    bytes: AtomicU64,
}

/// Snapshots behind events that are not durable yet. If such a one came to the disk and its events did not, others would get
/// their positions and versions, and perhaps their ids, and the snapshot would look like one of those. So it waits for the
/// log, as long as there is room; one that is lost costs reading more events.
#[derive(Debug, Default)]
struct Waiting {
    /// In the order in which they were taken.
    snapshots: VecDeque<Owned>,
    bytes: usize,
}

/// A snapshot that owns what it says.
#[derive(Debug)]
struct Owned {
    stream: String,
    tag: String,
    version: Version,
    position: Position,
    event_id: Uuid,
    recorded_at: Timestamp,
    occurred_max: Timestamp,
    codec: u8,
    payload: Vec<u8>,
}

impl Owned {
    fn of(new: &NewSnapshot<'_>) -> Self {
        let NewSnapshot { version, position, event_id, recorded_at, occurred_max, codec, .. } = *new;
        let (stream, tag, payload) = (new.stream.to_owned(), new.tag.to_owned(), new.payload.to_owned());
        Owned { stream, tag, version, position, event_id, recorded_at, occurred_max, codec, payload }
    }

    fn to_snapshot(&self) -> Snapshot {
        let Owned { version, position, event_id, recorded_at, occurred_max, codec, .. } = *self;
        let (taken_at, payload) = (recorded_at, self.payload.clone());
        Snapshot { version, position, event_id, recorded_at, occurred_max, taken_at, codec, payload }
    }

    fn borrowed(&self) -> NewSnapshot<'_> {
        let Owned { version, position, event_id, recorded_at, occurred_max, codec, .. } = *self;
        let (stream, tag, payload) = (&*self.stream, &*self.tag, &*self.payload);
        NewSnapshot { stream, tag, version, position, event_id, recorded_at, occurred_max, codec, payload }
    }
}

impl Waiting {
    fn push(&mut self, new: &NewSnapshot<'_>) {
        self.bytes += new.payload.len();
        self.snapshots.push_back(Owned::of(new));
        while self.bytes > WAITING_BYTES_MAX || self.snapshots.len() > WAITING_MAX {
            self.pop();
        }
    }

    /// The newest one of a stream and tag at or before a version, with events that had all occurred by a time.
    fn find(
        &self,
        stream: &str,
        tag: &str,
        at_most: Version,
        occurred_by: Option<Timestamp>,
    ) -> Option<Snapshot> {
        let usable = self.snapshots.iter().filter(|waiting| {
            waiting.stream == stream
                && waiting.tag == tag
                && waiting.version <= at_most
                && occurred_by.is_none_or(|time| waiting.occurred_max <= time)
        });
        usable.max_by_key(|waiting| waiting.version).map(Owned::to_snapshot)
    }

    fn pop(&mut self) -> Option<Owned> {
        let first = self.snapshots.pop_front()?;
        self.bytes -= first.payload.len();
        Some(first)
    }

    /// The next one whose events are durable.
    fn next_durable(&mut self, durable: Position) -> Option<Owned> {
        if self.snapshots.front()?.position <= durable { self.pop() } else { None }
    }
}

#[derive(Debug)]
enum State {
    NotYet,
    Open(Arc<Snapshots>),
    /// Of a store that was closed: its files may be somebody else's.
    Closed,
}

impl LazySnapshots {
    pub(crate) fn new(options: SnapshotOptions) -> Self {
        LazySnapshots {
            options,
            state: Mutex::new(State::NotYet),
            waiting: Mutex::new(Waiting::default()),
            bytes: AtomicU64::new(0),
        }
    }

    /// What putting it later would refuse.
    fn check(&self, new: &NewSnapshot<'_>) -> Result<(), SnapshotError> {
        check_schema_tag(new.tag)?;
        let (bytes, most) = (new.payload.len(), self.options.payload_bytes_max);
        if bytes > most { Err(SnapshotError::TooLarge { bytes, most }) } else { Ok(()) }
    }

    /// Takes out those that do not have their turn any more.
    pub(crate) fn drop_waiting(&self, goes: impl Fn(&str, Version) -> bool) {
        let mut waiting = self.waiting.lock();
        let kept = std::mem::take(&mut waiting.snapshots);
        let kept = kept.into_iter().filter(|snapshot| !goes(&snapshot.stream, snapshot.version));
        waiting.snapshots = kept.collect();
        waiting.bytes = waiting.snapshots.iter().map(|snapshot| snapshot.payload.len()).sum();
    }

    fn opened(&self) -> Option<Arc<Snapshots>> {
        match &*self.state.lock() {
            State::Open(snapshots) => Some(Arc::clone(snapshots)),
            State::NotYet | State::Closed => None,
        }
    }
}

impl Core {
    pub(crate) fn snapshots(&self) -> Result<Arc<Snapshots>, SnapshotError> {
        let mut state = self.snapshots.state.lock();
        match &*state {
            State::Open(snapshots) => Ok(Arc::clone(snapshots)),
            State::Closed => Err(SnapshotError::Closed),
            State::NotYet => {
                let options = self.snapshots.options.clone();
                let opened = Arc::new(Snapshots::open(self.env.clone(), self.store_id, options)?);
                *state = State::Open(Arc::clone(&opened));
                // An earlier process may have left work.
                self.wake_worker();
                Ok(opened)
            }
        }
    }

    /// Puts a snapshot, once the events behind which it was taken are durable.
    ///
    /// `false`, and nothing is put, if something that it may have was erased since: `erasures` is what the view tells from which the state
    /// was loaded.
    pub(crate) fn put_snapshot(&self, new: &NewSnapshot<'_>, erasures: u64) -> Result<bool, SnapshotError> {
        let snapshots = self.snapshots()?;
        self.put_waiting(&snapshots)?;
        // Held until it is put: whoever erases closes the gate first and drops snapshots then.
        let gate = self.gate.read();
        let seed = self.plan.hash_seed;
        if gate.refuses(TermKey::new(TermKind::Stream, new.stream, seed).hash(seed), new.version, erasures) {
            return Ok(false);
        }
        if new.position > self.watermark.durable() && !planted(Bug::SnapshotBeforeItsEvents) {
            self.snapshots.check(new)?;
            self.snapshots.waiting.lock().push(new);
            return Ok(true);
        }
        snapshots.put(new)?;
        drop(gate);
        let bytes = new.payload.len() as u64 + OVERHEAD_BYTES;
        if self.snapshots.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes >= WAKE_BYTES {
            self.snapshots.bytes.store(0, Ordering::Relaxed);
            self.wake_worker();
        }
        Ok(true)
    }

    /// Finds the newest usable snapshot, also among those that wait: this process sees their events.
    pub(crate) fn find_snapshot(
        &self,
        stream: &str,
        tag: &str,
        at_most: Version,
        occurred_by: Option<Timestamp>,
    ) -> Result<Found, SnapshotError> {
        let waiting = self.snapshots.waiting.lock().find(stream, tag, at_most, occurred_by);
        let mut found = self.snapshots()?.find(stream, tag, at_most, occurred_by)?;
        let version = |snapshot: &Option<Snapshot>| snapshot.as_ref().map(|snapshot| snapshot.version);
        if version(&waiting) > version(&found.snapshot) {
            found.snapshot = waiting;
        }
        Ok(found)
    }

    /// Puts those whose events have become durable.
    fn put_waiting(&self, snapshots: &Snapshots) -> Result<(), SnapshotError> {
        let durable = self.watermark.durable();
        loop {
            let _gate = self.gate.read();
            // Not held while it is put.
            let next = self.snapshots.waiting.lock().next_durable(durable);
            match next {
                Some(next) => snapshots.put(&next.borrowed())?,
                None => return Ok(()),
            }
        }
    }

    /// Takes in what another process has put, if snapshots were asked for at all.
    pub(crate) fn refresh_snapshots(&self) -> Result<(), SnapshotError> {
        self.snapshots.opened().map_or(Ok(()), |snapshots| snapshots.refresh())
    }

    /// How many there are; none once the store is closed.
    pub(crate) fn snapshot_count(&self) -> Result<u64, ReadError> {
        match self.snapshots().and_then(|snapshots| snapshots.stats()) {
            Ok(stats) => Ok(stats.snapshots),
            Err(SnapshotError::Closed) => Ok(0),
            Err(error) => Err(log_error(error).into()),
        }
    }

    /// Works on the snapshots for a moment. Says whether there was anything to do.
    pub(crate) fn snapshot_step(&self) -> Result<bool, LogError> {
        match self.snapshots.opened() {
            None => Ok(false),
            Some(snapshots) => {
                let stepped = self.put_waiting(&snapshots).and_then(|()| snapshots.step(STEP_BYTES));
                stepped.map_err(log_error)
            }
        }
    }

    /// Ends the use of snapshots, in good order if that is asked for. What cannot be done costs reading when they are opened
    /// the next time.
    pub(crate) fn close_snapshots(&self, in_order: bool) {
        let state = std::mem::replace(&mut *self.snapshots.state.lock(), State::Closed);
        if let State::Open(snapshots) = state
            && in_order
        {
            let _ = self.put_waiting(&snapshots);
            let _ = snapshots.close();
        }
    }
}

pub(crate) fn log_error(error: SnapshotError) -> LogError {
    match error {
        SnapshotError::Io { what, source } => LogError::Io { what, source },
        other => LogError::Io { what: "work on the snapshots".into(), source: std::io::Error::other(other) },
    }
}
