//! Backups of a simulation, and stores that are made of them: the old one or the new one, whatever happens on the way.

use super::machine::{Machine, wrong_open};
use super::op::Until;
use super::trouble::Beside;
use crate::check::{Wrong, ensure, everything};
use crate::fates::Left;
use crate::model::Model;
use crate::watch::WatchedDisk;
use annals::vfs::{Env, MemoryDisk};
use annals::{BackupError, BackupOptions, Options, Position, RestoreTo, Store, Timestamp, restore_in};
use annals_format::names;
use std::sync::Arc;

/// A directory with a backup.
#[derive(Clone, Debug, Default)]
pub(super) struct Vault {
    disk: MemoryDisk,
    /// What it has, if there is one.
    has: Option<Model>,
    /// What it may have after the next crash as well, the latest last: what attempts of which that is not known would have made,
    /// and what was there before them.
    may_have: Vec<Candidate>,
}

/// What a backup may have: nothing, or the beginning of a log.
#[derive(Clone, Debug)]
struct Candidate {
    model: Option<Model>,
    /// The position that it has at least.
    least: u64,
}

/// A directory in which a store is being made.
#[derive(Clone, Debug)]
pub(super) struct Restoring {
    disk: MemoryDisk,
    to: RestoreTo,
    wanted: Wanted,
}

/// What a restored store may be.
#[derive(Clone, Debug)]
struct Wanted {
    model: Model,
    /// Where it ends: where events were removed no position between two that are stored is better than another.
    least: u64,
    most: u64,
    /// Of all that came up to there nothing is left: there is no store of that moment.
    removed: bool,
}

impl Machine {
    /// Makes a backup. If a call fails the old one is there, or the new one.
    pub(super) fn back_up(&mut self, fresh: bool) -> Result<(), Wrong> {
        if fresh {
            self.vault = Vault::default();
        }
        let fired = self.trouble.fired();
        let (model, durable) = {
            let account = self.account.lock();
            (account.model.clone(), account.durable)
        };
        self.vault.begin(model, durable);
        let to = self.env_beside(&self.vault.disk);
        let result = self.store.backup_in(&to, &BackupOptions::new(), &mut |_| {});
        if self.trouble.stopped() {
            return Ok(());
        }
        let trouble = self.has_trouble(fired);
        self.trouble.disarm();
        self.note_sync(trouble)?;
        if self.trouble.stopped() {
            return Ok(());
        }
        match &result {
            Ok(report) => {
                let former = self.vault.has.as_ref().map(|model| Position::new(model.last()));
                ensure!(report.former == former, "{report:?}: the one before had {former:?}");
                let last = self.account.lock().model.last();
                let all = report.position.get() == last || self.poisoned;
                ensure!(all, "{report:?}: the store has {last}");
            }
            Err(BackupError::Io { .. }) if trouble => {}
            Err(error) => ensure!(false, "backup: {error:?}"),
        }
        self.trace.note(&format!("{:?}", result.as_ref().ok().map(|report| report.position)));
        self.look_into_vault(result.is_ok())?;
        let made = self.vault.has.as_ref().map(Model::last);
        let told = result.ok().map(|report| report.position.get());
        ensure!(told.is_none() || told == made, "a backup up to {told:?}, and there is one up to {made:?}");
        Ok(())
    }

    /// A backup syncs the log. If that failed the store takes no more appends.
    fn note_sync(&mut self, trouble: bool) -> Result<(), Wrong> {
        if trouble && !self.poisoned { self.sync_or_be_poisoned() } else { Ok(()) }
    }

    /// The backup can be read, and is one that was there or was begun. `known` says that no crash can bring another one back.
    pub(super) fn look_into_vault(&mut self, known: bool) -> Result<(), Wrong> {
        let Vault { disk, has, may_have } = self.vault.clone();
        let now = has.map_or(Candidate { model: None, least: 0 }, Candidate::exactly);
        let mut candidates = may_have.into_iter().chain([now]).rev();
        if disk.image().contains_key(names::MANIFEST) {
            let store = self.open_beside(&disk)?;
            self.vault.has = Some(self.find_in_vault(&store, candidates)?);
        } else {
            ensure!(candidates.any(|candidate| candidate.model.is_none()), "a backup is gone");
            self.vault.has = None;
        }
        if known {
            self.vault.may_have.clear();
        }
        Ok(())
    }

