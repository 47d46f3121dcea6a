//! What a store has, read by somebody else over a disk where no call fails.

use super::prepared::ERASED;
use crate::answers::all_events;
use crate::suite::Failure;
use crate::world::World;
use annals::vfs::{Disk, Survival};
use annals::{Event, verify_in};
use std::sync::Arc;

/// What a store has.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    /// What it shows, but for the streams of its own.
    pub(super) shown: Vec<Event>,
    /// How many positions have no event any more.
    pub(super) gone: u64,
    /// How many events the ledger says were removed.
    pub(super) told: u64,
    /// Which ones it says were erased, by their positions, as far as its entries are in the log.
    pub(super) erased: Vec<u64>,
}

impl Seen {
    /// Verifies the files and reads them.
    ///
    /// # Errors
    /// That anything is damaged or cannot be read, or that what is gone and what the ledger tells are not the same.
    pub(super) fn of(world: &World) -> Result<Self, Failure> {
        let failed = |what: &str, error: &dyn std::fmt::Debug| Failure::new(format!("{what}: {error:?}"));
        let left = world.after(world.disk.crash(Survival::All));
        let disk: Arc<dyn Disk> = Arc::new(left.disk.clone());
        let found = verify_in(&left.env_over(disk), &mut |_| {}).map_err(|error| failed("verify", &error))?;
        if !found.findings.is_empty() {
            return Err(failed("verify finds", &found.findings));
        }
        let store = left.options().read_only(true).open("seen").map_err(|error| failed("open", &error))?;
        let mut shown = all_events(&store.view()).map_err(|error| failed("read", &error))?;
        shown.retain(|event| !event.stream.starts_with('$'));
        let stats = store.stats().map_err(|error| failed("stats", &error))?;
        let ledger = store.ledger().map_err(|error| failed("ledger", &error))?;
        let erased = store.erased_events().map(|event| event.map(|event| event.position.get()));
        let mut seen = Seen {
            shown,
            gone: stats.last_position.get() - stats.events,
            told: ledger.iter().map(annals::LedgerEntry::events).sum(),
            erased: erased.collect::<Result<_, _>>().map_err(|error| failed("erased events", &error))?,
        };
        seen.erased.sort_unstable();
        let in_order = ledger.iter().zip(1..).all(|(entry, number)| entry.compaction == number);
        let twice = seen.erased.windows(2).any(|pair| pair[0] == pair[1]);
        let appended = ledger.iter().filter(|entry| entry.position.is_some());
        let told_erased: u64 = appended.map(|entry| entry.erased).sum();
        match in_order && seen.gone == seen.told && seen.erased.len() as u64 == told_erased && !twice {
            true => Ok(seen),
            false => {
                Err(failed("what is gone is not what the ledger tells", &(ledger, seen.gone, seen.erased)))
            }
        }
    }

    /// Whether it shows the same as another one, but that payloads of the erased stream are not there: of none of its
    /// events, or of all of them.
    pub(super) fn shows_or_has_erased(&self, other: &Seen) -> Result<bool, Failure> {
        let own = || self.shown.iter().filter(|event| event.stream == ERASED);
        let erased = own().filter(|event| event.payload.is_err()).count();
        let same = |event: &Event, other: &Event| {
            let payload = if event.stream == ERASED { &event.payload } else { &other.payload };
            *event == Event { payload: payload.clone(), ..other.clone() }
        };
        let all = self.shown.len() == other.shown.len()
            && self.shown.iter().zip(&other.shown).all(|(event, other)| same(event, other));
        match all && (erased == 0 || erased == own().count()) {
            true => Ok(erased > 0),
            false => {
                Err(Failure::new(format!("{erased} payloads are erased, or other events are not the same")))
            }
        }
    }
}
