//! What a store was given and what was said of it, and so what must be left of it after a crash.

use crate::check::{Wrong, ensure, everything, situation};
use crate::model::{Model, Picture, Proposal, Question, Verdict};
use annals::{AppendError, Appended, DecideError, Decided, Position, ReadError, Store, Timestamp, Uuid};
use annals_format::Binding;
use parking_lot::Mutex;

/// What was acknowledged, what may be there as well, and what must survive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// What was acknowledged.
    pub(crate) model: Model,
    /// What was submitted behind that without being acknowledged, in order: it may be there, each batch only with those
    /// before it. With what each gets as recorded_at.
    pub(crate) pending: Vec<Pending>,
    /// What survives the loss of power: acknowledged under `sync`, synced, or shown after opening.
    pub(crate) durable: u64,
    /// Whether entries of the ledger may be there behind all of that.
    ledger: bool,
}

/// A batch that may be there.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    proposal: Proposal,
    recorded_at: Timestamp,
    /// Whether nothing was told of it yet. Otherwise it was told that nobody knows.
    in_flight: bool,
}

/// Submits batches as one group, and compares each outcome with the model's. `synced` says whether what is acknowledged
/// is durable. The account is not held while the store is at work, so that a crash in the middle of it can be looked at.
pub(crate) fn submit(
    account: &Mutex<Account>,
    store: &Store,
    group: &[Proposal],
    now: Timestamp,
    synced: bool,
) -> Result<Vec<Told>, Wrong> {
    account.lock().propose(group, now)?;
    let batches = group.iter().map(Proposal::batch).collect::<Result<_, _>>()?;
    let outcomes = store.append_batches(batches);
    account.lock().take(store, group, &outcomes, now, synced)
}

/// Decides on a question: the decision must see what the model says, and its batch is judged like any other.
/// `refuse` says whether the closure refuses in the end.
pub(crate) fn decide(
    account: &Mutex<Account>,
    store: &Store,
    question: &Question,
    proposal: &Proposal,
    refuse: bool,
    now: Timestamp,
    synced: bool,
) -> Result<Told, Wrong> {
    if !refuse {
        account.lock().propose(std::slice::from_ref(proposal), now)?;
    }
    let (batch, picture) = (proposal.batch()?, Picture::of(&account.lock().model));
    let decided = store.decide(&question.query(), |seen| match situation(seen, &picture, question) {
        Err(wrong) => Err(Some(wrong)),
        Ok(_) if refuse => Err(None),
        Ok(count) => Ok((batch, count)),
    });
    account.lock().take_decision(store, proposal, decided, now, synced)
}

/// What a caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// What the model says: appended, appended before, or refused for good reason.
    Decided,
    /// It may be there.
    Unknown,
    /// It is not there: the disk refused before anything was written.
    Refused,
    /// It is not there: an earlier write failed.
    Poisoned,
}

impl Account {
    /// Notes what may be there from now on, since it is about to be submitted: each batch behind those before it.
    fn propose(&mut self, group: &[Proposal], now: Timestamp) -> Result<(), Wrong> {
        // What comes of a batch depends on those before it.
        let mut ahead = (group.len() > 1).then(|| self.model.clone());
        for proposal in group {
            let model = ahead.as_ref().unwrap_or(&self.model);
            if !model.judge(proposal).appends() {
                continue;
            }
            let recorded_at = model.recorded_at(now);
            self.pending.push(Pending { proposal: proposal.clone(), recorded_at, in_flight: true });
            if let Some(ahead) = &mut ahead {
                // Which ids the store makes does not matter here, as long as they are new.
                let new = |position: u64| Some(Uuid::from_u128(u128::MAX - u128::from(position)));
                ahead.append(proposal, recorded_at, new)?;
            }
        }
        Ok(())
    }

