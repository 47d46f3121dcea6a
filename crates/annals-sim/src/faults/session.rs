//! One run of the workload over a disk that fails, with a caller who is as careful as the documentation asks.

use super::account::{Account, Told};
use super::aftermath::{check_crashes, check_reads, content, settle};
use super::kinds::{How, Kind};
use crate::author::{Author, Written};
use crate::suite::Failure;
use crate::world::{START, World};
use annals::vfs::{Call, Fault, FaultyDisk};
use annals::{AppendError, OpenError, Store, Timestamp, verify_in};
use std::sync::{Arc, LazyLock};

/// Batches of the workload.
const ROUNDS: usize = 30;
const SEGMENT_BYTES: u64 = 16 << 10;
const AUTHOR: Author = Author { seed: 20, events_max: 5, data_max: 900, large: true };
/// What the author writes in a session.
static WRITTEN: LazyLock<Vec<Vec<Written>>> =
    LazyLock::new(|| (0..ROUNDS as u64).map(|number| AUTHOR.events(number)).collect());

pub(super) struct Session<'k> {
    kind: &'k Kind,
    /// Whether the log is written around the system's cache.
    direct: bool,
    world: World,
    disk: FaultyDisk,
    account: Account,
    store: Option<Store>,
    /// Whether calls may still fail.
    armed: bool,
    /// Whether anything has failed so far, as the caller sees it.
    noticed: bool,
}

const NO_FAULT: Kind = Kind { calls: &[], how: How::Fault(Fault::Short(1)), forever: false };

impl<'k> Session<'k> {
    fn new(kind: &'k Kind, direct: bool) -> Self {
        let world = World::new(20, SEGMENT_BYTES);
        let disk = FaultyDisk::new(Arc::new(world.disk.clone()));
        Session {
            kind,
            direct,
            world,
            disk,
            account: Account::new(AUTHOR, &WRITTEN),
            store: None,
            armed: false,
            noticed: false,
        }
    }

    /// The calls that the workload makes if none fails, by kind.
    pub(super) fn count_calls(direct: bool) -> Vec<u64> {
        let mut session = Session::new(&NO_FAULT, direct);
        match session.work() {
            Ok(()) => Call::ALL.iter().map(|call| session.disk.calls(*call)).collect(),
            // Every case fails by itself then, and says so.
            Err(_) => vec![1; Call::ALL.len()],
        }
    }

    /// How many segments and how many runs the workload leaves if no call fails.
    #[cfg(test)]
    pub(super) fn leaves() -> (u64, u64) {
        let mut session = Session::new(&NO_FAULT, false);
        let stats = session.work().and_then(|()| {
            let stats = session.store()?.stats();
            stats.map_err(|error| Failure::new(format!("{error}")))
        });
        stats.map_or((0, 0), |stats| (stats.segments, stats.runs))
    }

    /// The workload with the `nth` of the calls of this kind failing, and what is left of it.
    pub(super) fn run(kind: &'k Kind, direct: bool, nth: u64) -> Result<(), Failure> {
        let mut session = Session::new(kind, direct);
        session.arm(nth);
        session.work()?;
        session.repair();
        session.end()
    }

    fn arm(&mut self, nth: u64) {
        match self.kind.how {
            How::DroppedPages { .. } => self.world.disk.fail_sync(nth),
            _ => self.kind.arm(&self.disk, nth),
        }
        self.armed = true;
    }

    /// From here on no call fails.
    fn repair(&mut self) {
        self.disk.disarm();
        self.world.disk.fail_sync(0);
        self.armed = false;
    }

    fn work(&mut self) -> Result<(), Failure> {
        self.open()?;
        for round in 0..ROUNDS {
            let now = START + 1_000_000 * i64::try_from(round).unwrap_or(0);
            self.world.clock.set(Timestamp::from_nanos(now));
            self.append()?;
            if round % 5 == 4 {
                let maintained = self.store()?.maintain().is_ok();
                // What could not be done is done the next time.
                self.noted(maintained)?;
            }
            match round {
                8 => self.read_all()?,
                14 => self.close_and(Self::open)?,
                20 => self.close_and(Self::look)?,
                24 => self.verify()?,
                _ => {}
            }
        }
        self.read_all()
    }

    /// Once nothing fails any more, everything works, first of all on the handle that is open.
    fn end(&mut self) -> Result<(), Failure> {
        let store = self.store.take().ok_or_else(closed)?;
        for _ in 0..2 {
            if self.account.submit(&store)? != Told::Acknowledged {
                return Err(Failure::new("the disk is well again, and an append fails"));
            }
        }
        store
            .maintain()
            .map_err(|error| Failure::new(format!("maintain on a disk that is well: {error:?}")))?;
        settle(&store, &mut self.account)?;
        store.close().map_err(|error| Failure::new(format!("close on a disk that is well: {error:?}")))?;
        self.open()?;
        self.verify()?;
        check_crashes(&self.world, &self.account)?;
        match self.kind.is_unnoticed() && self.account.acknowledged() != ROUNDS + 2 {
            true => Err(Failure::new("an append was refused because of nothing")),
            false => Ok(()),
        }
    }

    fn store(&self) -> Result<&Store, Failure> {
        self.store.as_ref().ok_or_else(closed)
    }

    fn try_open(&self) -> Result<Store, OpenError> {
        let options = self.world.options_over(Arc::new(self.disk.clone()));
        options.direct_io(self.direct).open("simulated")
    }

