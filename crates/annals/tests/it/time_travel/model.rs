//! Events in a list, and plain filters over it.

use crate::common::Dice;
use annals::{AsOf, Clause, Clock, Criteria, Position, Query, Timestamp, Uuid, Version, category_of};

/// What is known of an event.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) position: u64,
    pub(super) stream: String,
    pub(super) version: u64,
    pub(super) event_type: &'static str,
    pub(super) tags: Vec<&'static str>,
    pub(super) recorded: i64,
    pub(super) occurred: i64,
    pub(super) id: Uuid,
    pub(super) lost: bool,
}

pub(super) const STREAMS: [&str; 7] =
    ["account-1", "account-2", "account-21", "order-1", "order-2", "order", "\u{e9}-1"];
pub(super) const TYPES: [&str; 4] = ["opened", "paid", "paid-back", "closed"];
pub(super) const TAGS: [&str; 3] = ["red", "blue", "rare"];

/// How far a view goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) position: u64,
    pub(super) occurred: Option<i64>,
}

impl Cut {
    pub(super) fn now(rows: &[Row]) -> Self {
        Cut { position: rows.len() as u64, occurred: None }
    }

    pub(super) fn narrow(&mut self, rows: &[Row], moment: AsOf) {
        match moment {
            AsOf::Position(position) => self.position = self.position.min(position.get()),
            AsOf::Recorded(time) => {
                let known = rows.iter().filter(|row| row.recorded <= time.as_nanos()).count() as u64;
                self.position = self.position.min(known);
            }
            AsOf::Occurred(time) => {
                self.occurred = Some(self.occurred.map_or(time.as_nanos(), |own| own.min(time.as_nanos())));
            }
        }
    }

    /// Whether an event that was not lost is seen.
    pub(super) fn shows(&self, row: &Row) -> bool {
        !row.lost && row.position <= self.position && self.occurred.is_none_or(|last| row.occurred <= last)
    }
}

/// A question, said twice: to the store and to a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Question {
    stream: Option<&'static str>,
    versions: Option<(u64, u64)>,
    positions: Option<(u64, u64)>,
    category: Option<&'static str>,
    prefix: Option<&'static str>,
    types: Vec<&'static str>,
    tags: Vec<&'static str>,
    clauses: Vec<(&'static str, &'static str)>,
    since: Option<(Clock, i64)>,
    until: Option<(Clock, i64)>,
    pub(super) backwards: bool,
    pub(super) limit: Option<u64>,
}

impl Question {
    /// Mostly about one thing, which the index can count, sometimes about several.
    pub(super) fn any(rows: &[Row], dice: &mut Dice) -> Self {
        let mut question = Question { backwards: dice.one_in(2), ..Question::default() };
        for _ in 0..[0, 1, 1, 1, 2, 3][dice.below(6)] {
            question.restrict(dice);
        }
        let pick = |dice: &mut Dice| rows[dice.below(rows.len())].clone();
        if dice.one_in(4) {
            let (from, to) = (pick(dice).position, pick(dice).position);
            question.positions = Some((from.saturating_sub(1), to));
        }
        let time = |dice: &mut Dice| {
            let row = pick(dice);
            let clock = if dice.one_in(2) { Clock::Recorded } else { Clock::Occurred };
            (clock, if clock == Clock::Recorded { row.recorded } else { row.occurred })
        };
        question.since = dice.one_in(4).then(|| time(dice));
        question.until = dice.one_in(4).then(|| time(dice));
        question.limit = dice.one_in(4).then(|| dice.number() % 20);
        question
    }

    fn restrict(&mut self, dice: &mut Dice) {
        let of = |names: &[&'static str], dice: &mut Dice| names[dice.below(names.len())];
        match dice.below(7) {
            0 | 1 => {
                self.stream = Some(of(&STREAMS, dice));
                if dice.one_in(2) {
                    self.versions = Some((dice.number() % 60, dice.number() % 200));
                }
            }
            2 => self.category = Some(of(&["account", "order", "\u{e9}", "none"], dice)),
            3 => self.prefix = Some(of(&["", "account-2", "o", "\u{e9}", "zz"], dice)),
            4 => self.types.push(of(&TYPES, dice)),
            5 => self.tags.push(of(&TAGS, dice)),
            _ => self.clauses.push((of(&TYPES, dice), of(&TAGS, dice))),
        }
    }

    pub(super) fn means(&self, row: &Row) -> bool {
        let time = |clock| if clock == Clock::Recorded { row.recorded } else { row.occurred };
        let within = |bounds: Option<(u64, u64)>, of: u64| bounds.is_none_or(|(a, b)| a <= of && of <= b);
        within(self.positions, row.position)
            && within(self.versions, row.version)
            && self.stream.is_none_or(|name| name == row.stream)
            && self.category.is_none_or(|name| name == category_of(&row.stream))
            && self.prefix.is_none_or(|prefix| row.stream.starts_with(prefix))
            && (self.types.is_empty() || self.types.contains(&row.event_type))
            && self.tags.iter().all(|tag| row.tags.contains(tag))
            && (self.clauses.is_empty()
                || self.clauses.iter().any(|(name, tag)| row.event_type == *name && row.tags.contains(tag)))
            && self.since.is_none_or(|(clock, first)| time(clock) >= first)
            && self.until.is_none_or(|(clock, end)| time(clock) < end)
    }

    pub(super) fn query(&self) -> Query {
        let mut query = self.stream.map_or_else(Query::all, Query::stream);
        if let Some((from, to)) = self.positions {
            query = query.from_position(Position::new(from)).to_position(Position::new(to));
        }
        if let Some((from, to)) = self.versions {
            query = query.from_version(Version::new(from)).to_version(Version::new(to));
        }
        query = self.category.iter().fold(query, |query, name| query.category(*name));
        query = self.prefix.iter().fold(query, |query, prefix| query.prefix(*prefix));
        query = self.types.iter().fold(query, |query, name| query.of_type(*name));
        query = self.tags.iter().fold(query, |query, name| query.tagged(*name));
        if !self.clauses.is_empty() {
            let clauses = self.clauses.iter().map(|(name, tag)| Clause::new().of_type(*name).tagged(*tag));
            query = query.matching(Criteria::any_of(clauses).unwrap());
        }
        let at = Timestamp::from_nanos;
        query = self.since.iter().fold(query, |query, (clock, time)| query.since(*clock, at(*time)));
        query = self.until.iter().fold(query, |query, (clock, time)| query.until(*clock, at(*time)));
        query = if self.backwards { query.backwards() } else { query };
        self.limit.map_or(query.clone(), |limit| query.limit(limit))
    }
}
