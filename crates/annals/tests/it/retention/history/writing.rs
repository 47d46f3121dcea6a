//! What is appended, and what is said of retention: each outcome is that of the model.

use super::{Play, STREAMS, TYPES};
use crate::retention::model::Row;
use annals::{
    AppendError, Batch, Clock, Expected, GuardError, MaxAge, NewEvent, Position, RetentionError,
    RetentionRule, RetentionScope, Timestamp, Version,
};

impl Play {
    pub(super) fn append(&mut self) {
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

    pub(super) fn set(&mut self) {
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
    pub(super) fn guard(&mut self) {
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

    pub(super) fn truncate(&mut self) {
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

    pub(super) fn delete(&mut self) {
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
}