    /// Takes what came of a group that was proposed.
    fn take(
        &mut self,
        store: &Store,
        group: &[Proposal],
        outcomes: &[Result<Appended, AppendError>],
        now: Timestamp,
        synced: bool,
    ) -> Result<Vec<Told>, Wrong> {
        ensure!(outcomes.len() == group.len(), "{} outcomes for {} batches", outcomes.len(), group.len());
        let mut told = Vec::new();
        for (proposal, outcome) in group.iter().zip(outcomes) {
            told.push(self.take_one(store, proposal, outcome, now, Model::judge)?);
        }
        // They were noted behind all before them. Now it is told that some of those are not there, and what comes of a batch
        // may be another thing without them: a condition that they break holds.
        let unknown = group.iter().zip(&told).filter(|(_, told)| **told == Told::Unknown);
        let unknown: Vec<Proposal> = unknown.map(|(proposal, _)| proposal.clone()).collect();
        self.pending.retain(|pending| !pending.in_flight);
        self.propose(&unknown, now)?;
        self.have_landed(synced);
        Ok(told)
    }

    /// Everything was told of what was submitted.
    fn have_landed(&mut self, synced: bool) {
        self.pending.iter_mut().for_each(|pending| pending.in_flight = false);
        if synced {
            self.durable = self.model.last();
        }
    }

    /// Takes what came of a decision that was proposed, or refused.
    fn take_decision(
        &mut self,
        store: &Store,
        proposal: &Proposal,
        decided: Result<Decided<usize>, DecideError<Option<Wrong>>>,
        now: Timestamp,
        synced: bool,
    ) -> Result<Told, Wrong> {
        let (last, judge) = (self.model.last(), Model::judge_decision);
        let told = match decided {
            Err(DecideError::Refused(None)) => Told::Decided,
            Err(DecideError::Refused(Some(Wrong::Read(ReadError::Io { .. })))) => Told::Refused,
            Err(DecideError::Refused(Some(wrong))) => return Err(wrong),
            Err(DecideError::Append(error)) => self.take_one(store, proposal, &Err(error), now, judge)?,
            Ok(Decided { appended: Some(appended), position, .. }) => {
                ensure!(position.get() == last, "decided as of position {position}, and there are {last}");
                self.take_one(store, proposal, &Ok(appended), now, judge)?
            }
            Err(other) => return Err(Wrong::Differs(format!("a decision ended with {other:?}"))),
            Ok(Decided { appended: None, .. }) => {
                let wanted = self.model.judge_decision(proposal);
                ensure!(wanted == Verdict::Nothing, "a decision appends nothing instead of {wanted:?}");
                Told::Decided
            }
        };
        self.pending.retain(|pending| !pending.in_flight || told == Told::Unknown);
        self.have_landed(synced);
        Ok(told)
    }

    fn take_one(
        &mut self,
        store: &Store,
        proposal: &Proposal,
        outcome: &Result<Appended, AppendError>,
        now: Timestamp,
        judge: fn(&Model, &Proposal) -> Verdict,
    ) -> Result<Told, Wrong> {
        match outcome {
            Err(AppendError::DurabilityUnknown { .. }) => return Ok(Told::Unknown),
            Err(AppendError::Poisoned) => return Ok(Told::Poisoned),
            Err(AppendError::Io { .. }) => return Ok(Told::Refused),
            _ => {}
        }
        let wanted = judge(&self.model, proposal);
        let found = Verdict::of(outcome);
        ensure!(found.as_ref() == Some(&wanted), "an append ended with {outcome:?} instead of {wanted:?}");
        let Ok(appended) = outcome else { return Ok(Told::Decided) };
        let last = appended.first_position.plus(proposal.facts.len() as u64).previous();
        ensure!(appended.last_position == last, "{appended:?}: the last position should be {last}");
        if appended.already_applied {
            let first = self.model.events.get(index_of(appended.first_position));
            let recorded = first.map(|event| event.recorded_at);
            ensure!(recorded == Some(appended.recorded_at), "{appended:?}: was recorded at {recorded:?}");
            return Ok(Told::Decided);
        }
        let recorded_at = self.model.recorded_at(now);
        ensure!(appended.recorded_at == recorded_at, "{appended:?}: should be recorded at {recorded_at:?}");
        self.append(store, proposal, recorded_at)?;
        Ok(Told::Decided)
    }