    fn find_in_vault(
        &self,
        store: &Store,
        candidates: impl Iterator<Item = Candidate>,
    ) -> Result<Model, Wrong> {
        let position = store.last_position().get();
        let mut wrong = Wrong::Differs(format!("the backup ends at position {position}"));
        for Candidate { model, least } in candidates {
            let Some(mut model) = model.filter(|model| model.is_end(position)) else { continue };
            if !(least..=model.last()).contains(&position) {
                continue;
            }
            model.truncate(position);
            model.since_start = self.account.lock().model.since_start;
            match everything(store, &model) {
                Ok(()) => return Ok(model),
                Err(other) => wrong = Wrong::Differs(format!("the backup: {other}")),
            }
        }
        Err(wrong)
    }

    /// Makes a store of the backup, which is not changed by that.
    pub(super) fn restore(&mut self, to: Until, adopt: bool) -> Result<(), Wrong> {
        let Some(model) = self.vault.has.clone() else { return Ok(()) };
        let (to, asked) = moment(&model, to);
        let (disk, wanted) = (MemoryDisk::new(), Wanted::of(model, asked));
        self.restoring = Some(Restoring { disk: disk.clone(), to, wanted });
        let before = self.vault.disk.image();
        let fired = self.trouble.fired();
        let [from, into] = [&self.vault.disk, &disk].map(|disk| self.env_beside(disk));
        let result = restore_in(&from, &into, to, &BackupOptions::new(), &mut |_| {});
        if self.trouble.stopped() {
            return Ok(());
        }
        let trouble = self.has_trouble(fired);
        self.trouble.disarm();
        ensure!(without_lock(self.vault.disk.image()) == without_lock(before), "the backup was changed");
        if let (Some(Restoring { wanted: Wanted { removed: true, .. }, .. }), false) =
            (&self.restoring, trouble)
        {
            let refused = matches!(result, Err(BackupError::Removed { .. }));
            ensure!(refused, "nothing is left of what was restored: {result:?}");
            self.restoring = None;
            return Ok(());
        }
        if let Err(error) = &result {
            ensure!(trouble && matches!(error, BackupError::Io { .. }), "restore: {error:?}");
        }
        let Some(model) = self.finish_restore()? else { return Ok(()) };
        self.trace.note(&model.last());
        if adopt { self.go_on_with_restored(disk, model) } else { Ok(()) }
    }

    /// What was being restored is a store, all of it, or none. If it is none it is restored now, into what was left. `None` if
    /// the disk stopped meanwhile, or there is nothing.
    fn finish_restore(&mut self) -> Result<Option<Model>, Wrong> {
        let Some(Restoring { disk, to, wanted }) = self.restoring.clone() else { return Ok(None) };
        if !disk.image().contains_key(names::MANIFEST) {
            let [from, into] = [&self.vault.disk, &disk].map(|disk| self.env_beside(disk));
            let report = restore_in(&from, &into, to, &BackupOptions::new(), &mut |_| {});
            if self.trouble.stopped() {
                return Ok(None);
            }
            if wanted.removed && matches!(report, Err(BackupError::Removed { .. })) {
                self.restoring = None;
                return Ok(None);
            }
            let position = report.map_err(|error| Wrong::Differs(format!("restored again: {error:?}")))?;
            wanted.ends_at(position.position.get())?;
        }
        let store = self.open_beside(&disk)?;
        let position = store.last_position().get();
        wanted.ends_at(position)?;
        let mut model = wanted.model.restored_to(position);
        model.since_start = self.account.lock().model.since_start;
        everything(&store, &model).map_err(|wrong| Wrong::Differs(format!("restored: {wrong}")))?;
        self.restoring = None;
        Ok(Some(model))
    }

