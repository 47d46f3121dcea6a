//! Random rules, appends, deletions, sealing and reopening: every way to read says what plain filters over a list say.

use super::model::{Model, Row};
use crate::common::{Dice, START, World};
use annals::{
    AppendError, AsOf, Batch, Clause, Clock, Criteria, Expected, GuardError, MaxAge, NewEvent, Position,
    Query, ReadError, RetentionError, RetentionRule, RetentionScope, Store, Timestamp, Version, View,
};
use std::collections::BTreeSet;

const STREAMS: [&str; 5] = ["a-1", "a-2", "b-1", "b-2", "c"];
const TYPES: [&str; 3] = ["t", "u", "v"];

/// Which events a query means.
type Filter<'f> = &'f dyn Fn(&Row) -> bool;

struct Play {
    world: World,
    store: Store,
    model: Model,
    dice: Dice,
    now: i64,
    compacts: Compacts,
}

/// How what goes is removed now and then.
#[derive(Clone, Copy, PartialEq)]
enum Compacts {
    Never,
    /// When somebody asks for it.
    Asked,
    /// By rounds as the background thread makes them.
    InRounds,
}

impl Play {
    fn new(seed: u64) -> Self {
        let world = World::new(seed);
        let store = world.open();
        let (dice, compacts) = (Dice::new(seed), Compacts::Never);
        Play { world, store, model: Model::default(), dice, now: START, compacts }
    }

