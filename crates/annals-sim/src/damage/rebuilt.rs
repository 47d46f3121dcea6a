//! What must hold of the repair of a damaged store of which events were removed before: nothing whole is lost, nothing removed comes
//! back, the two are not taken for each other, and what the store knew of its removals and erasures goes on.

use super::allowed::Left;
use super::check::{append, verify};
use super::removed::Removed;
use super::repaired::{may_be_refused, repair};
use super::states;
use super::witness::Witness;
use crate::suite::Failure;
use crate::world::World;
use annals::{Event, LostRange, Position, ReadError, RepairReport, Store};
use annals_format::names;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// Repairs the store into an empty disk.
///
/// # Errors
/// The first thing that does not hold.
pub(super) fn check_repair(removed: &Removed, left: &Left<'_>, read: &Witness) -> Result<(), Failure> {
    let (repaired, to) = repair(left.damaged, None)?;
    let report = match repaired {
        Ok(report) => report,
        Err(error) => return may_be_refused(left, &error),
    };
    is_sound(&to, "repaired")?;
    let store = to.open().map_err(|error| failed("repaired, and refused", &error))?;
    let new = New::of(&store, report)?;
    if left.is_own() {
        new.has_what_is_whole(left, read)?;
        new.has_nothing_else(removed, left)?;
        new.tells_the_truth(left)?;
        states::check(&store, left)?;
        if !left.essential() {
            let known = left.specimen.removed.as_ref().unwrap_or(removed);
            new.goes_on_where_it_was(&store, known)?;
        }
    }
    go_on(&to, store)
}

fn failed(what: &str, found: &dyn Debug) -> Failure {
    Failure::new(format!("{what}: {found:?}"))
}

fn is_sound(to: &World, when: &str) -> Result<(), Failure> {
    let found = verify(to).map_err(|error| failed(when, &error))?;
    if found.findings.is_empty() { Ok(()) } else { Err(failed(when, &found)) }
}

/// The new store.
struct New {
    report: RepairReport,
    shown: BTreeMap<u64, Event>,
    hidden: BTreeSet<u64>,
    removed: BTreeSet<u64>,
}

impl New {
    /// Each position up to the last one has an event, was lost or was removed, as the report says.
    fn of(store: &Store, report: RepairReport) -> Result<Self, Failure> {
        let (view, last) = (store.view(), report.last_position.get());
        let (mut shown, mut hidden) = (BTreeMap::new(), BTreeSet::new());
        let (mut removed, mut lost) = (BTreeSet::new(), BTreeSet::new());
        for position in 1..=last {
            match view.event_at(Position::new(position)) {
                Ok(Some(event)) => drop(shown.insert(position, event.to_event())),
                Err(ReadError::Hidden { .. }) => drop(hidden.insert(position)),
                Err(ReadError::Removed { .. }) => drop(removed.insert(position)),
                Err(ReadError::Lost { .. }) => drop(lost.insert(position)),
                other => return Err(failed("repaired, a position", &(position, other))),
            }
        }
        let told = positions(&report.lost);
        // One that was removed may have to end a segment.
        let stands_in = lost.len().saturating_sub(told.len());
        let counted = (report.events, report.lost_positions, view.position().get());
        let same = counted == ((shown.len() + hidden.len()) as u64, told.len() as u64, last)
            && told.is_subset(&lost)
            && stands_in <= usize::from(report.notes.iter().any(|note| note.contains("counts as lost")))
            && report.removed_positions + report.uncertain_positions == (removed.len() + stands_in) as u64;
        if same {
            Ok(New { report, shown, hidden, removed })
        } else {
            Err(failed("repaired, and told", &(lost, removed, report)))
        }
    }

    /// Nothing is lost that damage did not touch, or that the damaged store has shown.
    fn has_what_is_whole(&self, left: &Left<'_>, read: &Witness) -> Result<(), Failure> {
        let is_kept = |position: &u64| self.shown.contains_key(position) || self.hidden.contains(position);
        let mut whole = left.in_untouched_segments();
        // A whole frame in the place of another one is believed, so what lies between the two is passed over.
        if !read.refused && !left.damaged.misplaced {
            let shown = left.specimen.truth.iter().map(|event| event.position.get());
            whole.extend(
                shown.filter(|position| *position <= read.end && !read.unreadable.contains(position)),
            );
        }
        match whole.iter().find(|position| !is_kept(position)) {
            None => Ok(()),
            Some(position) => Err(failed("it could be read, and is gone", &(position, &self.report))),
        }
    }

