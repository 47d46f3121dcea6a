//! Whether a store keeps its promises from a crash state on.

use super::workload::proposal;
use crate::account::{Account, Told, submit};
use crate::check::{Wrong, ensure, events, everything};
use crate::dice::Dice;
use crate::fates::Left;
use crate::model::Picture;
use crate::world::{START, World};
use annals::vfs::{Call, Fault, FaultyDisk, MemoryDisk, When};
use annals::{Durability, OpenError, Store, Timestamp, verify_in};
use parking_lot::Mutex;
use std::io::ErrorKind;
use std::sync::Arc;

/// Opens what is left, looks, appends, loses power again, closes and reads old and new.
pub(super) fn judge(disk: MemoryDisk, left: Left, account: Account, dice: &mut Dice) -> Result<(), Wrong> {
    let mut state = State { world: World::on(disk, 7, 16 << 10), account, power_lost: left.loses_power() };
    if dice.one_in(16) {
        state.verify()?;
    }
    if dice.one_in(8) {
        state.read_first()?;
    }
    if dice.one_in(4) {
        for _ in 0..=dice.below(3) {
            state.crash_while_opening(dice)?;
        }
    }
    let store = state.open()?;
    state.settle(&store)?;
    let store = if dice.one_in(4) { state.again(&store)? } else { store };
    let store = state.go_on(store, dice.one_in(2))?;
    store.maintain().map_err(|error| Wrong::Differs(format!("maintain: {error:?}")))?;
    store.close().map_err(|error| Wrong::Differs(format!("close: {error:?}")))?;
    let store = state.open()?;
    ensure!(store.recovery().clean, "closed, and not found so");
    everything(&store, &state.account.model)
}

/// What is left of a disk, and what must be on it.
struct State {
    world: World,
    account: Account,
    power_lost: bool,
}

impl State {
    fn open(&self) -> Result<Store, Wrong> {
        // Whatever the store was made with: what is appended from here on is acknowledged when it is durable.
        let options = self.world.options().durability(Durability::Sync);
        options.open("simulated").map_err(|error| wrong(&error))
    }

    /// Compares what is shown. From then on it stays.
    fn settle(&mut self, store: &Store) -> Result<(), Wrong> {
        self.account.settle(store, self.power_lost)?;
        self.power_lost = false;
        Ok(())
    }

    /// Before anything is repaired there is nothing wrong either.
    fn verify(&self) -> Result<(), Wrong> {
        let env = self.world.env_over(Arc::new(self.world.disk.clone()));
        match verify_in(&env, &mut |_| {}) {
            Ok(found) => {
                ensure!(found.findings.is_empty(), "verify: {:?}", found.findings);
                Ok(())
            }
            Err(OpenError::NotFound { .. }) if self.account.durable == 0 => Ok(()),
            Err(error) => Err(wrong(&error)),
        }
    }

    /// A reader is the first to look. What it shows survives the loss of power.
    fn read_first(&mut self) -> Result<(), Wrong> {
        match self.world.options().read_only(true).open("simulated") {
            Ok(store) => {
                self.account.settle_reader(&store, self.power_lost)?;
                self.power_lost = false;
                self.crash(Left::Synced);
                Ok(())
            }
            Err(OpenError::NotFound { .. }) if self.account.durable == 0 => Ok(()),
            Err(error) => Err(wrong(&error)),
        }
    }

    fn crash(&mut self, left: Left) {
        self.world = self.world.after(left.of(&self.world.disk));
        self.power_lost |= left.loses_power();
    }

    /// The next crash comes while this one is recovered from, or just after it.
    fn crash_while_opening(&mut self, dice: &mut Dice) -> Result<(), Wrong> {
        let disk = FaultyDisk::new(Arc::new(self.world.disk.clone()));
        let when = When { calls: Call::CHANGING, nth: 1 + dice.below(14), from_then_on: true };
        disk.arm(when, Fault::Error(ErrorKind::Other));
        let opened = self.world.options_over(Arc::new(disk.clone())).open("simulated");
        match &opened {
            Ok(store) => self.settle(store)?,
            Err(OpenError::Io { .. }) if disk.fired() => {}
            Err(error) => return Err(wrong(error)),
        }
        self.crash(Left::any(dice));
        Ok(())
    }

    /// Recovering what was recovered changes nothing.
    fn again(&mut self, store: &Store) -> Result<Store, Wrong> {
        let kept = store.view();
        self.crash(Left::Killed);
        let store = self.open()?;
        self.settle(&store)?;
        ensure!(store.recovery().torn_tail.is_none(), "what was mended is torn: {}", store.recovery());
        events(&kept, &Picture::of(&self.account.model))?;
        Ok(store)
    }

    /// Appends, and perhaps loses power.
    fn go_on(&mut self, store: Store, power_loss: bool) -> Result<Store, Wrong> {
        let account = Mutex::new(std::mem::take(&mut self.account));
        for number in 0..2 {
            let group = [proposal(&mut Dice::new(number), 500)];
            let told = submit(&account, &store, &group, Timestamp::from_nanos(START), true)?;
            ensure!(told == [Told::Decided], "an append after recovery: {told:?}");
        }
        self.account = account.into_inner();
        if !power_loss {
            return Ok(store);
        }
        self.crash(Left::Synced);
        drop(store);
        let store = self.open()?;
        self.settle(&store)?;
        Ok(store)
    }
}

fn wrong(error: &OpenError) -> Wrong {
    Wrong::Differs(format!("the store cannot be opened: {error}: {error:?}"))
}
