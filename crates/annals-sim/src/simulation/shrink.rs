//! Making a simulation that fails shorter, as long as it still fails.

use super::op::{Crash, Draft, Op, Script};
use crate::fates::Left;
use crate::model::{Moment, Question};
use crate::suite::Failure;
use std::time::{Duration, Instant};

/// Leaves out operations and makes those that are left simpler, until nothing more can go or the time is over. Returns
/// the shortest list that was found, and how it fails.
pub(super) fn shrink(
    script: Script,
    failure: Failure,
    patience: Duration,
    fails: &dyn Fn(&Script) -> Option<Failure>,
) -> (Script, Failure) {
    let mut best = Shrinking { script, failure, fails, deadline: Instant::now() + patience };
    loop {
        let shorter = best.leave_out();
        let simpler = best.simplify();
        if !shorter && !simpler || best.is_late() {
            return (best.script, best.failure);
        }
    }
}

struct Shrinking<'f> {
    script: Script,
    failure: Failure,
    fails: &'f dyn Fn(&Script) -> Option<Failure>,
    deadline: Instant,
}

impl Shrinking<'_> {
    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Takes another script if it fails, too.
    fn try_this(&mut self, script: Script) -> bool {
        if self.is_late() {
            return false;
        }
        let Some(failure) = (self.fails)(&script) else { return false };
        (self.script, self.failure) = (script, failure);
        true
    }

    /// Leaves out operations, many at once first. Says whether any could go.
    fn leave_out(&mut self) -> bool {
        let mut any = false;
        if self.script.birth.is_some() {
            any |= self.try_this(Script { birth: None, ..self.script.clone() });
        }
        let mut length = self.script.ops.len().div_ceil(2).max(1);
        loop {
            // From the end, since what comes late is rarely the reason of what comes early.
            let mut end = self.script.ops.len();
            while end > 0 {
                let start = end.saturating_sub(length);
                let mut script = self.script.clone();
                script.ops.drain(start..end);
                any |= self.try_this(script);
                end = start;
            }
            if length == 1 || self.is_late() {
                return any;
            }
            length /= 2;
        }
    }

    /// Makes each operation as simple as it can be. Says whether any could.
    fn simplify(&mut self) -> bool {
        let mut any = false;
        for number in 0..self.script.ops.len() {
            let mut attempt = 0;
            // What was made simpler is tried to be made simpler again.
            while let Some(op) = simpler(&self.script.ops[number]).into_iter().nth(attempt) {
                let mut script = self.script.clone();
                script.ops[number] = op;
                if self.try_this(script) {
                    (any, attempt) = (true, 0);
                } else {
                    attempt += 1;
                }
            }
        }
        any
    }
}

/// Operations that do a little less; each of them, done again and again, comes to an end.
fn simpler(op: &Op) -> Vec<Op> {
    match op {
        Op::Append(drafts) => {
            let fewer = without_one(drafts).into_iter().filter(|drafts| !drafts.is_empty());
            let changed = drafts.iter().enumerate().flat_map(|(index, draft)| {
                simpler_drafts(draft).into_iter().map(move |draft| (index, draft))
            });
            let changed = changed.map(|(index, draft)| {
                let mut drafts = drafts.clone();
                drafts[index] = draft;
                drafts
            });
            fewer.chain(changed).map(Op::Append).collect()
        }
        Op::Decide { question, draft, refuse } => simpler_decisions(question, draft, *refuse),
        Op::Crash(crash) => simpler_crashes(crash).into_iter().map(Op::Crash).collect(),
        Op::Fault(fault) if fault.after > 0 => {
            vec![Op::Fault(super::op::Fault { after: fault.after - 1, ..*fault })]
        }
        Op::Ask(question, moment) if !is_plain(question, moment) => vec![
            Op::Ask(Box::default(), Moment::default()),
            Op::Ask(question.clone(), Moment::default()),
            Op::Ask(Box::default(), *moment),
        ]
        .into_iter()
        .filter(|op| op.to_string() != Op::Ask(question.clone(), *moment).to_string())
        .collect(),
        _ => Vec::new(),
    }
}

fn simpler_decisions(question: &Question, draft: &Draft, refuse: bool) -> Vec<Op> {
    if refuse {
        return Vec::new();
    }
    let mut found = vec![Op::Append(vec![draft.clone()])];
    let decide = |question: Box<Question>, draft| Op::Decide { question, draft, refuse };
    if question.to_string() != Question::default().to_string() {
        found.push(decide(Box::default(), draft.clone()));
    }
    found.extend(simpler_drafts(draft).into_iter().map(|draft| decide(Box::new(question.clone()), draft)));
    found
}

fn is_plain(question: &Question, moment: &Moment) -> bool {
    question.to_string() == Question::default().to_string()
        && moment.to_string() == Moment::default().to_string()
}

fn without_one<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    let without = |index: usize| {
        let mut rest = all.to_vec();
        rest.remove(index);
        rest
    };
    (0..all.len()).map(without).collect()
}

fn simpler_drafts(draft: &Draft) -> Vec<Draft> {
    let mut found = Vec::new();
    for facts in without_one(&draft.facts).into_iter().filter(|facts| !facts.is_empty()) {
        found.push(Draft { facts, ..draft.clone() });
    }
    for said in without_one(&draft.said) {
        found.push(Draft { said, ..draft.clone() });
    }
    for conditions in without_one(&draft.conditions) {
        found.push(Draft { conditions, ..draft.clone() });
    }
    if draft.stolen.is_some() {
        found.push(Draft { stolen: None, ..draft.clone() });
    }
    for index in 0..draft.facts.len() {
        let mut plain = draft.clone();
        let fact = &mut plain.facts[index];
        if !fact.tags.is_empty() || !fact.metadata.is_empty() || fact.occurred.is_some() {
            (fact.tags, fact.metadata, fact.occurred) = (Vec::new(), Vec::new(), None);
            found.push(plain);
        }
        let mut small = draft.clone();
        let data = &mut small.facts[index].data;
        if !data.is_empty() {
            data.truncate(data.len() / 2);
            found.push(small);
        }
    }
    found
}

fn simpler_crashes(crash: &Crash) -> Vec<Crash> {
    let mut found: Vec<Crash> =
        without_one(&crash.again).into_iter().map(|again| Crash { again, ..crash.clone() }).collect();
    // From the plainest to those that are harder to follow.
    let plain = [Left::Synced, Left::Killed, Left::Written];
    let rank = |left: Left| plain.iter().position(|plain| *plain == left).unwrap_or(plain.len());
    for left in plain.into_iter().take(rank(crash.left)) {
        found.push(Crash { left, ..crash.clone() });
    }
    for index in 0..crash.again.len() {
        for left in plain.into_iter().take(rank(crash.again[index].left)) {
            let mut simpler = crash.clone();
            simpler.again[index].left = left;
            found.push(simpler);
        }
        if crash.again[index].reading {
            let mut simpler = crash.clone();
            simpler.again[index].reading = false;
            found.push(simpler);
        }
    }
    if crash.verify {
        found.push(Crash { verify: false, ..crash.clone() });
    }
    if crash.after > 0 {
        found.push(Crash { after: 0, ..crash.clone() });
        found.push(Crash { after: crash.after / 2, ..crash.clone() });
        found.push(Crash { after: crash.after - 1, ..crash.clone() });
    }
    found
}
