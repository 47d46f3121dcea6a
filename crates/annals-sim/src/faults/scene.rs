//! Compaction, erasure, backup and restore over disks of which a call fails: what comes of it is the old or the new, and the
//! next attempt makes it the new one.

use super::kinds::Kind;
use super::prepared::{Prepared, compact, erase, prepared, world};
use super::seen::Seen;
use crate::suite::Failure;
use crate::world::World;
use annals::vfs::{Call, Disk, FaultyDisk, MemoryDisk, Survival};
use annals::{BackupOptions, RestoreTo, Store, restore_in};
use annals_format::names;
use std::fmt::{self, Debug};
use std::sync::Arc;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Compaction,
    Erasure,
    FirstBackup,
    /// To where there is one of before a compaction and an erasure.
    NextBackup,
    Restore,
}

/// Something that is done, and whose calls fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    act: Act,
    /// Whether those of the disk that is copied to; otherwise those of the one that is read.
    of_copy: bool,
}

/// The disks of a scene.
struct Stage {
    prepared: &'static Prepared,
    scene: Scene,
    /// The store, or the backup that is restored.
    from: World,
    to: World,
    faulty: FaultyDisk,
    /// What is written to, if it is open.
    store: Option<Store>,
}

impl Scene {
    pub(super) fn all() -> Vec<Scene> {
        let copies = [Act::FirstBackup, Act::NextBackup, Act::Restore];
        let scene = |of_copy| move |act| Scene { act, of_copy };
        let alone = [Act::Compaction, Act::Erasure].into_iter().map(scene(false));
        alone.chain(copies.into_iter().map(scene(false))).chain(copies.into_iter().map(scene(true))).collect()
    }

    /// The calls that it makes if none fails, by kind.
    pub(super) fn count_calls(self) -> Vec<u64> {
        let counted = Stage::new(self).and_then(|stage| {
            let before = stage.calls();
            stage.act().map_err(Failure::new)?;
            Ok(stage.calls().into_iter().zip(before).map(|(after, before)| after - before).collect())
        });
        // Every case fails by itself then, and says so.
        counted.unwrap_or_else(|_| vec![1; Call::ALL.len()])
    }

    /// The scene with the `nth` of the calls of this kind failing, and what is left of it.
    pub(super) fn run(self, kind: &Kind, nth: u64) -> Result<(), Failure> {
        let mut stage = Stage::new(self)?;
        kind.arm(&stage.faulty, nth);
        let result = stage.act();
        let fired = stage.faulty.fired();
        stage.faulty.disarm();
        match &result {
            Err(what) if what.contains("Corrupt") || what.contains("BadCopy") => {
                return Err(Failure::new(format!("a failing call is no damage: {what}")));
            }
            Err(what) if !fired || kind.is_unnoticed() => {
                return Err(Failure::new(format!("it fails because of nothing: {what}")));
            }
            _ => {}
        }
        for (what, survival) in
            [("the process is killed", Survival::All), ("the power fails", Survival::Synced)]
        {
            let said = |failure| Failure::new(format!("after {result:?}, {what}: {failure}"));
            stage.check(survival, result.is_ok()).map_err(said)?;
        }
        stage.again().map_err(|failure| Failure::new(format!("after {result:?}, again: {failure}")))?;
        stage.check(Survival::Synced, true)
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {}", self.act, if self.of_copy { "calls of the copy" } else { "calls of the store" })
    }
}

impl Stage {
    fn new(scene: Scene) -> Result<Self, Failure> {
        let prepared = prepared()?;
        let from = match scene.act {
            Act::Compaction | Act::Erasure => &prepared.full,
            Act::FirstBackup | Act::NextBackup => &prepared.compacted,
            Act::Restore => &prepared.backup_of_compacted,
        };
        let from = world(from)?;
        let to = match scene.act {
            Act::NextBackup => world(&prepared.backup)?,
            _ => from.after(MemoryDisk::new()),
        };
        let disk = if scene.of_copy { &to.disk } else { &from.disk };
        let faulty = FaultyDisk::new(Arc::new(disk.clone()));
        let mut stage = Stage { prepared, scene, from, to, faulty, store: None };
        stage.open()?;
        Ok(stage)
    }

