//! What must come of a batch.

use super::rules::Deletion;
use super::{Fact, Model, Proposal};
use annals::{AppendError, Appended, Expected, Uuid, Version};

/// What must come of a batch, or what did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Appended {
        first: u64,
        already: bool,
        streams: Vec<(String, u64, u64)>,
    },
    Conflict {
        stream: String,
        actual: u64,
    },
    /// An event that a condition excludes is there, and that is the newest one.
    Failed {
        position: u64,
        after: u64,
        condition: usize,
    },
    /// A condition looks back to where events were removed.
    BelowRemoved {
        after: u64,
        condition: usize,
    },
    /// The name of a stream is closed.
    Tombstoned {
        stream: String,
    },
    IdTaken,
    Invalid,
    /// A decision that appends nothing.
    Nothing,
}

impl Verdict {
    /// What the store said; `None` if it is not its to decide.
    pub(crate) fn of(result: &Result<Appended, AppendError>) -> Option<Verdict> {
        match result {
            Ok(appended) => Some(Verdict::Appended {
                first: appended.first_position.get(),
                already: appended.already_applied,
                streams: (appended.streams.iter())
                    .map(|s| (s.stream.clone(), s.first_version.get(), s.last_version.get()))
                    .collect(),
            }),
            Err(AppendError::Conflict(conflict)) => {
                let (stream, actual) = (conflict.stream.to_string(), conflict.actual.get());
                Some(Verdict::Conflict { stream, actual })
            }
            Err(AppendError::ConditionFailed { position, after, condition }) => {
                Some(Verdict::Failed { position: position.get(), after: after.get(), condition: *condition })
            }
            Err(AppendError::ConditionBelowRemoved { after, condition, .. }) => {
                Some(Verdict::BelowRemoved { after: after.get(), condition: *condition })
            }
            Err(AppendError::Tombstoned { stream }) => Some(Verdict::Tombstoned { stream: stream.clone() }),
            Err(AppendError::IdTaken { .. }) => Some(Verdict::IdTaken),
            Err(AppendError::Invalid(_)) => Some(Verdict::Invalid),
            Err(_) => None,
        }
    }

    /// Whether the batch adds events.
    pub(crate) fn appends(&self) -> bool {
        matches!(self, Verdict::Appended { already: false, .. })
    }
}

impl Model {
    /// What must come of the proposal; nothing is changed.
    pub(crate) fn judge(&self, proposal: &Proposal) -> Verdict {
        let ids: Vec<Uuid> = proposal.facts.iter().filter_map(|fact| fact.id).collect();
        let twice = ids.iter().enumerate().any(|(index, id)| ids[..index].contains(id));
        if proposal.facts.is_empty() || twice {
            return Verdict::Invalid;
        }
        self.decide_on(proposal)
    }

    /// What must come of the proposal of a decision, which may have no events.
    pub(crate) fn judge_decision(&self, proposal: &Proposal) -> Verdict {
        if !proposal.facts.is_empty() {
            return self.judge(proposal);
        }
        match self.decide_on(proposal) {
            Verdict::Appended { .. } => Verdict::Nothing,
            refused => refused,
        }
    }

    fn decide_on(&self, proposal: &Proposal) -> Verdict {
        if proposal.conditions.iter().any(|(_, after)| *after > self.last()) {
            return Verdict::Invalid;
        }
        let streams = proposal.streams();
        let stated = |stream: &str| {
            let stated = proposal.expected.iter().find(|(name, _)| name == stream);
            stated.map_or(Expected::Any, |(_, expected)| *expected)
        };
        let written = |stream: &&&str| proposal.facts.iter().any(|fact| fact.stream == **stream);
        let loose = streams.iter().filter(written).any(|stream| !stated(stream).is_exact());
        if loose && let Some(verdict) = self.applied(proposal) {
            return verdict;
        }
        for stream in &streams {
            if let Some(refused) = self.refuse(stream, stated(stream), written(&stream)) {
                return self.applied(proposal).unwrap_or(refused);
            }
        }
        let mut said = proposal.facts.iter().filter_map(|fact| fact.says.as_ref());
        if said.any(|says| says.is_beyond(|stream| self.stored_version(stream))) {
            return Verdict::Invalid;
        }
        for (condition, (clauses, after)) in proposal.conditions.iter().enumerate() {
            let newest = self.events.iter().rev().take_while(|event| event.position.get() > *after);
            let mut newest = newest.filter(|event| !self.is_gone(event.position.get()));
            if let Some(event) = newest.find(|event| clauses.mean(event)) {
                let failed = Verdict::Failed { position: event.position.get(), after: *after, condition };
                return self.applied(proposal).unwrap_or(failed);
            }
        }
        let below = proposal.conditions.iter().position(|(_, after)| *after < self.removed_through());
        if let Some(condition) = below {
            let refused = Verdict::BelowRemoved { after: proposal.conditions[condition].1, condition };
            return self.applied(proposal).unwrap_or(refused);
        }
        let streams = self.ranges(proposal, |name| self.version(name));
        Verdict::Appended { first: self.last() + 1, already: false, streams }
    }

    /// Why a stream is not as it has to be, if it is not.
    fn refuse(&self, stream: &str, expected: Expected, written: bool) -> Option<Verdict> {
        let actual = self.stored_version(stream);
        let deletion = self.rules().deletion(stream, actual);
        if deletion == Some(Deletion::Tombstone) && written {
            return Some(Verdict::Tombstoned { stream: stream.into() });
        }
        let holds = match (deletion, expected) {
            (None, _) => expected.holds_at(Version::new(actual)),
            // It counts as one that does not exist, and still as one at its last version.
            (Some(_), Expected::Any | Expected::NoStream) => true,
            (Some(_), Expected::StreamExists) => false,
            (Some(_), Expected::Exact(version)) => [0, actual].contains(&version.get()),
        };
        (!holds).then(|| Verdict::Conflict { stream: stream.into(), actual })
    }

    /// What comes of a proposal of which some ids are there already.
    fn applied(&self, proposal: &Proposal) -> Option<Verdict> {
        let place = |fact: &Fact| self.place_of(fact.id?);
        let places: Vec<Option<u64>> = proposal.facts.iter().map(place).collect();
        places.iter().flatten().next()?;
        let Some(first) = places.first().copied().flatten() else { return Some(Verdict::IdTaken) };
        let stored = |position: u64| self.facts.get(usize::try_from(position).ok()?.checked_sub(1)?);
        let same = |(place, fact, wanted): (&Option<u64>, &Fact, u64)| {
            *place == Some(wanted) && stored(wanted).is_some_and(|stored| **stored == *fact)
        };
        let mut each = places.iter().zip(&proposal.facts).zip(first..);
        if !each.all(|((place, fact), wanted)| same((place, fact, wanted))) {
            return Some(Verdict::IdTaken);
        }
        let later = &self.events[usize::try_from(first - 1).unwrap_or(0)..];
        let before = |name: &str| {
            let own = later.iter().find(|event| event.stream == name);
            own.map_or(0, |event| event.version.get() - 1)
        };
        Some(Verdict::Appended { first, already: true, streams: self.ranges(proposal, before) })
    }

    fn ranges(&self, proposal: &Proposal, before: impl Fn(&str) -> u64) -> Vec<(String, u64, u64)> {
        let count = |name: &str| proposal.facts.iter().filter(|fact| fact.stream == name).count() as u64;
        let written = proposal.streams().into_iter().filter(|name| count(name) > 0);
        written.map(|name| (name.to_owned(), before(name) + 1, before(name) + count(name))).collect()
    }
}
