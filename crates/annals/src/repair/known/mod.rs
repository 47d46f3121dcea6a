//! What the original's index says of lost positions: a run lists the positions of each stream, and outlives its segment.

mod runs;

pub(super) use runs::identities;

use crate::error::OpenError;
use annals_format::{Manifest, RunSpan, StoreId};
use annals_index::{Run, RunIdentity, TermKind};
use annals_types::{EventRef, Position, Version};
use annals_vfs::Disk;
use runs::{agrees, spans, whole};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many terms, and how many positions, are taken from a run at once.
const PAGE: usize = 1024;
/// Of how many lost positions the streams are kept at once. A run may be about any number of them.
const LOST_AT_ONCE: u64 = 1 << 20;

/// A run that may be asked.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    identity: RunIdentity,
    /// How many positions it covers, which may be fewer than are in its file.
    count: u64,
    /// Whether what is kept agrees with it so far. A run that the manifest names needs no such proof.
    agrees: bool,
    named: bool,
}

/// What the index proves of a position that the log does not have.
#[derive(Debug)]
pub(super) enum Told {
    /// It had an event, of this stream and version.
    There(Arc<str>, Version),
    /// It had none any more.
    Removed,
    Nothing,
}

/// The runs of the original, and what the one that was asked last says of lost positions.
#[derive(Debug)]
pub(super) struct Known<'d> {
    disk: &'d dyn Disk,
    store_id: StoreId,
    /// By the first position that they cover.
    runs: BTreeMap<Position, Candidate>,
    /// Stretches of lost positions, in order: first and last.
    lost: Vec<(Position, Position)>,
    /// Of which run the streams were loaded last, by its first position, and from where to where.
    loaded: Option<(Position, Position, Position)>,
    lost_at_once: u64,
    streams: BTreeMap<Position, (Arc<str>, Version)>,
    /// Lost positions in that run of which the stream was not known when it was made.
    nameless: BTreeSet<Position>,
    /// Whether all that it says of these positions was loaded.
    complete: bool,
    /// The run that events are compared with.
    compared: Option<(Position, Option<Run>)>,
}

impl<'d> Known<'d> {
    /// The runs that there are. None of them is looked into.
    pub(super) fn new(
        disk: &'d dyn Disk,
        store_id: &StoreId,
        manifest: Option<&Manifest>,
    ) -> Result<Self, OpenError> {
        let mut runs: BTreeMap<Position, Candidate> = BTreeMap::new();
        for identity in identities(disk, store_id)? {
            let named = manifest.is_some_and(|manifest| identity.run_id < manifest.next_file_id);
            for RunSpan { first_position, count } in spans(&identity, manifest) {
                let candidate = Candidate { identity, count, agrees: true, named };
                let place = runs.entry(first_position).or_insert(candidate);
                // The later one was made because the earlier one was damaged, and the named one is the right one.
                if (named, identity.run_id) > (place.named, place.identity.run_id) {
                    *place = candidate;
                }
            }
        }
        Ok(Known {
            disk,
            store_id: *store_id,
            runs,
            lost: Vec::new(),
            loaded: None,
            lost_at_once: LOST_AT_ONCE,
            streams: BTreeMap::new(),
            nameless: BTreeSet::new(),
            complete: false,
            compared: None,
        })
    }

    /// Adds positions that are lost, in order.
    pub(super) fn lose(&mut self, first: Position, last: Position) {
        match self.lost.last_mut() {
            Some(stretch) if stretch.1.next() == first => stretch.1 = last,
            _ => self.lost.push((first, last)),
        }
    }

    /// The first lost position.
    pub(super) fn first_lost(&self) -> Option<Position> {
        self.lost.first().map(|(first, _)| *first)
    }

    /// Compares an event that is kept with a run that nothing vouches for.
    pub(super) fn compare(&mut self, event: &EventRef<'_>) {
        let position = event.position;
        let Some((first, candidate)) = self.covering(position) else { return };
        if candidate.named || !candidate.agrees {
            return;
        }
        let (first, identity) = (*first, candidate.identity);
        if self.compared.as_ref().is_none_or(|(compared, _)| *compared != first) {
            self.compared = Some((first, self.open(&identity)));
        }
        let Some((_, run)) = &self.compared else { return };
        let agrees = run.as_ref().is_some_and(|run| agrees(run, event));
        if let Some(candidate) = self.runs.get_mut(&first) {
            candidate.agrees = agrees;
        }
    }

    /// The stream and the version of the event that was at a lost position.
    pub(super) fn stream_at(&mut self, position: Position) -> Option<(Arc<str>, Version)> {
        let (first, candidate) = self.covering(position)?;
        let (first, identity, end) = (*first, candidate.identity, first.plus(candidate.count));
        if !candidate.agrees {
            return None;
        }
        let loaded =
            |(run, from, to): (Position, Position, Position)| run == first && (from..=to).contains(&position);
        if !self.loaded.is_some_and(loaded) {
            self.streams.clear();
            let lost = self.lost_from(position, end.previous());
            self.loaded = Some((first, position, lost.last().map_or(position, |stretch| stretch.1)));
            self.nameless.clear();
            self.complete = false;
            if let Some(run) = self.open(&identity) {
                match self.load(&run, &lost) {
                    Ok(()) => self.complete = true,
                    Err(_damaged) => self.streams.clear(),
                }
            }
        }
        self.streams.get(&position).cloned()
    }

