//! The stores that are damaged: small ones, of every shape that a store can have on disk.

use super::layout::Layout;
use super::removed::Removed;
use crate::answers::all_events;
use crate::author::Author;
use crate::suite::Failure;
use crate::world::{START, World};
use annals::vfs::{Fate, MemoryDisk, Survival, Unsynced};
use annals::{Durability, Event, Store, Timestamp};
use std::collections::BTreeMap;

/// All files of a store, by their paths.
pub(super) type Image = BTreeMap<String, Vec<u8>>;

pub(super) const SEGMENT_BYTES: u64 = 16 << 10;

/// A store before it is damaged.
#[derive(Debug)]
pub(super) struct Specimen {
    pub(super) name: &'static str,
    pub(super) image: Image,
    /// What it says.
    pub(super) truth: Vec<Event>,
    /// Its last position.
    pub(super) last: u64,
    /// The same store at earlier moments.
    pub(super) older: Vec<Image>,
    /// Where its frames and records are.
    pub(super) layout: Layout,
    /// What else is known of a store of which events may have been removed.
    pub(super) removed: Option<Removed>,
}

/// How a specimen is made.
#[derive(Clone, Copy)]
struct Recipe {
    name: &'static str,
    batches: u64,
    data_max: u64,
    /// How many batches lie between two rounds of maintenance; 0 for none.
    maintain_every: u64,
    durability: Durability,
    ending: Ending,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Closed,
    Killed,
    PowerLost,
    /// Killed with a torn tail, opened again, appended to, killed.
    Recovered,
}

const RECIPES: [Recipe; 17] = [
    recipe("empty, closed", 0, 0, 0, Ending::Closed),
    recipe("empty, killed", 0, 0, 0, Ending::Killed),
    recipe("one event, closed", 1, 40, 0, Ending::Closed),
    recipe("one event, killed", 1, 40, 0, Ending::Killed),
    recipe("one segment, closed", 8, 300, 0, Ending::Closed),
    recipe("one segment, killed", 8, 300, 0, Ending::Killed),
    recipe("one segment, torn tail", 8, 300, 0, Ending::PowerLost),
    recipe("one segment, recovered", 8, 300, 0, Ending::Recovered),
    recipe("sealed segments, closed", 30, 1_500, 4, Ending::Closed),
    recipe("sealed segments, killed", 30, 1_500, 4, Ending::Killed),
    recipe("full segments, closed", 16, 1_500, 0, Ending::Closed),
    recipe("full segments, killed", 16, 1_500, 0, Ending::Killed),
    recipe("merged runs, closed", 60, 1_500, 2, Ending::Closed),
    recipe("merged runs, killed", 56, 1_500, 1, Ending::Killed),
    recipe("large events, closed", 8, 12_000, 2, Ending::Closed),
    Recipe { durability: Durability::Os, ..recipe("os durability, closed", 20, 1_500, 3, Ending::Closed) },
    Recipe {
        durability: Durability::Os,
        ..recipe("os durability, torn tail", 20, 1_500, 3, Ending::PowerLost)
    },
];

const fn recipe(
    name: &'static str,
    batches: u64,
    data_max: u64,
    maintain_every: u64,
    ending: Ending,
) -> Recipe {
    Recipe { name, batches, data_max, maintain_every, durability: Durability::Sync, ending }
}

/// Makes all specimens.
///
/// # Errors
/// That the engine cannot do it.
pub(super) fn specimens() -> Result<Vec<Specimen>, Failure> {
    (0..).zip(RECIPES).map(|(seed, recipe)| recipe.make(seed)).collect()
}

/// The files of a store that has nothing to do with the others, and has files with the same names.
///
/// # Errors
/// That the engine cannot do it.
pub(super) fn foreign() -> Result<Image, Failure> {
    Ok(recipe("another store", 20, 1_500, 4, Ending::Closed).make(99)?.image)
}

impl Recipe {
    fn make(self, seed: u64) -> Result<Specimen, Failure> {
        let world = World::new(seed, SEGMENT_BYTES);
        let author = Author { seed, events_max: 5, data_max: self.data_max, large: self.batches > 15 };
        let mut older = vec![];
        let store = self.open(&world)?;
        self.append(&world, &store, author, 0..self.batches, &mut older)?;
        let left = match self.ending {
            Ending::Closed => {
                older.push(world.disk.image());
                store.close().map_err(failed)?;
                world.disk.clone()
            }
            Ending::Killed => world.disk.crash(Survival::All),
            Ending::PowerLost => torn(&world, store, author, self.batches)?,
            Ending::Recovered => {
                let again = world.after(torn(&world, store, author, self.batches)?);
                let store = self.open(&again)?;
                self.append(&again, &store, author, self.batches..self.batches + 3, &mut older)?;
                again.disk.crash(Survival::All)
            }
        };
        let image = left.image();
        let copy = world.after(left.crash(Survival::All)).open().map_err(failed)?;
        let (last, truth) = (copy.last_position().get(), all_events(&copy.view()).map_err(failed)?);
        let layout = Layout::of(&image);
        Ok(Specimen { name: self.name, layout, image, truth, last, older, removed: None })
    }

    fn open(&self, world: &World) -> Result<Store, Failure> {
        world.options().durability(self.durability).open("specimen").map_err(failed)
    }

    fn append(
        &self,
        world: &World,
        store: &Store,
        author: Author,
        numbers: std::ops::Range<u64>,
        older: &mut Vec<Image>,
    ) -> Result<(), Failure> {
        older.push(world.disk.image());
        for number in numbers {
            let now = START + 1_000_000 * i64::try_from(number).unwrap_or(0);
            world.clock.set(Timestamp::from_nanos(now));
            store.append_batch(author.batch(number).map_err(failed)?).map_err(failed)?;
            if self.maintain_every > 0 && number % self.maintain_every == self.maintain_every - 1 {
                store.maintain().map_err(failed)?;
                older.push(world.disk.image());
            }
        }
        older.push(world.disk.image());
        Ok(())
    }
}

/// A batch more whose frame reaches the disk in part.
fn torn(world: &World, store: Store, author: Author, number: u64) -> Result<MemoryDisk, Failure> {
    let before = world.disk.clone();
    let begun = world.after(before.crash(Survival::All));
    drop(store);
    // Under os durability nothing is synced yet, so the last write is one that a loss of power can tear.
    let store = begun.options().durability(Durability::Os).open("specimen").map_err(failed)?;
    store.append_batch(author.batch(number).map_err(failed)?).map_err(failed)?;
    let mut tear = |unsynced: &Unsynced<'_>| match unsynced {
        Unsynced::Write { bytes, .. } => Fate::Torn { kept: bytes.len() / 2 },
        _ => Fate::Kept,
    };
    Ok(begun.disk.crash(Survival::Chosen(&mut tear)))
}

pub(super) fn failed(error: impl std::fmt::Debug) -> Failure {
    Failure::new(format!("a specimen cannot be made: {error:?}"))
}
