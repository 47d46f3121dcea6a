//! What a simulation does to the store: appends, and the work around them.

use super::machine::Machine;
use super::op::{After, Draft, Expectation};
use crate::account::{Told, decide, submit};
use crate::check::{Wrong, ensure, events};
use crate::model::{Picture, Proposal, Question};
use annals::{AppendError, Durability, Expected, Timestamp, Version};

impl Machine {
    /// Fills in what depends on what is there.
    pub(super) fn proposal(&self, draft: &Draft) -> Proposal {
        let account = self.account.lock();
        let mut proposal = Proposal { facts: draft.facts.clone(), ..Proposal::default() };
        let last = account.model.last();
        for (clauses, after) in &draft.conditions {
            let after = match *after {
                After::Last(before) => last.saturating_sub(before),
                After::Beyond(more) => last + 1 + more,
            };
            proposal.conditions.push((clauses.clone(), after));
        }
        // Whatever nothing is left of, nothing tells which version it had.
        for (stream, said) in draft.said.iter().filter(|(stream, _)| !account.model.is_forgotten(stream)) {
            let version = account.model.version(stream);
            let expected = match *said {
                Expectation::Plain(expected) => expected,
                Expectation::Current => Expected::Exact(Version::new(version)),
                Expectation::Off(by) => Expected::Exact(Version::new(version + by)),
            };
            if proposal.expected.iter().all(|(name, _)| name != stream) {
                proposal.expected.push((stream.clone(), expected));
            }
        }
        if let Some((index, nth)) = draft.stolen {
            let stored = usize::try_from(nth % account.model.last().max(1)).unwrap_or(0);
            let stored = account.model.events.get(stored);
            if let Some((event, fact)) = stored.zip(proposal.facts.get_mut(index)) {
                fact.id = Some(event.id);
            }
        }
        proposal
    }

    pub(super) fn append(&mut self, group: &[Proposal]) -> Result<(), Wrong> {
        let fired = self.trouble.fired();
        let synced = self.durability == Durability::Sync;
        let told = submit(&self.account, &self.store, group, Timestamp::from_nanos(self.now), synced)?;
        self.judge_told(group, &told, fired)
    }

    /// Decides on a question, and checks what the decision sees and what comes of it.
    pub(super) fn decide(
        &mut self,
        question: &Question,
        proposal: &Proposal,
        refuse: bool,
    ) -> Result<(), Wrong> {
        let fired = self.trouble.fired();
        let synced = self.durability == Durability::Sync;
        let now = Timestamp::from_nanos(self.now);
        let told = decide(&self.account, &self.store, question, proposal, refuse, now, synced)?;
        self.judge_told(std::slice::from_ref(proposal), &[told], fired)
    }

    /// Whether an append may end so, and what follows from it.
    fn judge_told(&mut self, group: &[Proposal], told: &[Told], fired: u64) -> Result<(), Wrong> {
        let trouble = self.has_trouble(fired);
        let poisoned = self.poisoned || told.contains(&Told::Unknown);
        for (proposal, told) in group.iter().zip(told) {
            let may = match told {
                Told::Decided => !self.poisoned || proposal.is_invalid(),
                Told::Unknown | Told::Refused => trouble && !self.poisoned,
                Told::Poisoned => poisoned,
            };
            ensure!(may, "an append ended with {told:?}; trouble {trouble}, poisoned {poisoned}");
        }
        self.poisoned = poisoned;
        self.trace.note(&format!("{told:?} {}", self.account.lock().model.last()));
        if self.poisoned { self.stays_poisoned() } else { Ok(()) }
    }

    /// After a failed write or sync nothing is claimed any more, and what was acknowledged can be read.
    fn stays_poisoned(&mut self) -> Result<(), Wrong> {
        self.trouble.disarm();
        for _ in 0..2 {
            let sync = self.store.sync();
            ensure!(matches!(sync, Err(AppendError::Poisoned)), "a sync after a failure: {sync:?}");
        }
        let account = self.account.lock();
        ensure!(self.store.last_position().get() == account.model.last(), "something unknown is shown");
        events(&self.store.view(), &Picture::of(&account.model))
    }

    pub(super) fn maintain(&mut self) -> Result<(), Wrong> {
        let fired = self.trouble.fired();
        let result = self.store.maintain();
        ensure!(result.is_ok() || self.has_trouble(fired), "maintain: {result:?}");
        Ok(())
    }

    pub(super) fn mark(&mut self) -> Result<(), Wrong> {
        let fired = self.trouble.fired();
        match self.store.mark_durable() {
            Ok(()) => ensure!(!self.poisoned, "a mark after a failure"),
            Err(AppendError::Poisoned) => ensure!(self.poisoned, "poisoned without a failure"),
            Err(AppendError::DurabilityUnknown { .. }) if self.has_trouble(fired) => self.poisoned = true,
            // It could not be told in the manifest, and can be the next time.
            Err(AppendError::Io { .. }) if self.has_trouble(fired) && !self.poisoned => {}
            Err(error) => ensure!(false, "mark: {error:?}"),
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), Wrong> {
        let fired = self.trouble.fired();
        match self.store.sync() {
            Ok(()) => {
                ensure!(!self.poisoned, "a sync after a failure says that all is well");
                self.synced();
            }
            Err(AppendError::Poisoned) => ensure!(self.poisoned, "poisoned without a failure"),
            Err(AppendError::DurabilityUnknown { .. }) if self.has_trouble(fired) => self.poisoned = true,
            Err(error) => ensure!(false, "sync: {error:?}"),
        }
        Ok(())
    }

    /// Whether the store takes appends, after a call that may have kept it from that.
    pub(super) fn sync_or_be_poisoned(&mut self) -> Result<(), Wrong> {
        match self.store.sync() {
            Ok(()) => self.synced(),
            Err(AppendError::Poisoned) => self.poisoned = true,
            Err(_) if self.trouble.stopped() => {}
            Err(error) => ensure!(false, "sync: {error:?}"),
        }
        Ok(())
    }

    fn synced(&self) {
        let mut account = self.account.lock();
        account.durable = account.model.last();
    }
}

impl Proposal {
    /// Whether it is refused before anything is asked of the store.
    fn is_invalid(&self) -> bool {
        let mut ids: Vec<_> = self.facts.iter().filter_map(|fact| fact.id).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        ids.len() < all
    }
}
