//! Doing a simulation: every operation on the store and on the model, and both compared.

use super::copies::{Restoring, Vault};
use super::op::{Crash, Draft, Op, Script};
use super::trace::Trace;
use super::trouble::Trouble;
use crate::account::Account;
use crate::check::{Wrong, ensure, everything};
use crate::model::{Model, Picture, Proposal};
use crate::watch::WatchedDisk;
use crate::world::{START, World};
use annals::{AppendError, Durability, Expected, OpenError, Store, Timestamp, View};
#[cfg(test)]
use annals_format::{Manifest, RunEntry, names};
use parking_lot::Mutex;
use std::sync::Arc;

/// Small segments, so that a short simulation has many.
const SEGMENT_BYTES: u64 = 16 << 10;
/// The least memory that an index can do with.
const INDEX_MEMORY_LEAST: u64 = 4 << 20;
/// Views that are kept at once.
const HELD_MAX: usize = 4;

/// What happens while the store is closed.
type Between<'a> = dyn Fn(&mut Machine) -> Result<(), Wrong> + 'a;

/// A view that was kept, and what it has to show.
pub(super) struct Held {
    pub(super) view: View,
    pub(super) picture: Picture,
    /// Whether the store that gave it is still open. What a later one removes is gone for it.
    pub(super) current: bool,
}

/// A simulation under way.
pub(super) struct Machine {
    pub(super) world: World,
    pub(super) trouble: Arc<Trouble>,
    pub(super) account: Mutex<Account>,
    pub(super) durability: Durability,
    /// The store; one that was closed, in the moments between.
    pub(super) store: Store,
    /// A write or a sync has failed, and the store was not opened again since.
    pub(super) poisoned: bool,
    pub(super) planned: Option<Crash>,
    /// Index files were damaged.
    pub(super) disturbed: bool,
    pub(super) proposals: Vec<Proposal>,
    pub(super) held: Vec<Held>,
    /// A store that is open for reading all the time, with what it has shown.
    pub(super) reader: Option<Store>,
    /// A directory with a backup, on a disk of its own.
    pub(super) vault: Vault,
    /// A store that is being made of the backup.
    pub(super) restoring: Option<Restoring>,
    pub(super) now: i64,
    pub(super) trace: Trace,
}

impl Machine {
    /// Does a whole simulation. Returns its trace: the same script gives the same.
    pub(super) fn run(script: &Script) -> Result<u64, Wrong> {
        let mut machine = Machine::work(script)?;
        machine.finish().map_err(|wrong| Wrong::Differs(format!("at the end: {wrong}")))
    }

    /// Does all operations of a simulation.
    pub(super) fn work(script: &Script) -> Result<Self, Wrong> {
        let mut machine = Machine::start(script)?;
        for (number, op) in script.ops.iter().enumerate() {
            let step = machine.step(op).and_then(|()| machine.crash_if_stopped());
            step.map_err(|wrong| Wrong::Differs(format!("operation {number}: {wrong}")))?;
        }
        Ok(machine)
    }

    /// How many runs there are that are about several segments each.
    #[cfg(test)]
    pub(super) fn merged_runs(&self) -> usize {
        let image = self.world.disk.image();
        let manifest = image.get(names::MANIFEST).and_then(|bytes| Manifest::decode(bytes).ok());
        let Some(Manifest { sealed, runs, .. }) = manifest else { return 0 };
        let segments = |run: &RunEntry| {
            let end = run.first_position.plus(run.count);
            sealed
                .iter()
                .filter(|segment| (run.first_position..end).contains(&segment.first_position))
                .count()
        };
        runs.iter().filter(|run| segments(run) > 1).count()
    }