    /// What a run that the manifest names proves of a position.
    pub(super) fn told(&mut self, position: Position) -> Told {
        if !self.covering(position).is_some_and(|(_, candidate)| candidate.named) {
            return Told::Nothing;
        }
        match self.stream_at(position) {
            Some((stream, version)) => Told::There(stream, version),
            // It has all events of its positions.
            None if self.complete && !self.nameless.contains(&position) => Told::Removed,
            None => Told::Nothing,
        }
    }

    /// The first position from this one on of which a run that the manifest names may tell.
    pub(super) fn next_told(&self, position: Position) -> Option<Position> {
        if self.covering(position).is_some_and(|(_, candidate)| candidate.named) {
            return Some(position);
        }
        let mut later = self.runs.range(position.next()..);
        later.find(|(_, candidate)| candidate.named).map(|(first, _)| *first)
    }

    fn covering(&self, position: Position) -> Option<(&Position, &Candidate)> {
        let (first, candidate) = self.runs.range(..=position).next_back()?;
        (position < first.plus(candidate.count)).then_some((first, candidate))
    }

    /// A run, if every byte of it is sound.
    fn open(&self, identity: &RunIdentity) -> Option<Run> {
        let mapping = whole(self.disk, identity)?;
        let run = Run::open(mapping, &self.store_id, identity).ok()?;
        run.check_all().ok()?;
        Some(run)
    }

    /// Stretches of lost positions from one on, up to another, as many as are looked at at once.
    fn lost_from(&self, first: Position, last: Position) -> Vec<(Position, Position)> {
        let (mut stretches, mut left) = (Vec::new(), self.lost_at_once);
        let from = self.lost.partition_point(|stretch| stretch.1 < first);
        for (low, high) in &self.lost[from..] {
            let low = (*low).max(first);
            let high = (*high).min(last).min(low.plus(left).previous());
            if left == 0 || low > high {
                break;
            }
            left -= high.events_since(low.previous());
            stretches.push((low, high));
        }
        stretches
    }

    /// Takes from a run what it says of lost positions.
    fn load(&mut self, run: &Run, lost: &[(Position, Position)]) -> Result<(), annals_format::Damage> {
        let (Some((first, _)), Some((_, last))) = (lost.first(), lost.last()) else { return Ok(()) };
        let is_lost = |position: Position| {
            let after = lost.partition_point(|stretch| stretch.0 <= position);
            after.checked_sub(1).is_some_and(|index| position <= lost[index].1)
        };
        let mut after: Option<String> = None;
        let mut positions = Vec::with_capacity(PAGE);
        if let Some(postings) = run.find(TermKind::Type, "")? {
            let (mut from, end) = (run.rank(&postings, first.previous())?, run.rank(&postings, *last)?);
            while from < end {
                positions.clear();
                run.positions(&postings, from, PAGE, &mut positions)?;
                self.nameless.extend(positions.iter().copied().filter(|position| is_lost(*position)));
                from += PAGE as u64;
            }
        }
        loop {
            let page = run.terms(TermKind::Stream, "", after.as_deref(), PAGE)?;
            for (name, postings) in &page {
                let mut shared: Option<Arc<str>> = None;
                let mut from = run.rank(postings, first.previous())?;
                let end = run.rank(postings, *last)?;
                while from < end {
                    positions.clear();
                    run.positions(postings, from, PAGE, &mut positions)?;
                    for (position, ordinal) in positions.iter().zip(from..) {
                        if is_lost(*position) {
                            let name = shared.get_or_insert_with(|| name.as_str().into());
                            let version = postings.first_version().plus(ordinal);
                            self.streams.insert(*position, (Arc::clone(name), version));
                        }
                    }
                    from += PAGE as u64;
                }
            }
            match page.last() {
                Some((name, _)) if page.len() == PAGE => after = Some(name.clone()),
                _ => return Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expected, NewEvent, Options};
    use annals_vfs::{Env, MemoryDisk};

    /// A run of many segments may know of more lost positions than fit into memory.
    #[test]
    fn the_streams_of_lost_positions_are_taken_from_a_run_some_at_a_time() {
        let disk = MemoryDisk::new();
        let env = Env::system(Arc::new(disk.clone()));
        let store = Options::new().env(env).segment_bytes(16 << 10).background(false).open("memory").unwrap();
        for number in 0..40 {
            let event = NewEvent::new("t", vec![7; 3000]);
            store.append(&format!("s-{}", number % 3), Expected::Any, &[event]).unwrap();
        }
        store.maintain().unwrap();
        let manifest = crate::catalog::read_manifest(&disk).unwrap().unwrap();
        let largest = manifest.runs.iter().max_by_key(|run| run.count).unwrap();
        let last = largest.first_position.plus(largest.count).previous();
        assert!(largest.first_position == Position::FIRST && largest.count > 15);
        let mut known = Known::new(&disk, &manifest.store_id, Some(&manifest)).unwrap();
        known.lost_at_once = 5;
        known.lose(Position::new(2), Position::new(4));
        known.lose(Position::new(6), last);
        let told = |known: &mut Known<'_>, position: u64| {
            let (stream, version) = known.stream_at(Position::new(position))?;
            assert!(known.streams.len() <= 5);
            Some((stream.to_string(), version.get()))
        };
        for _ in 0..2 {
            for position in (2..=last.get()).filter(|position| *position != 5) {
                let expected = (format!("s-{}", (position - 1) % 3), (position - 1) / 3 + 1);
                assert_eq!(told(&mut known, position), Some(expected));
            }
        }
    }
}