    fn compacting(seed: u64, compacts: Compacts) -> Self {
        Play { compacts, ..Play::new(seed) }
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.dice.below(of.len())]
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..9 => self.append(),
            9..12 => self.set(),
            12 => self.truncate(),
            13 | 14 => self.delete(),
            15 => self.store.maintain().unwrap(),
            18 if self.dice.one_in(2) => self.guard(),
            19 if self.compacts != Compacts::Never => self.compact(),
            16 => {
                self.store.clone().close().unwrap();
                self.store = self.world.open();
            }
            _ => {
                self.now += self.dice.below(40) as i64 * 100_000_000;
                self.world.clock.set(Timestamp::from_nanos(self.now));
            }
        }
    }

    fn append(&mut self) {
        let mut batch = Batch::new();
        let mut rows = Vec::new();
        let checked = self.pick(&STREAMS);
        // Nothing tells the last version of a closed stream of which nothing is left.
        let last = if self.model.is_gone(checked) { 0 } else { self.model.last(checked) };
        let expected = match self.dice.below(8) {
            0 => Expected::NoStream,
            1 => Expected::StreamExists,
            2 => Expected::Exact(Version::new(last)),
            3 => Expected::Exact(Version::new(self.dice.below(4) as u64)),
            _ => Expected::Any,
        };
        batch.expect(checked, expected).unwrap();
        for _ in 0..=self.dice.below(4) {
            let (stream, event_type) = (self.pick(&STREAMS), self.pick(&TYPES));
            let tag = self.dice.one_in(2).then(|| format!("k:{}", self.dice.below(3)));
            let occurred = self.now + (self.dice.below(80) as i64 - 60) * 500_000_000;
            let bytes = if self.dice.one_in(9) { 6000 } else { self.dice.below(300) };
            let mut event = NewEvent::new(event_type, vec![1; bytes]).at(Timestamp::from_nanos(occurred));
            event.tags.extend(tag.clone().map(Into::into));
            batch.push(stream, &event).unwrap();
            let earlier = rows.iter().filter(|row: &&Row| row.stream == stream).count() as u64;
            let position = (self.model.rows.len() + rows.len() + 1) as u64;
            rows.push(Row {
                position,
                stream: stream.to_owned(),
                version: self.model.last(stream) + earlier + 1,
                event_type: event_type.to_owned(),
                tag,
                recorded: self.now,
                occurred,
                gone: false,
            });
        }
        let holds = match expected {
            Expected::Any => true,
            _ if self.model.is_deleted(checked) => {
                expected != Expected::StreamExists
                    && (!matches!(expected, Expected::Exact(version) if version.get() != last && version.get() > 0))
            }
            _ => expected.holds_at(Version::new(last)),
        };
        let closed = rows.iter().any(|row| self.model.said(&row.stream).tombstoned);
        match self.store.append_batch(batch) {
            Ok(_) => {
                assert!(holds && !closed, "appended, but {checked} is not {expected}, or closed: {closed}");
                self.model.rows.extend(rows);
            }
            Err(AppendError::Conflict(conflict)) => {
                assert!(!holds, "{conflict}");
                assert_eq!(conflict.deleted, self.model.is_deleted(checked), "{conflict}");
                assert_eq!(conflict.to_string().contains("soft deleted at"), conflict.deleted);
            }
            Err(AppendError::Tombstoned { stream }) => assert!(self.model.said(&stream).tombstoned),
            Err(error) => panic!("{error}"),
        }
    }

    /// What a rule's event is in the log.
    fn note(&mut self, position: Position) {
        self.note_in("$annals.retention", position);
    }

    fn note_in(&mut self, stream: &str, position: Position) {
        let stream = stream.to_owned();
        let version = self.model.last(&stream) + 1;
        let (recorded, occurred) = (self.now, self.now);
        assert_eq!(position.get(), self.model.rows.len() as u64 + 1);
        let view = self.store.view();
        let event_type = view.event_at(position).unwrap().unwrap().event_type.to_owned();
        let position = position.get();
        let row = Row { position, stream, version, event_type, tag: None, recorded, occurred, gone: false };
        self.model.rows.push(row);
    }

    fn set(&mut self) {
        let mut rule = RetentionRule::new();
        let clock = if self.dice.one_in(2) { Clock::Occurred } else { Clock::Recorded };
        rule = match self.dice.below(5) {
            0 => rule.max_age(MaxAge::new(1 + self.dice.below(12) as u64, clock).unwrap()),
            1 => rule.keep_age(),
            _ => rule,
        };
        rule = match self.dice.below(5) {
            0 => rule.max_count(1 + self.dice.below(5) as u64),
            1 => rule.keep_count(),
            _ => rule,
        };
        let stream = self.pick(&STREAMS);
        let scope = match self.dice.below(4) {
            0 => RetentionScope::Store,
            1 => RetentionScope::category(self.pick(&["a", "b", "c", "d"])),
            _ => RetentionScope::stream(stream),
        };
        let mut said = self.model.said(stream);
        if scope == RetentionScope::stream(stream) && self.dice.one_in(4) && self.model.last(stream) > 0 {
            let before = 1 + self.dice.below(self.model.last(stream) as usize) as u64;
            if before >= said.floor.max(said.deleted + 1) {
                rule = rule.truncate_before(Version::new(before));
                said.floor = before;
                self.model.said.insert(stream.to_owned(), said);
            }
        }
        let change = self.store.retention().set(&scope, &rule).unwrap();
        if !change.already {
            self.note(change.position);
        }
        let known = self.store.retention().get(&scope).unwrap().unwrap_or_default();
        assert_eq!(known.truncate_nothing(), rule.clone().truncate_nothing());
        self.model.rules.insert(scope, rule);
    }

    /// Sets a guard, or moves it, or removes it.
    fn guard(&mut self) {
        let guards = self.store.guards();
        let name = self.pick(&["mails", "search"]);
        let at = self.model.guards.get(name).copied();
        if self.dice.one_in(2) {
            match guards.remove(name) {
                Ok(change) => {
                    assert!(at.is_some());
                    self.note_in("$annals.guards", change.position);
                    self.model.guards.remove(name);
                }
                Err(GuardError::NotFound { .. }) => assert_eq!(at, None),
                Err(error) => panic!("{error}"),
            }
            return;
        }
        let last = self.model.rows.len();
        let position = self.dice.below(last + 2) as u64;
        match guards.set(name, Position::new(position)) {
            Ok(change) => {
                assert!(position <= last as u64 && at.is_none_or(|at| position >= at), "{position}, {at:?}");
                assert_eq!(change.already, at == Some(position));
                if !change.already {
                    self.note_in("$annals.guards", change.position);
                }
                self.model.guards.insert(name.to_owned(), position);
            }
            Err(GuardError::Behind { at: told, .. }) => {
                assert_eq!(at, Some(told.get()));
                assert!(position < told.get());
            }
            Err(GuardError::BeyondEnd { .. }) => assert!(position > last as u64),
            Err(error) => panic!("{error}"),
        }
    }

    fn truncate(&mut self) {
        let stream = self.pick(&STREAMS);
        let (last, said) = (self.model.last(stream), self.model.said(stream));
        let before = 1 + self.dice.below(last as usize + 2) as u64;
        let changed = self.store.retention().truncate(stream, Version::new(before));
        let floor = said.floor.max(said.deleted + 1);
        match changed {
            Ok(change) => {
                assert!(before <= last && before >= floor, "{stream}: {before} of {last}, {floor}");
                if !change.already {
                    self.note(change.position);
                }
                self.model.said.entry(stream.to_owned()).or_default().floor = before;
            }
            Err(RetentionError::NoStream { .. }) => assert!(last == 0 || self.model.is_gone(stream)),
            Err(RetentionError::BelowFloor { floor: told, .. }) => {
                assert_eq!(told.get(), floor);
                assert!(before < floor);
            }
            Err(RetentionError::Append(AppendError::Invalid(invalid))) => assert!(before > last, "{invalid}"),
            Err(error) => panic!("{error}"),
        }
    }

    fn delete(&mut self) {
        let stream = self.pick(&STREAMS);
        let (last, said, deleted) =
            (self.model.last(stream), self.model.said(stream), self.model.is_deleted(stream));
        let for_good = self.dice.one_in(25);
        let expected = if self.dice.one_in(3) { Expected::Exact(Version::new(3)) } else { Expected::Any };
        let retention = self.store.retention();
        let changed =
            if for_good { retention.tombstone(stream, expected) } else { retention.delete(stream, expected) };
        match changed {
            Ok(change) => {
                assert_eq!(change.already, deleted && (said.tombstoned || !for_good));
                if !change.already {
                    self.note(change.position);
                }
                let said = self.model.said.entry(stream.to_owned()).or_default();
                said.deleted = said.deleted.max(last);
                said.tombstoned |= for_good;
            }
            Err(RetentionError::NoStream { .. }) => {
                assert!((last == 0 && !for_good) || self.model.is_gone(stream));
            }
            Err(RetentionError::Append(AppendError::Tombstoned { .. })) => assert!(said.tombstoned),
            Err(RetentionError::Append(AppendError::Conflict(_))) => assert!(last != 3),
            Err(error) => panic!("{error}"),
        }
    }

    /// Has removed what may go, and notes what did: only what is hidden, of each stream what comes first, and never the last event
    /// of one whose name is not closed.
    fn compact(&mut self) {
        self.store.maintain().unwrap();
        let all = self.dice.one_in(2);
        let report = match self.compacts {
            Compacts::InRounds => self.store.compact_if_worth(),
            _ => self.store.compaction().all(all).bytes_per_second(None).run(),
        };
        let report = report.unwrap();
        let mut removed = 0;
        let view = self.store.view();
        for index in 0..self.model.rows.len() {
            let row = self.model.rows[index].clone();
            let gone = matches!(view.event_at(Position::new(row.position)), Err(ReadError::Removed { .. }));
            assert!(gone || !row.gone, "{row:?} came back");
            if !gone || row.gone {
                continue;
            }
            removed += 1;
            let kept_for = self.model.guards.iter().find(|(_, at)| row.position > **at);
            assert!(kept_for.is_none(), "{row:?} went, and {kept_for:?} has not read it");
            assert!(!self.model.shows(&row, self.now), "{row:?} was to be seen");
            let earlier = self.model.rows[..index].iter().filter(|other| other.stream == row.stream);
            assert!(earlier.clone().all(|other| other.gone), "{row:?} went, and one before it did not");
            let said = self.model.said(&row.stream);
            assert!(said.tombstoned || row.version < self.model.last(&row.stream), "{row:?} was the last");
            self.model.rows[index].gone = true;
        }
        assert_eq!(removed, report.events_removed);
        let last = self.store.last_position().get();
        for position in self.model.rows.len() as u64 + 1..=last {
            let event = view.event_at(Position::new(position)).unwrap().unwrap();
            assert_eq!(event.stream, "$annals.ledger");
            self.model.rows.push(Row {
                position,
                stream: event.stream.to_owned(),
                version: event.version.get(),
                event_type: event.event_type.to_owned(),
                tag: None,
                recorded: self.now,
                occurred: self.now,
                gone: false,
            });
        }
        let ledger = self.store.ledger().unwrap();
        let gone = self.model.rows.iter().filter(|row| row.gone).count() as u64;
        assert_eq!(ledger.iter().map(annals::LedgerEntry::events).sum::<u64>(), gone);
        assert!(ledger.iter().zip(1..).all(|(entry, number)| entry.compaction == number));
        assert_eq!(crate::common::verified(&self.world.disk()), [] as [String; 0]);
    }

    fn check(&mut self, context: &str) {
        let now = self.store.view();
        self.compare(&now, &|_| true, &format!("{context}, now"));
        let position = self.dice.below(self.model.rows.len() + 1) as u64;
        let cut = now.as_of(AsOf::Position(Position::new(position))).unwrap();
        self.compare(&cut, &|row| row.position <= position, &format!("{context}, as of position {position}"));
        let time = self.now - self.dice.below(100) as i64 * 100_000_000;
        let at = Timestamp::from_nanos(time);
        let known = now.as_of(AsOf::Recorded(at)).unwrap();
        self.compare(&known, &|row| row.recorded <= time, &format!("{context}, recorded by {time}"));
        let then = now.as_of(AsOf::Occurred(at)).unwrap();
        self.compare(&then, &|row| row.occurred <= time, &format!("{context}, occurred by {time}"));
        self.decide(context);
        for (name, position) in self.model.guards.clone() {
            self.model.spared = Some(position);
            let view = self.store.guards().view(&name).unwrap();
            self.compare(&view, &|_| true, &format!("{context}, for {name} at {position}"));
            self.model.spared = None;
        }
    }

    /// A decision sees what readers see.
    fn decide(&self, context: &str) {
        let visible = self.visible(&|_| true);
        let decided = self.store.decide(&Query::all(), |situation| {
            let read = |query: Query| -> Result<Vec<u64>, ReadError> {
                situation.read(query)?.map(|event| event.map(|event| event.position.get())).collect()
            };
            let mut all = vec![read(Query::all())?];
            for stream in STREAMS {
                all.push(read(Query::stream(stream))?);
            }
            Ok::<_, ReadError>((Batch::new(), all))
        });
        let mut wanted = vec![positions(&visible)];
        for stream in STREAMS {
            wanted.push(visible.iter().filter(|row| row.stream == stream).map(|row| row.position).collect());
        }
        assert_eq!(decided.unwrap().answer, wanted, "{context}, in a decision");
    }

    fn visible(&self, cut: &dyn Fn(&Row) -> bool) -> Vec<&Row> {
        self.model.rows.iter().filter(|row| cut(row) && self.model.shows(row, self.now)).collect()
    }

    fn compare(&self, view: &View, cut: &dyn Fn(&Row) -> bool, context: &str) {
        let visible = self.visible(cut);
        self.queries(view, &visible, context);
        self.streams(view, cut, &visible, context);
        for row in &self.model.rows {
            let found = view.event_at(Position::new(row.position));
            let told = match &found {
                Ok(event) => event.is_some(),
                Err(ReadError::Hidden { position }) => {
                    assert!(cut(row) && position.get() == row.position, "{context}: {row:?}");
                    false
                }
                Err(ReadError::Removed { position }) => {
                    assert!(row.gone && position.get() == row.position, "{context}: {row:?}");
                    false
                }
                Err(error) => panic!("{error}"),
            };
            let wanted = visible.iter().any(|shown| shown.position == row.position);
            assert_eq!(told, wanted, "{context}: {row:?}");
            if let Ok(Some(event)) = found {
                assert_eq!(view.event(event.id).unwrap(), Some(event), "{context}");
            }
        }
        let types: BTreeSet<&str> = visible.iter().map(|row| &*row.event_type).collect();
        let listed = view.types().unwrap();
        assert!(listed.iter().map(|listed| &*listed.event_type).eq(types), "{context}: {listed:?}");
        for listed in listed {
            let events = visible.iter().filter(|row| row.event_type == listed.event_type).count();
            assert_eq!(listed.events, events as u64, "{context}: {listed:?}");
        }
    }

    fn queries(&self, view: &View, visible: &[&Row], context: &str) {
        let criteria =
            Criteria::any_of([Clause::new().of_type("u").tagged("k:1"), Clause::new().of_type("v")]);
        let criteria = criteria.unwrap();
        let tagged = |row: &Row, tag: &str| row.tag.as_deref() == Some(tag);
        let of_criteria = |row: &Row| (row.event_type == "u" && tagged(row, "k:1")) || row.event_type == "v";
        let queries: [(Query, Filter<'_>); 10] = [
            (Query::all(), &|_| true),
            (Query::all().from_position(Position::new(9)), &|row| row.position >= 9),
            (Query::all().category("a"), &|row| row.stream.starts_with("a-")),
            (Query::all().prefix("b-"), &|row| row.stream.starts_with("b-")),
            (Query::all().of_type("t"), &|row| row.event_type == "t"),
            (Query::all().tagged("k:2"), &|row| tagged(row, "k:2")),
            (Query::all().matching(criteria.clone()), &of_criteria),
            (Query::stream("a-1").matching(criteria), &|row| row.stream == "a-1" && of_criteria(row)),
            (Query::stream("a-2").of_type("u"), &|row| row.stream == "a-2" && row.event_type == "u"),
            (Query::stream("b-1").to_version(Version::new(4)), &|row| {
                row.stream == "b-1" && row.version <= 4
            }),
        ];
        let streams = STREAMS.map(|stream| (Query::stream(stream), stream));
        for (query, means) in queries {
            let wanted = visible.iter().copied().filter(|row| means(row)).collect();
            asked(view, &query, wanted, context);
        }
        for (query, stream) in streams {
            let wanted = visible.iter().copied().filter(|row| row.stream == stream).collect();
            asked(view, &query, wanted, context);
        }
    }

    fn streams(&self, view: &View, cut: &dyn Fn(&Row) -> bool, visible: &[&Row], context: &str) {
        for stream in STREAMS {
            if self.model.is_gone(stream) {
                // Its name is closed, and nothing tells any more where it ended.
                assert_eq!(view.read(Query::stream(stream)).unwrap().count(), 0, "{context}: {stream}");
                continue;
            }
            let floor = view.floor(stream).unwrap();
            assert_eq!(floor.get(), self.model.floor(stream, self.now).max(1), "{context}: {stream}");
            for from in 1..=self.model.last(stream) + 1 {
                let query = Query::stream(stream).from_version(Version::new(from));
                let (read, counted) = (view.read(query.clone()), view.count(query));
                match (read, counted) {
                    (
                        Err(ReadError::BelowFloor { asked, floor: told, .. }),
                        Err(ReadError::BelowFloor { .. }),
                    ) => {
                        assert!(from < floor.get() && asked.get() == from && told == floor, "{context}");
                    }
                    (Ok(read), Ok(counted)) => {
                        assert!(from >= floor.get(), "{context}: {stream} from {from}, below {floor}");
                        let wanted = |row: &&&Row| row.stream == stream && row.version >= from;
                        let wanted = visible.iter().filter(wanted).count();
                        assert_eq!((read.count(), counted), (wanted, wanted as u64), "{context}");
                    }
                    other => panic!("{context}: {other:?}"),
                }
            }
        }
        for stream in STREAMS.into_iter().chain(["$annals.retention", "$annals.ledger", "$annals.guards"]) {
            let info = view.stream(stream).unwrap();
            let events = visible.iter().filter(|row| row.stream == stream).count() as u64;
            let there = self.model.rows.iter().filter(|row| row.stream == stream && cut(row));
            let last = there.map(|row| row.version).max().unwrap_or(0);
            let listed = view.streams(stream).next().transpose().unwrap();
            assert_eq!(listed, info.clone().filter(|info| info.stream == stream), "{context}: {stream}");
            assert_eq!(info.as_ref().map_or(0, |info| info.events), events, "{context}: {stream}");
            let kept = view.occurred_by().is_none()
                && last > 0
                && last == self.model.last(stream)
                && !self.model.is_deleted(stream);
            assert_eq!(info.is_some(), events > 0 || kept, "{context}: {stream}: {info:?}");
            if let Some(info) = info.filter(|_| view.occurred_by().is_none()) {
                assert_eq!(info.last_version.get(), last, "{context}: {stream}");
            }
        }
    }
}