    /// A call that fails once may make the first open fail, but not the second.
    fn open(&mut self) -> Result<(), Failure> {
        let store = match self.try_open() {
            Ok(store) => store,
            Err(OpenError::Io { .. }) => {
                self.noted(false)?;
                if self.kind.is_refusal() {
                    self.look()?;
                    self.verify()?;
                }
                if self.kind.forever {
                    self.repair();
                }
                self.try_open().map_err(|error| Failure::new(format!("opened again: {error:?}")))?
            }
            Err(error) => return Err(Failure::new(format!("open: {error:?}"))),
        };
        self.store = Some(store);
        self.read_all()
    }

    fn append(&mut self) -> Result<(), Failure> {
        let store = self.store.take().ok_or_else(closed)?;
        let before = store.last_position();
        let told = self.account.submit(&store)?;
        self.noted(told == Told::Acknowledged)?;
        if told != Told::Unknown {
            self.store = Some(store);
            return Ok(());
        }
        self.check_poisoned(&store)?;
        if store.last_position() != before {
            return Err(Failure::new("what may not be durable is shown"));
        }
        drop(store);
        if let How::DroppedPages { again } = self.kind.how {
            self.world.disk.fail_sync(again);
        }
        self.open()
    }

    /// After a failed write or sync: no append, no claim that anything is durable; what was durable can be read.
    fn check_poisoned(&mut self, store: &Store) -> Result<(), Failure> {
        for _ in 0..2 {
            if !self.account.finds_poisoned(store) || !matches!(store.sync(), Err(AppendError::Poisoned)) {
                return Err(Failure::new(
                    "after a failed write or sync, another append or sync says something else",
                ));
            }
            // Whatever it does, it makes nothing durable that may be lost.
            let _ = store.maintain();
        }
        let truth = content(&self.world)?;
        let shown = truth.get(..count(store.last_position())).unwrap_or(&truth);
        self.account.without_last().settle(shown)?;
        check_reads(&store.view(), shown, self.armed && self.kind.forever)?;
        match store.stats() {
            Ok(stats) if stats.streams == store.view().streams("").count() as u64 => {}
            Err(_) if self.armed && self.kind.forever => {}
            other => return Err(Failure::new(format!("what is not shown is counted: {other:?}"))),
        }
        match store.clone().close() {
            Err(AppendError::Poisoned) => Ok(()),
            other => Err(Failure::new(format!("closed after a failed write or sync: {other:?}"))),
        }
    }

    /// Everything that is shown is as told; while calls fail, reads may fail as well.
    fn read_all(&mut self) -> Result<(), Failure> {
        let store = self.store.take().ok_or_else(closed)?;
        let truth = content(&self.world)?;
        let shown = truth.get(..count(store.last_position())).unwrap_or(&truth);
        // In the file there may be more than is shown, but what is shown is settled.
        self.account.settle(shown)?;
        let quiet = check_reads(&store.view(), shown, self.armed && !self.kind.is_unnoticed())?;
        self.store = Some(store);
        self.noted(quiet)
    }

    /// The store as somebody sees it who opens it only to read.
    fn look(&mut self) -> Result<(), Failure> {
        let options = self.world.options_over(Arc::new(self.disk.clone())).read_only(true);
        let fails = self.armed && !self.kind.is_unnoticed() && !self.kind.is_refusal();
        match options.open("simulated") {
            Ok(store) => {
                let truth = content(&self.world)?;
                let shown = truth.get(..count(store.last_position())).unwrap_or(&truth);
                // On a disk that fails only what is proven to be durable is shown, which need not be all that is.
                if !fails {
                    self.account.clone().settle(shown)?;
                }
                check_reads(&store.view(), shown, fails).map(|_| ())
            }
            Err(OpenError::NotFound { .. }) if self.account.acknowledged() == 0 => Ok(()),
            Err(OpenError::Io { .. }) if fails => self.noted(false),
            Err(error) => Err(Failure::new(format!("opened to read: {error:?}"))),
        }
    }

    /// A failing call is no damage, and what could not be read is said.
    fn verify(&mut self) -> Result<(), Failure> {
        let fails = self.armed && !self.kind.is_unnoticed() && !self.kind.is_refusal();
        match verify_in(&self.world.env_over(Arc::new(self.disk.clone())), &mut |_| {}) {
            Ok(found) if found.findings.is_empty() => Ok(()),
            Ok(found)
                if fails && found.findings.iter().all(|finding| finding.what.starts_with("cannot ")) =>
            {
                self.noted(false)
            }
            Ok(found) => Err(Failure::new(format!("verify: {:?}", found.findings))),
            Err(OpenError::NotFound { .. }) if self.account.acknowledged() == 0 => Ok(()),
            Err(OpenError::Io { .. }) if fails => self.noted(false),
            Err(error) => Err(Failure::new(format!("verify: {error:?}"))),
        }
    }

    fn close_and(&mut self, then: fn(&mut Self) -> Result<(), Failure>) -> Result<(), Failure> {
        let store = self.store.take().ok_or_else(closed)?;
        let closed = store.close().is_ok();
        self.noted(closed)?;
        then(self)?;
        if self.store.is_none() { self.open() } else { Ok(()) }
    }

    /// Notes whether the last call went well. When something fails for the first time, the moment after it is one in
    /// which the power may fail as well.
    fn noted(&mut self, well: bool) -> Result<(), Failure> {
        if well {
            return Ok(());
        }
        if self.kind.is_unnoticed() || !self.armed {
            return Err(Failure::new("a call fails though nothing has happened that should be noticed"));
        }
        if !std::mem::replace(&mut self.noticed, true) {
            check_crashes(&self.world, &self.account)?;
        }
        Ok(())
    }
}

fn closed() -> Failure {
    Failure::new("the store is closed")
}

/// How many events there are up to a position.
fn count(position: annals::Position) -> usize {
    usize::try_from(position.get()).unwrap_or(usize::MAX)
}