    fn start(script: &Script) -> Result<Self, Wrong> {
        let mut world = World::new(script.seed, SEGMENT_BYTES);
        let mut account = Account::default();
        if !script.ids {
            (world, account.model) = (world.without_ids(), Model::without_ids());
        }
        if script.little_memory {
            world = world.with_index_memory(INDEX_MEMORY_LEAST);
        }
        let trouble = Arc::new(Trouble::new(world.disk.clone()));
        // A store of its own to stand for the one that is not open yet.
        let closed = World::new(0, SEGMENT_BYTES).open().map_err(|error| wrong_open(&error))?;
        let mut machine = Machine {
            world,
            trouble,
            account: Mutex::new(account),
            durability: script.durability,
            store: closed,
            poisoned: false,
            planned: script.birth.clone(),
            disturbed: false,
            proposals: Vec::new(),
            held: Vec::new(),
            reader: None,
            vault: Vault::default(),
            restoring: None,
            now: START,
            trace: Trace::default(),
        };
        if let Some(birth) = &script.birth {
            machine.trouble.stop_after(birth.after);
        }
        match machine.open()? {
            Some(store) => machine.store = store,
            None => machine.crash()?,
        }
        Ok(machine)
    }

    fn step(&mut self, op: &Op) -> Result<(), Wrong> {
        match op {
            Op::Append(drafts) => {
                let group: Vec<Proposal> = drafts.iter().map(|draft| self.proposal(draft)).collect();
                self.append(&group)?;
                self.proposals.extend(group);
            }
            Op::Decide { question, draft, refuse } => {
                let proposal = self.proposal(draft);
                self.decide(question, &proposal, *refuse)?;
                if !*refuse {
                    self.proposals.push(proposal);
                }
            }
            Op::Repeat { back } => {
                if let Some(proposal) = self.proposals.iter().rev().nth(*back).cloned() {
                    self.append(&[proposal])?;
                }
            }
            Op::Ask(question, moment) => self.ask(question, moment)?,
            Op::Clock(by) => self.set_clock(self.now.saturating_add(*by)),
            Op::Maintain => self.maintain()?,
            Op::Sync => self.sync()?,
            Op::Mark => self.mark()?,
            Op::Hold => {
                if self.held.len() == HELD_MAX {
                    self.held.remove(0);
                }
                let picture = Picture::of(&self.account.lock().model);
                self.held.push(Held { view: self.store.view(), picture, current: true });
            }
            Op::Look => self.look()?,
            Op::Observe => self.observe()?,
            Op::Reopen => self.reopen(None)?,
            Op::ReadOnly => self.reopen(Some(&Machine::read_only))?,
            Op::Disturb(disturbance) => self.reopen(Some(&|machine| machine.disturb(*disturbance)))?,
            Op::Crash(crash) => {
                self.trouble.stop_after(crash.after);
                self.planned = Some(crash.clone());
                if crash.after == 0 {
                    self.trouble.stop();
                }
            }
            Op::Fault(fault) => self.trouble.arm(*fault),
            Op::Retain(retain) => self.retain(retain)?,
            Op::Compact { all, stop_after } => self.compact(*all, *stop_after)?,
            Op::BackUp { fresh } => self.back_up(*fresh)?,
            Op::Restore { to, adopt } => self.restore(*to, *adopt)?,
        }
        Ok(())
    }

    /// Whether a call has failed since.
    pub(super) fn set_clock(&mut self, now: i64) {
        self.now = now;
        self.world.clock.set(Timestamp::from_nanos(now));
        self.account.lock().model.since_start = now.saturating_sub(START);
    }

    /// Positions are given again: the time tells the ids apart that the store makes of them. Nobody starts a computer, or restores
    /// a store, within a millisecond.
    pub(super) fn let_time_pass(&mut self) {
        const MILLISECOND: i64 = 1_000_000;
        let latest = self.account.lock().model.recorded_at(Timestamp::from_nanos(self.now));
        self.set_clock(latest.as_nanos().saturating_add(MILLISECOND));
    }

    pub(super) fn has_trouble(&self, fired_before: u64) -> bool {
        self.trouble.stopped() || self.trouble.fired() > fired_before
    }