fn positions(rows: &[&Row]) -> Vec<u64> {
    rows.iter().map(|row| row.position).collect()
}

fn asked(view: &View, query: &Query, wanted: Vec<&Row>, context: &str) {
    let read = |query: Query| -> Vec<u64> {
        view.read(query).unwrap().map(|event| event.unwrap().position.get()).collect()
    };
    let mut wanted = positions(&wanted);
    assert_eq!(read(query.clone()), wanted, "{context}: {query:?}");
    assert_eq!(view.count(query.clone()).unwrap(), wanted.len() as u64, "{context}: counted, {query:?}");
    assert_eq!(view.read_upcast(query.clone()).unwrap().count(), wanted.len(), "{context}: {query:?}");
    let newest = query.clone().backwards().limit(3);
    let counted = view.count(newest.clone()).unwrap();
    wanted.reverse();
    wanted.truncate(3);
    assert_eq!((read(newest), counted), (wanted.clone(), wanted.len() as u64), "{context}: {query:?}");
}

#[test]
fn every_way_to_read_shows_what_rules_leave_and_nothing_else() {
    for seed in 0..12 {
        let mut play = Play::new(seed);
        for step in 0..90 {
            play.step();
            if step % 6 == 5 {
                play.check(&format!("seed {seed}, step {step}"));
            }
        }
        assert!(play.model.rows.len() > 40, "seed {seed} did too little");
    }
}