    fn disk_of_store(&self) -> Arc<dyn Disk> {
        if self.scene.of_copy { Arc::new(self.from.disk.clone()) } else { Arc::new(self.faulty.clone()) }
    }

    fn disk_of_copy(&self) -> Arc<dyn Disk> {
        if self.scene.of_copy { Arc::new(self.faulty.clone()) } else { Arc::new(self.to.disk.clone()) }
    }

    /// What is restored is opened by that itself.
    fn open(&mut self) -> Result<(), Failure> {
        if self.scene.act != Act::Restore {
            let store = self.from.options_over(self.disk_of_store()).open("scene");
            self.store = Some(store.map_err(|error| Failure::new(format!("open: {error:?}")))?);
        }
        Ok(())
    }

    fn calls(&self) -> Vec<u64> {
        Call::ALL.iter().map(|call| self.faulty.calls(*call)).collect()
    }

    /// Does it. An error is given in words.
    fn act(&self) -> Result<(), String> {
        fn said<T, E: Debug>(result: Result<T, E>) -> Result<(), String> {
            result.map(drop).map_err(|error| format!("{error:?}"))
        }
        let (options, copy) = (BackupOptions::new(), self.from.env_over(self.disk_of_copy()));
        match (self.scene.act, &self.store) {
            (Act::Compaction, Some(store)) => said(compact(store)),
            (Act::Erasure, Some(store)) => said(erase(store)),
            (Act::FirstBackup | Act::NextBackup, Some(store)) => {
                said(store.backup_in(&copy, &options, &mut |_| {}))
            }
            _ => {
                let backup = self.from.env_over(self.disk_of_store());
                said(restore_in(&backup, &copy, RestoreTo::End, &options, &mut |_| {}))
            }
        }
    }

    /// It is done again on a disk that is well: by the same handle, or by a new one if this one takes no appends any more.
    fn again(&mut self) -> Result<(), Failure> {
        let is_there = |to: &World| to.disk.image().contains_key(names::MANIFEST);
        if self.scene.act == Act::Restore && is_there(&self.to) {
            // It is whole, and not restored to again, unless the power fails before its name is durable.
            self.to = self.to.after(self.to.disk.crash(Survival::Synced));
            let disk = if self.scene.of_copy { &self.to.disk } else { &self.from.disk };
            self.faulty = FaultyDisk::new(Arc::new(disk.clone()));
            if is_there(&self.to) {
                return Ok(());
            }
        }
        match self.act() {
            Err(what) if what.contains("Poisoned") => {
                self.store = None;
                self.open()?;
                self.act().map_err(Failure::new)
            }
            other => other.map_err(Failure::new),
        }
    }

    /// What a crash leaves now is the old or the new, and the new one if that was said.
    fn check(&self, survival: Survival<'_>, done: bool) -> Result<(), Failure> {
        let Prepared { of_full, of_compacted, removed, .. } = self.prepared;
        let world =
            if matches!(self.scene.act, Act::Compaction | Act::Erasure) { &self.from } else { &self.to };
        let world = world.after(world.disk.crash(survival));
        let holds = match self.scene.act {
            Act::Compaction => {
                let seen = Seen::of(&world)?;
                seen.shown == of_full.shown && seen.erased.is_empty() && (!done || seen.gone == *removed)
            }
            Act::Erasure => {
                let seen = Seen::of(&world)?;
                let erased = seen.shows_or_has_erased(of_full)?;
                let all = of_compacted.erased == seen.erased;
                (erased || seen.erased.is_empty()) && (!done || (erased && all)) && seen.gone == 0
            }
            Act::FirstBackup | Act::NextBackup | Act::Restore => {
                if world.disk.image().contains_key(names::MANIFEST) {
                    let seen = Seen::of(&world)?;
                    seen == *of_compacted || (!done && self.scene.act == Act::NextBackup && seen == *of_full)
                } else {
                    !done && self.scene.act != Act::NextBackup
                }
            }
        };
        match holds {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "{:?} is neither the old nor the new, done: {done}",
                Seen::of(&world)
            ))),
        }
    }
}
