//! Making a simulation from dice: each one likes other operations, names and sizes than the next.

use super::draws::{
    STEPS, TAGS, TIMES, TYPES, clauses, conditions, crash, disturbance, expectation, fault, moment, rule,
    some, times,
};
use super::op::{Draft, Op, Retain, Script, Until};
use crate::dice::Dice;
use crate::model::{Fact, Question};
use annals::{Durability, RetentionScope, Uuid};

const LONG: &str = "long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name";
/// Names that are easily confused.
const ODD: &[&str] = &[
    "a-1",
    "a-2",
    "a",
    "A-1",
    "b-1",
    "b-2",
    "-",
    "../x",
    "a\0b-1",
    "\u{e9}-1",
    "e\u{301}-1",
    "\u{1f980}",
    LONG,
];
const PREFIXES: &[&str] = &["", "a", "a-", "a-1", "b", ".", "\u{e9}", "long", "s-", "s-1", "zz"];
const CATEGORIES: &[&str] = &["a", "b", "", "A", "long", "none", "\u{e9}", "s"];
/// So many kinds of operations there are.
const KINDS: usize = 20;
/// Two of them.
const RETAIN: usize = 16;
const COMPACT: usize = 17;

/// The habits of one simulation.
struct Habits {
    /// How many plain streams there are besides the odd ones.
    streams: u64,
    /// How likely each kind of operation is.
    weights: [u64; KINDS],
    /// Most bytes of usual data.
    usual: u64,
    /// One event in so many is large.
    large: u64,
}

/// A whole simulation.
pub(super) fn script(dice: &mut Dice) -> Script {
    let durability = if dice.one_in(3) { Durability::Os } else { Durability::Sync };
    let mut weights = [0; KINDS];
    // Rare operations are left out now and then, so that long stretches without them happen.
    let usual = [30, 4, 8, 4, 8, 3, 3, 3, 3, 3, 1, 1, 6, 3, 4, 6, 6, 4, 2, 2];
    for (weight, usual) in weights.iter_mut().zip(usual) {
        *weight = if dice.one_in(4) { 0 } else { usual };
    }
    weights[0] = usual[0];
    // Stores that grow fast, and are maintained often, so that runs are merged, and merged again.
    let grows = dice.one_in(3);
    // Those that let go what they have, again and again, have segments that are worth compacting.
    let retains = dice.one_in(3);
    if !retains && dice.one_in(2) {
        // Nothing is ever hidden.
        (weights[RETAIN], weights[COMPACT]) = (0, 0);
    }
    if retains {
        (weights[RETAIN], weights[COMPACT]) = (usual[RETAIN] + 2, 3 * usual[COMPACT]);
    }
    if grows || retains {
        weights[4] = 2 * usual[4];
    }
    let grows = grows || retains;
    let habits = Habits {
        streams: if retains { 3 } else { *dice.one_of(&[3, 3, 30, 5000]) },
        weights,
        usual: if grows { 6000 } else { *dice.one_of(&[40, 900, 900, 3000]) },
        large: if grows { 8 } else { *dice.one_of(&[20, 60]) },
    };
    let birth = dice.one_in(8).then(|| crash(dice));
    let length = 8 + dice.below(90);
    let seed = dice.number();
    let (ids, little_memory) = (!dice.one_in(6), dice.one_in(3));
    Script {
        seed,
        durability,
        ids,
        little_memory,
        birth,
        ops: (0..length).map(|_| habits.op(dice)).collect(),
    }
}

impl Habits {
    fn op(&self, dice: &mut Dice) -> Op {
        let total: u64 = self.weights.iter().sum();
        let mut drawn = dice.below(total);
        let mut kind = 0;
        while drawn >= self.weights[kind] {
            drawn -= self.weights[kind];
            kind += 1;
        }
        match kind {
            0 => {
                let batches = if dice.one_in(6) { 2 + dice.below(4) } else { 1 };
                let mut drafts: Vec<Draft> = (0..batches).map(|_| self.draft(dice)).collect();
                if batches > 1 && dice.one_in(2) {
                    // They want the same thing, and the first one to get it takes it from the others.
                    let conditions = conditions(dice, 1);
                    drafts.iter_mut().for_each(|draft| draft.conditions.clone_from(&conditions));
                }
                Op::Append(drafts)
            }
            1 => Op::Repeat { back: dice.index(6) },
            2 => Op::Ask(Box::new(self.question(dice)), moment(dice)),
            3 => Op::Clock(*dice.one_of(STEPS)),
            4 => Op::Maintain,
            5 => Op::Sync,
            6 => Op::Hold,
            7 => Op::Look,
            8 => Op::Observe,
            9 => Op::Reopen,
            10 => Op::ReadOnly,
            11 => Op::Disturb(disturbance(dice)),
            12 => Op::Crash(crash(dice)),
            13 => Op::Mark,
            14 => Op::Decide {
                question: Box::new(self.question(dice)),
                draft: if dice.one_in(6) { self.draft_of(dice, 0) } else { self.draft(dice) },
                refuse: dice.one_in(5),
            },
            15 => Op::Fault(fault(dice)),
            RETAIN => Op::Retain(self.retain(dice)),
            COMPACT => {
                Op::Compact { all: dice.one_in(2), stop_after: dice.one_in(4).then(|| dice.below(12)) }
            }
            18 => Op::BackUp { fresh: dice.one_in(6) },
            _ => {
                let part = dice.below(1001);
                let to = *dice.one_of(&[Until::End, Until::Position(part), Until::Recorded(part)]);
                Op::Restore { to, adopt: dice.one_in(3) }
            }
        }
    }