#[test]
fn every_way_to_read_shows_the_same_when_what_is_hidden_is_removed() {
    play_and_remove(200, Compacts::Asked);
}

#[test]
fn every_way_to_read_shows_the_same_when_what_is_hidden_is_removed_by_itself() {
    play_and_remove(230, Compacts::InRounds);
}

fn play_and_remove(first: u64, compacts: Compacts) {
    let mut gone = 0;
    for seed in first..first + 12 {
        let mut play = Play::compacting(seed, compacts);
        for step in 0..90 {
            play.step();
            if step % 6 == 5 {
                play.check(&format!("seed {seed}, step {step}"));
            }
        }
        gone += play.model.rows.iter().filter(|row| row.gone).count();
    }
    assert!(gone > 200, "only {gone} events were removed");
}

#[test]
fn a_view_reads_on_what_was_removed_behind_it() {
    for seed in 300..304 {
        let mut play = Play::compacting(seed, Compacts::Asked);
        let mut views = Vec::new();
        for step in 0..80 {
            play.step();
            if step % 10 == 9 {
                views.push((play.store.view(), play.model.clone(), play.now));
                play.compact();
            }
        }
        for (view, model, now) in views {
            (play.model, play.now) = (model, now);
            play.compare(&view, &|_| true, "an old view");
        }
    }
}

#[test]
fn a_view_stays_as_it_is_whatever_rules_are_set_behind_it() {
    let mut play = Play::new(99);
    let mut views = Vec::new();
    for step in 0..60 {
        play.step();
        if step % 10 == 9 {
            views.push((play.store.view(), play.model.clone(), play.now));
        }
    }
    for (view, model, now) in views {
        // The rules of a view are read when they are first needed, which may be later than all of this.
        (play.model, play.now) = (model, now);
        play.compare(&view, &|_| true, "an old view");
    }
}

#[test]
fn a_reader_beside_the_writer_goes_by_rules_as_they_come() {
    let mut play = Play::new(7);
    let reader = play.world.options().read_only(true).create(false);
    for step in 0..60 {
        play.step();
        if step % 12 == 11 {
            play.store.mark_durable().unwrap();
            let store = reader.clone().open("memory").unwrap();
            play.compare(&store.view(), &|_| true, &format!("a reader, step {step}"));
        }
    }
}