    /// Nothing is invented, and nothing comes back.
    fn has_nothing_else(&self, removed: &Removed, left: &Left<'_>) -> Result<(), Failure> {
        let specimen = left.specimen;
        let is_stored = |position: u64| specimen.layout.record(position).is_some();
        if !left.touched.contains(names::MANIFEST) {
            // It names the right files, whatever lies beside them.
            let kept = self.shown.keys().chain(&self.hidden);
            if let Some(position) = kept.copied().find(|position| !is_stored(*position)) {
                return Err(failed("what was removed comes back", &position));
            }
        }
        // What a rule hides is stored, and is shown where the rule, or what it counts, is lost.
        let is_hidden = |event: &Event| {
            is_stored(event.position.get())
                && specimen.truth.binary_search_by_key(&event.position, |event| event.position).is_err()
        };
        match self.shown.values().find(|event| !removed.have_shown(event) && !is_hidden(event)) {
            None => Ok(()),
            Some(event) => Err(failed("repaired, and there is", event)),
        }
    }

    /// What is said to be lost was there, and what is said to be removed was not. Where nothing tells the two apart, lost events that
    /// are known of are given positions by guess, so that only their number is right.
    fn tells_the_truth(&self, left: &Left<'_>) -> Result<(), Failure> {
        let is_stored = |position: &u64| left.specimen.layout.record(*position).is_some();
        let (lost, uncertain) = (positions(&self.report.lost), positions(&self.report.uncertain));
        let missing = lost.union(&uncertain).filter(|position| is_stored(position)).count();
        if lost.len() > missing {
            return Err(failed("more are told as lost than were there", &self.report));
        }
        if let Some(position) = lost.iter().find(|position| uncertain.is_empty() && !is_stored(position)) {
            return Err(failed("it was removed, and is told as lost", &(position, &self.report)));
        }
        let certain = self.removed.difference(&uncertain);
        match certain.copied().find(|position| is_stored(position)) {
            None => Ok(()),
            Some(position) => Err(failed("it was there, and is told as removed", &(position, &self.report))),
        }
    }

    /// If nothing is damaged that cannot be made again, everything is as it was: the ledger, and what is being erased.
    fn goes_on_where_it_was(&self, store: &Store, removed: &Removed) -> Result<(), Failure> {
        let report = &self.report;
        if report.lost_positions + report.uncertain_positions > 0 {
            return Err(failed("only what can be made again is damaged", report));
        }
        let ledger = store.ledger().map_err(|error| failed("repaired, the ledger", &error))?;
        let numbers: Vec<(u64, u64, u64)> =
            ledger.iter().map(|entry| (entry.compaction, entry.events(), entry.erased)).collect();
        let found = (numbers, store.erasures_under_way());
        if found == removed.known {
            Ok(())
        } else {
            Err(failed("ledger, and erasures under way", &(found, &removed.known)))
        }
    }
}

fn positions(ranges: &[LostRange]) -> BTreeSet<u64> {
    ranges.iter().flat_map(|range| range.first.get()..=range.last.get()).collect()
}

/// The new store takes appends, is compacted, and is sound when it was closed. Its ledger goes on being numbered.
fn go_on(to: &World, store: Store) -> Result<(), Failure> {
    append(&store).map_err(|what| failed("repaired, an append", &what))?;
    store.maintain().map_err(|error| failed("repaired, maintain", &error))?;
    let compacted = store.compaction().all(true).bytes_per_second(None).run();
    compacted.map_err(|error| failed("repaired, compaction", &error))?;
    let ledger = store.ledger().map_err(|error| failed("repaired, the ledger", &error))?;
    if !ledger.is_sorted_by(|one, other| one.compaction < other.compaction) {
        return Err(failed("the ledger goes on with numbers that it has", &ledger));
    }
    store.close().map_err(|error| failed("repaired, close", &error))?;
    is_sound(to, "repaired, compacted and closed")
}