    fn stream(&self, dice: &mut Dice) -> String {
        match dice.below(3) {
            0 => (*dice.one_of(ODD)).to_owned(),
            // Hot ones, and all the others.
            1 => format!("s-{}", dice.below(self.streams.min(3))),
            _ => format!("s-{}", dice.below(self.streams)),
        }
    }

    fn draft(&self, dice: &mut Dice) -> Draft {
        let events = if dice.one_in(20) { 0 } else { 1 + dice.below(5) };
        self.draft_of(dice, events)
    }

    fn draft_of(&self, dice: &mut Dice, events: u64) -> Draft {
        let facts: Vec<Fact> = (0..events).map(|_| self.fact(dice)).collect();
        let said = (0..dice.below(3)).map(|_| {
            let stream = match facts.first() {
                Some(first) if dice.one_in(2) => first.stream.clone(),
                _ => self.stream(dice),
            };
            (stream, expectation(dice))
        });
        let said = said.collect();
        let stolen = (events > 0 && dice.one_in(12)).then(|| (dice.index(facts.len()), dice.number()));
        let count = dice.below(8).saturating_sub(5);
        Draft { facts, said, stolen, conditions: conditions(dice, count) }
    }

    fn fact(&self, dice: &mut Dice) -> Fact {
        let bytes = match dice.below(self.large) {
            0 => 1000 + dice.below(5000),
            1 if dice.one_in(3) => 15_000 + dice.below(25_000),
            2..=4 => 0,
            _ => dice.below(self.usual),
        };
        // Never zero: the disk takes a sector of zeros for one that was never written, where a crash may leave rubbish.
        let byte = u8::try_from(1 + dice.below(255)).unwrap_or(1);
        Fact {
            stream: self.stream(dice),
            event_type: (*dice.one_of(TYPES)).into(),
            id: (dice.below(5) < 2).then(|| Uuid::from_u128(1 + u128::from(dice.below(40)))),
            occurred: dice.one_in(2).then(|| *dice.one_of(TIMES)),
            tags: some(dice, TAGS),
            schema_version: u32::try_from(dice.below(3)).unwrap_or(0),
            metadata: vec![byte; dice.index(20)],
            data: vec![byte; usize::try_from(bytes).unwrap_or(0)],
            says: None,
        }
    }

    fn retain(&self, dice: &mut Dice) -> Retain {
        match dice.below(16) {
            0..=8 => {
                let scope = match dice.below(5) {
                    0 => RetentionScope::Store,
                    1..=2 => RetentionScope::category(*dice.one_of(&["s", "s", "a", "b", "long"])),
                    _ => RetentionScope::stream(self.stream(dice)),
                };
                Retain::Rule(scope, rule(dice))
            }
            9..=12 => Retain::Truncate { stream: self.stream(dice), back: dice.below(5) },
            13..=14 => Retain::Delete(self.stream(dice)),
            _ => Retain::Tombstone(self.stream(dice)),
        }
    }

    fn question(&self, dice: &mut Dice) -> Question {
        let mut sometimes = |of: u64, to: u64| dice.one_in(of).then(|| dice.below(to));
        let positions = (sometimes(5, 200), sometimes(5, 200));
        let versions = (sometimes(5, 8), sometimes(5, 20));
        let limit = sometimes(3, 6);
        Question {
            stream: dice.one_in(3).then(|| self.stream(dice)),
            positions,
            versions,
            types: some(dice, TYPES),
            tags: some(dice, TAGS),
            clauses: dice.one_in(3).then(|| clauses(dice)),
            category: dice.one_in(5).then(|| (*dice.one_of(CATEGORIES)).into()),
            prefix: dice.one_in(5).then(|| (*dice.one_of(PREFIXES)).into()),
            since: times(dice),
            until: times(dice),
            backwards: dice.one_in(2),
            limit,
        }
    }
}
