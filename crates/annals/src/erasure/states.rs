//! States of what is erased: snapshots that may have it go, and no more of them are put.

use super::error::{EraseError, Interrupted};
use super::request::Request;
use super::under_way::hash_of;
use crate::core::Core;
use crate::error::ReadError;
use crate::retention::{deletion_of, lets_go_for_good, useless_before};
use crate::snapshots::log_error;
use crate::stats::bytes_in;
use crate::store::Store;
use annals_format::names;
use annals_snapshot::Forget;
use annals_types::Version;
use annals_types::planted::{Bug, planted};
use std::collections::HashMap;

/// Keeps states from being saved that were loaded before their events were erased. Some 40 bytes for each stream of which something
/// was erased since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// By the hash of a stream's name: the number of the last erasure, counted since the store was opened, and the lowest version.
    streams: HashMap<u64, (u64, Version)>,
}

impl Gate {
    /// Whether a state may have what was erased since the view was made from which it was loaded: `erasures` is what that view tells.
    pub(crate) fn refuses(&self, stream: u64, version: Version, erasures: u64) -> bool {
        let erased = self.streams.get(&stream);
        erased.is_some_and(|(last, from)| erasures < *last && version >= *from)
            && !planted(Bug::StateSavedAfterErasure)
    }

    fn note(&mut self, stream: u64, from: Version, erasures: u64) {
        let (last, lowest) = self.streams.entry(stream).or_insert((erasures, from));
        (*last, *lowest) = (erasures, from.min(*lowest));
    }
}

impl Core {
    /// From here on nobody is shown what the manifest says is under way, and no state is saved that was loaded before.
    pub(super) fn conceal(&self, requests: &[Request]) {
        let numbers = self.catalog.lock().manifest().erasures;
        let mut gate = self.gate.write();
        self.change_parts(|parts| {
            parts.erasing = super::UnderWay::of(numbers, None);
            parts.erasures += 1;
        });
        let erasures = self.parts.load_full().erasures;
        for of in requests.iter().flat_map(|request| &request.streams) {
            gate.note(hash_of(&of.stream, self.plan.hash_seed), of.from, erasures);
        }
        // They are put later, when their events are durable.
        let seed = self.plan.hash_seed;
        self.snapshots.drop_waiting(|stream, version| gate.refuses(hash_of(stream, seed), version, 0));
    }

    /// Drops the snapshots of all states that may have what is erased. Says how many.
    pub(super) fn forget_states<'r>(
        &self,
        requests: impl Iterator<Item = &'r Request>,
    ) -> Result<u64, Interrupted> {
        let mut forget = Forget::new(&self.store_id);
        for of in requests.flat_map(|request| &request.streams) {
            forget.from_on(&of.stream, of.from);
        }
        // Without files, nothing has to be opened.
        let none = forget.is_empty() || bytes_in(&*self.env.disk, names::SNAPSHOT_DIR)? == 0;
        if none || planted(Bug::SnapshotsOutliveErasure) {
            return Ok(0);
        }
        Ok(self.snapshots()?.forget(&forget)?.dropped)
    }
}

impl Store {
    /// Drops the snapshots that nobody can need any more: of streams whose names are closed, of former lives of deleted streams, and those
    /// so far below a truncation that events behind them are missing. Says how many.
    pub(crate) fn forget_useless_states(&self) -> Result<u64, ReadError> {
        let core = self.shared();
        let view = self.view();
        let none = !lets_go_for_good(&view)? || bytes_in(&*core.env.disk, names::SNAPSHOT_DIR)? == 0;
        if none || planted(Bug::StatesOfDeletedStay) {
            return Ok(0);
        }
        let mut forget = Forget::new(&core.store_id);
        let mut last: Option<(String, Version)> = None;
        let snapshots = core.snapshots().map_err(log_error)?;
        // Of one that is damaged nobody knows what it is; it is not used either.
        for info in snapshots.list("").flatten() {
            let before = match &last {
                Some((stream, before)) if *stream == info.stream => *before,
                _ => useless_before(&view, &info.stream)?,
            };
            if info.version < before {
                forget.before(&info.stream, before);
            }
            last = Some((info.stream, before));
        }
        if forget.is_empty() {
            return Ok(0);
        }
        Ok(snapshots.forget(&forget).map_err(log_error)?.dropped)
    }
}

/// Refuses what would take away a state that cannot be made again: below a floor a snapshot is data.
pub(super) fn refuse_lost_states(store: &Store, requests: &[Request]) -> Result<(), EraseError> {
    let core = store.shared();
    if bytes_in(&*core.env.disk, names::SNAPSHOT_DIR)? == 0 {
        return Ok(());
    }
    let view = store.view();
    for of in requests.iter().flat_map(|request| &request.streams) {
        let floor = view.floor(&of.stream)?;
        // What was deleted has no state any more, and what came behind it begins anew.
        let (anew, closed) = deletion_of(&view, &of.stream)?;
        if floor <= anew || closed {
            continue;
        }
        // A state that ends further below is of no use: events behind it are missing.
        let needed = |version: Version| version >= of.from && version.next() >= floor;
        let snapshots = core.snapshots().map_err(snapshot_error)?;
        for info in snapshots.list(&of.stream) {
            let info = info.map_err(snapshot_error)?;
            if info.stream == of.stream && needed(info.version) {
                let (stream, version) = (of.stream.clone(), info.version);
                return Err(EraseError::StateWouldGo { stream, version, floor });
            }
        }
    }
    Ok(())
}

fn snapshot_error(error: annals_snapshot::SnapshotError) -> EraseError {
    ReadError::from(log_error(error)).into()
}