    /// Closes, does something in between, and opens again.
    pub(super) fn reopen(&mut self, between: Option<&Between<'_>>) -> Result<(), Wrong> {
        let fired = self.trouble.fired();
        let closed = self.store.clone().close();
        let trouble = self.has_trouble(fired);
        let well = if self.poisoned { closed.is_err() } else { closed.is_ok() || trouble };
        ensure!(well, "close: {closed:?}, poisoned {}", self.poisoned);
        (self.poisoned, self.reader) = (false, None);
        self.held.iter_mut().for_each(|held| held.current = false);
        if let Some(between) = between.filter(|_| !self.trouble.stopped()) {
            self.trouble.disarm();
            between(self)?;
        }
        let opening = self.trouble.fired();
        if let Some(store) = self.open()? {
            // An opening that failed may have taken the mark of a close in good order away.
            let trouble = trouble || self.has_trouble(opening);
            ensure!(trouble || closed.is_err() || store.recovery().clean, "closed, and not found so");
            self.trouble.disarm();
            self.account.lock().settle(&store, false)?;
            self.store = store;
        }
        Ok(())
    }

    fn read_only(&mut self) -> Result<(), Wrong> {
        let options =
            self.world.options_over(WatchedDisk::new(self.world.disk.clone(), self.trouble.clone()));
        let store = options.read_only(true).open("simulated").map_err(|error| wrong_open(&error))?;
        if self.trouble.stopped() {
            return Ok(());
        }
        let refused = store.append("a", Expected::Any, &[]);
        ensure!(matches!(refused, Err(AppendError::ReadOnly)), "an append to a reader: {refused:?}");
        self.account.lock().settle_reader(&store, false)
    }

    /// Opens for writing. `None` if the disk stopped meanwhile; a call that was to fail may make the first attempt fail.
    pub(super) fn open(&mut self) -> Result<Option<Store>, Wrong> {
        let disk = WatchedDisk::new(self.world.disk.clone(), self.trouble.clone());
        loop {
            let fired = self.trouble.fired();
            let opened = self.world.options_over(disk.clone()).durability(self.durability).open("simulated");
            match opened {
                _ if self.trouble.stopped() => return Ok(None),
                Ok(store) => return Ok(Some(store)),
                Err(OpenError::Io { .. }) if self.trouble.fired() > fired => {}
                Err(error) => return Err(wrong_open(&error)),
            }
        }
    }

    /// How many events were removed.
    #[cfg(test)]
    pub(super) fn gone(&self) -> u64 {
        self.account.lock().model.gone()
    }

    fn crash_if_stopped(&mut self) -> Result<(), Wrong> {
        if self.trouble.stopped() { self.crash() } else { Ok(()) }
    }

    /// A store that was opened after a crash takes the place of the one before.
    pub(super) fn go_on_with(&mut self, store: Store) {
        (self.store, self.poisoned, self.reader) = (store, false, None);
    }

    /// Whatever has happened: old and new events are there after the loss of power and a close in good order.
    fn finish(&mut self) -> Result<u64, Wrong> {
        self.trouble.disarm();
        if self.planned.is_some() {
            self.trouble.stop();
            self.crash()?;
        }
        if self.poisoned {
            self.reopen(None)?;
        }
        let batch = |number| Draft::plain(&format!("end-{number}"));
        self.append(&[self.proposal(&batch(0))])?;
        self.sync()?;
        everything(&self.store, &self.account.lock().model)?;
        self.planned = Some(Crash::plain());
        self.trouble.stop();
        self.crash()?;
        self.append(&[self.proposal(&batch(1)), self.proposal(&batch(2))])?;
        self.maintain()?;
        let files = self.world.disk.image().into_keys().filter(|path| path.starts_with("index/")).count();
        let runs = self.store.stats()?.runs;
        ensure!(runs == files as u64, "there are {runs} runs and {files} index files");
        self.look()?;
        self.reopen(Some(&Machine::read_only))?;
        self.verify()?;
        self.look_into_vault(false)?;
        self.store.clone().close().map_err(|error| Wrong::Differs(format!("the last close: {error:?}")))?;
        self.trace.note(&self.world.disk.image());
        self.trace.note(&self.trouble.trace());
        Ok(self.trace.number())
    }
}

pub(super) fn wrong_open(error: &OpenError) -> Wrong {
    Wrong::Differs(format!("the store cannot be opened: {error}: {error:?}"))
}