    /// The restored store takes the place of the other one, which is closed.
    fn go_on_with_restored(&mut self, disk: MemoryDisk, mut model: Model) -> Result<(), Wrong> {
        self.let_time_pass();
        model.since_start = self.account.lock().model.since_start;
        self.reopen(Some(&move |machine: &mut Machine| {
            machine.world = machine.world.after(disk.clone());
            machine.trouble.reboot(disk.clone());
            let mut account = machine.account.lock();
            (account.durable, account.model) = (model.last(), model.clone());
            account.forget_pending();
            // What was backed up behind that is another history now.
            drop(account);
            machine.vault = Vault::default();
            machine.disturbed = false;
            Ok(())
        }))
    }

    /// After a crash of the whole system.
    pub(super) fn lose_copies(&mut self, left: Left) {
        self.vault.disk = left.of(&self.vault.disk);
        if let Some(restoring) = &mut self.restoring {
            restoring.disk = left.of(&restoring.disk);
        }
    }

    /// What a crash has left of the copies.
    pub(super) fn look_at_copies(&mut self, power_lost: bool) -> Result<(), Wrong> {
        self.look_into_vault(power_lost)?;
        self.finish_restore().map(drop)
    }

    fn env_beside(&self, disk: &MemoryDisk) -> Env {
        let watcher = Arc::new(Beside { trouble: Arc::clone(&self.trouble), disk: disk.clone() });
        self.world.env_over(WatchedDisk::new(disk.clone(), watcher))
    }

    fn open_beside(&self, disk: &MemoryDisk) -> Result<Store, Wrong> {
        let env = self.world.env_over(Arc::new(disk.clone()));
        Options::new().env(env).read_only(true).open("copy").map_err(|error| wrong_open(&error))
    }
}

impl Vault {
    /// A backup is begun of a store that has this, of which it takes at least what is durable.
    fn begin(&mut self, model: Model, durable: u64) {
        let before = self.has.clone().map_or(Candidate { model: None, least: 0 }, Candidate::exactly);
        self.may_have.extend([before, Candidate { model: Some(model), least: durable }]);
    }
}

#[cfg(test)]
impl Vault {
    pub(super) fn has_events(&self) -> bool {
        self.has.as_ref().is_some_and(|model| model.last() > 0)
    }
}

impl Candidate {
    fn exactly(model: Model) -> Self {
        Candidate { least: model.last(), model: Some(model) }
    }
}

impl Wanted {
    /// The events up to a position, without those of a batch of which some lie behind it.
    fn of(model: Model, asked: u64) -> Self {
        let kept = |position: &u64| !model.is_gone(*position);
        let behind = (asked + 1..=model.last()).find(kept);
        let mut most = asked;
        if let Some(begin) = behind.map(|behind| model.batch_of(behind))
            && let Some(first) = (begin..=asked).find(kept)
        {
            most = first - 1;
        }
        let mut least = (1..=most).rev().find(kept).unwrap_or(0);
        // Several entries of the ledger may have been appended at once.
        while least < model.last() && [least, least + 1].iter().all(|position| model.is_of_ledger(*position))
        {
            least = (1..least).rev().find(kept).unwrap_or(0);
        }
        let removed = asked > 0 && least == 0 && model.is_gone(1);
        Wanted { model, least, most, removed }
    }

    fn ends_at(&self, position: u64) -> Result<(), Wrong> {
        let (least, most) = (self.least, self.most);
        ensure!((least..=most).contains(&position), "restored to {position}, not {least} to {most}");
        Ok(())
    }
}

/// Up to where is restored, and which position that is.
fn moment(model: &Model, to: Until) -> (RestoreTo, u64) {
    let last = model.last();
    match to {
        Until::End => (RestoreTo::End, last),
        Until::Position(part) => {
            let position = last * part / 1000;
            (RestoreTo::Position(Position::new(position)), position)
        }
        Until::Recorded(part) => {
            let index = usize::try_from(last * part / 1000).unwrap_or(0);
            let time = model.events.get(index).map_or(Timestamp::MAX, |event| event.recorded_at);
            // When those were recorded that are gone nobody knows.
            let behind = model
                .events
                .iter()
                .position(|event| event.recorded_at > time && !model.is_gone(event.position.get()));
            (RestoreTo::Recorded(time), behind.map_or(last, |index| index as u64))
        }
    }
}

fn without_lock(
    mut image: std::collections::BTreeMap<String, Vec<u8>>,
) -> std::collections::BTreeMap<String, Vec<u8>> {
    image.remove(names::LOCK);
    image
}
