//! What the operations of a simulation are made of, each drawn from dice.

use super::op::{After, Again, Crash, Disturbance, Expectation, Fault, How};
use crate::dice::Dice;
use crate::fates::Left;
use crate::model::{Clauses, Moment};
use crate::world::START;
use annals::vfs::Call;
use annals::{Clock, Expected, MaxAge, RetentionRule};

pub(super) const TYPES: &[&str] = &["t", "u", "T", "\u{e9}"];
pub(super) const TAGS: &[&str] = &["x", "y", "x:1", "\u{e9}"];
/// Times to say and to ask for; some lie on what the clock shows.
pub(super) const TIMES: &[i64] =
    &[i64::MIN, i64::MIN + 1, -5, -1, 0, 7, START - 1, START, START + 1, START + 50, i64::MAX];
const YEAR: i64 = 365 * 86_400 * 1_000_000_000;
/// Ages, in seconds: within what the clock moves by, and beyond.
const AGES: [u64; 4] = [1, 3600, 7200, 366 * 86_400];
/// How the clock moves: by nothing, a little, an hour back, a year forth and back.
pub(super) const STEPS: &[i64] = &[-100, 0, 1, 25, 1000, -3_600_000_000_000, YEAR, -YEAR];

/// A limit, or none, of age and of count.
pub(super) fn rule(dice: &mut Dice) -> RetentionRule {
    let mut rule = RetentionRule::new();
    let clock = *dice.one_of(&[Clock::Occurred, Clock::Recorded]);
    rule = match dice.below(8) {
        0 | 1 => MaxAge::new(*dice.one_of(&AGES), clock).map_or(rule.clone(), |age| rule.max_age(age)),
        2 => rule.keep_age(),
        _ => rule,
    };
    match dice.below(8) {
        0..=4 => rule.max_count(1 + dice.below(6)),
        5 => rule.keep_count(),
        _ => rule,
    }
}

/// None, one or two of these.
pub(super) fn some(dice: &mut Dice, from: &[&str]) -> Vec<String> {
    let count = dice.below(6).saturating_sub(3);
    (0..count).map(|_| (*dice.one_of(from)).to_owned()).collect()
}

/// Up to four clauses, of names that are there and of one that is not; now and then everything.
pub(super) fn clauses(dice: &mut Dice) -> Clauses {
    if dice.one_in(8) {
        return Clauses::default();
    }
    let clause = |dice: &mut Dice| {
        let (mut types, tags) = (some(dice, TYPES), some(dice, TAGS));
        if types.is_empty() && tags.is_empty() {
            types.push((*dice.one_of(&["t", "u", "never"])).into());
        }
        (types, tags)
    };
    Clauses((0..=dice.below(4)).map(|_| clause(dice)).collect())
}

pub(super) fn conditions(dice: &mut Dice, count: u64) -> Vec<(Clauses, After)> {
    let after = |dice: &mut Dice| match dice.below(10) {
        0 => After::Beyond(dice.below(3)),
        1..=3 => After::Last(dice.below(200)),
        4..=6 => After::Last(dice.below(10)),
        _ => After::Last(0),
    };
    (0..count).map(|_| (clauses(dice), after(dice))).collect()
}

fn time(dice: &mut Dice) -> i64 {
    if dice.one_in(2) { *dice.one_of(TIMES) } else { START + *dice.one_of(STEPS) + *dice.one_of(STEPS) }
}

pub(super) fn times(dice: &mut Dice) -> Vec<(Clock, i64)> {
    let clock = *dice.one_of(&[Clock::Occurred, Clock::Recorded]);
    if dice.one_in(4) { vec![(clock, time(dice))] } else { Vec::new() }
}

pub(super) fn moment(dice: &mut Dice) -> Moment {
    Moment {
        position: dice.one_in(3).then(|| dice.below(200)),
        recorded: dice.one_in(3).then(|| time(dice)),
        occurred: dice.one_in(3).then(|| time(dice)),
    }
}

pub(super) fn expectation(dice: &mut Dice) -> Expectation {
    match dice.below(8) {
        0..=3 => Expectation::Current,
        4 => Expectation::Off(dice.below(3)),
        5 => Expectation::Plain(Expected::Any),
        6 => Expectation::Plain(Expected::StreamExists),
        _ => Expectation::Plain(Expected::NoStream),
    }
}

pub(super) fn disturbance(dice: &mut Dice) -> Disturbance {
    let (file, at) = (dice.index(16), dice.index(1 << 16));
    match dice.below(6) {
        0..=1 => Disturbance::FlipRun { file, at },
        2 => Disturbance::CutRun { file, at },
        3 => Disturbance::RemoveRun { file },
        4 => Disturbance::RemoveIndex,
        _ => Disturbance::Leftovers,
    }
}

/// How many calls there are until a crash: now, soon, or after a while.
fn calls(dice: &mut Dice) -> u64 {
    match dice.below(4) {
        0 => 0,
        1 => dice.below(6),
        2 => dice.below(30),
        _ => dice.below(100),
    }
}

pub(super) fn crash(dice: &mut Dice) -> Crash {
    // Crashes of crashes, three deep.
    let depth = [0, 0, 0, 1, 1, 2, 3][dice.index(7)];
    let again =
        |dice: &mut Dice| Again { reading: dice.one_in(4), after: dice.below(14), left: Left::any(dice) };
    Crash {
        after: calls(dice),
        left: Left::any(dice),
        again: (0..depth).map(|_| again(dice)).collect(),
        verify: dice.one_in(3),
    }
}

pub(super) fn fault(dice: &mut Dice) -> Fault {
    const CALLS: &[Call] = &[
        Call::SyncData,
        Call::Write,
        Call::SyncDir,
        Call::Rename,
        Call::Create,
        Call::Preallocate,
        Call::Remove,
        Call::SetLength,
        Call::Open,
        Call::Read,
        Call::Map,
        Call::Length,
        Call::List,
        Call::Take,
    ];
    let after = if dice.one_in(2) { 0 } else { dice.below(8) };
    if dice.one_in(3) {
        return Fault { call: Call::SyncData, after, how: How::Stranded };
    }
    let how = How::Error(*dice.one_of(&[5, 28]));
    Fault { call: *dice.one_of(CALLS), after, how }
}