    /// Takes a batch into the model, with the ids that the store has made.
    fn append(&mut self, store: &Store, proposal: &Proposal, recorded_at: Timestamp) -> Result<(), Wrong> {
        let view = store.view();
        let made = proposal.facts.iter().any(|fact| fact.id.is_none());
        let mut ids = Vec::new();
        if made {
            for position in (self.model.last() + 1..).map(Position::new).take(proposal.facts.len()) {
                // A call that was to fail does so once.
                let found = match view.event_at(position) {
                    Err(ReadError::Io { .. }) => view.event_at(position),
                    found => found,
                };
                ids.push(match found {
                    // A rule hides it from the beginning on, so its id is what the format says.
                    Err(ReadError::Hidden { .. }) => Some(made_id(store, position, recorded_at)?),
                    other => other?.map(|event| event.id),
                });
            }
        }
        let first = self.model.last() + 1;
        let id_at = |position| ids.get(usize::try_from(position - first).ok()?).copied().flatten();
        Ok(self.model.append(proposal, recorded_at, id_at)?)
    }

    /// Looks what is there after the store was opened again for writing, after the loss of power or not: it must be what was
    /// acknowledged, or what must survive, and may go on with what was pending, batch by batch. From then on it is
    /// durable, and nothing is unknown.
    pub(crate) fn settle(&mut self, store: &Store, power_lost: bool) -> Result<(), Wrong> {
        self.settle_events(store, power_lost)?;
        self.model.find_removed(store, true)?;
        everything(store, &self.model)
    }

    /// The same of a store that was opened for reading. The manifest that it has found may still be lost, and with it what was
    /// removed.
    pub(crate) fn settle_reader(&mut self, store: &Store, power_lost: bool) -> Result<(), Wrong> {
        self.settle_events(store, power_lost)?;
        let mut model = self.model.clone();
        model.find_removed(store, false)?;
        everything(store, &model)
    }

    fn settle_events(&mut self, store: &Store, power_lost: bool) -> Result<(), Wrong> {
        let shown = store.view().position().get();
        let least = if power_lost { self.durable } else { self.model.last() };
        ensure!(shown >= least, "{least} events were promised to stay, and {shown} are there");
        if shown <= self.model.last() {
            ensure!(self.model.is_end(shown), "half a batch is there: {shown} events");
            self.model.truncate(shown);
        }
        for Pending { proposal, recorded_at, .. } in std::mem::take(&mut self.pending) {
            if shown < self.model.last() + proposal.facts.len() as u64 {
                break;
            }
            self.append(store, &proposal, recorded_at)?;
        }
        if std::mem::take(&mut self.ledger) {
            self.model.take_ledger(store)?;
        }
        let last = self.model.last();
        ensure!(
            shown == last,
            "{shown} events are there: half a batch, or some that nobody appended; {last} fit"
        );
        self.durable = shown;
        Ok(())
    }

    /// Nothing may be there that was not acknowledged.
    pub(crate) fn forget_pending(&mut self) {
        self.pending.clear();
        self.ledger = false;
    }

    /// A compaction is about to run.
    pub(crate) fn compacts(&mut self) {
        self.model.may_be_compacted();
        self.ledger = true;
    }

    /// Looks what a compaction has done whose store runs on. `done` says that it came to its end, `poisoned` that a write of it
    /// may be found later.
    pub(crate) fn compacted(&mut self, store: &Store, done: bool, poisoned: bool) -> Result<(), Wrong> {
        self.model.take_ledger(store)?;
        self.ledger = poisoned;
        if done {
            self.durable = self.model.last();
        }
        self.model.find_removed(store, done)
    }
}

/// The id that a store makes for an event.
fn made_id(store: &Store, position: Position, recorded_at: Timestamp) -> Result<Uuid, Wrong> {
    let store_id = store.stats().or_else(|_| store.stats())?.store_id.into_bytes();
    Ok(Binding::new(&store_id, 0, 0).made_id(position, recorded_at))
}

fn index_of(position: Position) -> usize {
    usize::try_from(position.get()).map_or(usize::MAX, |position| position.wrapping_sub(1))
}
