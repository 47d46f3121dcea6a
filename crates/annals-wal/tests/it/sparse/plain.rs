//! What a segment should say, by looking at all of its events.

use annals_format::{OCCURRED_RECORDS, TimeRange};
use annals_types::{Event, Position, Timestamp};
use annals_wal::{LogError, Segment};
use std::ops::Range;

/// The events that a segment has, and which positions it covers.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    pub(super) events: Vec<Event>,
    pub(super) first: Position,
    pub(super) last: Position,
}

/// A question to a segment about one or two positions.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    Event,
    Walk,
    Next,
    Last,
    Room,
    Rank,
    At(i64),
    Block,
    Outside(i64, i64, bool),
    Steps,
    Ahead,
}

fn shown(event: &Event) -> (i64, bool) {
    (event.occurred_at.as_nanos(), !event.event_type.is_empty())
}

impl Plain {
    pub(super) fn keep(&mut self, stays: impl FnMut(&Event) -> bool) {
        self.events.retain(stays);
    }

    /// What comes of two segments that lie side by side.
    pub(super) fn join(&mut self, other: &Plain) {
        self.events.extend_from_slice(&other.events);
        self.last = other.last;
    }

    pub(super) fn event(&self, position: Position) -> Option<&Event> {
        let found = self.events.binary_search_by_key(&position, |event| event.position);
        found.ok().map(|index| &self.events[index])
    }

    pub(super) fn rank(&self, position: Position) -> usize {
        self.events.partition_point(|event| event.position < position)
    }

    pub(super) fn next(&self, position: Position) -> Option<Position> {
        self.events.get(self.rank(position)).map(|event| event.position)
    }

    pub(super) fn positions(&self) -> impl Iterator<Item = Position> + use<> {
        (self.first.get()..=self.last.get()).map(Position::new)
    }

    fn position_at(&self, time: Timestamp, range: &Range<Position>) -> Position {
        let later = |event: &&Event| event.recorded_at > time && range.contains(&event.position);
        self.events.iter().find(later).map_or(range.end, |event| event.position).max(range.start).previous()
    }

    /// The events of the block that has the next event at or behind a position, with their numbers.
    fn block(&self, position: Position) -> Option<Range<usize>> {
        let rank = self.rank(position);
        let first = rank / OCCURRED_RECORDS * OCCURRED_RECORDS;
        (rank < self.events.len()).then(|| first..(first + OCCURRED_RECORDS).min(self.events.len()))
    }

    fn occurred(&self, block: Range<usize>) -> TimeRange {
        let mut occurred = TimeRange::EMPTY;
        let times = self.events[block].iter().map(shown).filter(|(_, told)| *told);
        times.for_each(|(time, _)| occurred.include(Timestamp::from_nanos(time)));
        occurred
    }

    fn covered(&self, block: &Range<usize>, asked: Position) -> Range<Position> {
        let (first, last) = (self.events[block.start].position, self.events[block.end - 1].position);
        first.min(asked)..last.next()
    }

    fn outside(&self, position: Position, times: TimeRange, backwards: bool) -> Range<Position> {
        let mut found: Option<Range<usize>> = None;
        let mut block = self.block(position);
        while let Some(own) = block.filter(|own| self.occurred(own.clone()).is_outside(times)) {
            let all = found.get_or_insert(own.clone());
            *all = all.start.min(own.start)..all.end.max(own.end);
            let next = if backwards { own.start.checked_sub(1) } else { Some(own.end) };
            block = next.and_then(|next| self.block(self.events.get(next)?.position));
        }
        found.map_or(position..position, |found| self.covered(&found, position))
    }

    /// Asks about a position, and checks the answer. An error is one of damage, and is counted.
    pub(super) fn ask(&self, segment: &Segment, question: Question, from: Position, to: Position) -> usize {
        let outcome = match question {
            Question::Event => self.ask_event(segment, from),
            Question::Walk => self.ask_walk(segment, from..to),
            Question::Next => segment.next_position(from).map(|next| {
                assert_eq!(next, self.next(from), "behind {from}");
            }),
            Question::Last => segment.last_position_up_to(from).map(|last| {
                let expected = self.rank(from.next()).checked_sub(1);
                assert_eq!(last, expected.map(|rank| self.events[rank].position), "up to {from}");
            }),
            Question::Room => self.ask_room(segment, from),
            Question::Rank => self.ask_rank(segment, from),
            Question::At(time) => self.ask_time(segment, Timestamp::from_nanos(time), from..to),
            Question::Block => self.ask_block(segment, from),
            Question::Outside(min, max, backwards) => {
                let times = TimeRange { min: Timestamp::from_nanos(min), max: Timestamp::from_nanos(max) };
                self.ask_outside(segment, from, times, backwards)
            }
            Question::Steps => self.ask_in_steps(segment, from),
            Question::Ahead => {
                segment.read_ahead(from..to);
                Ok(())
            }
        };
        match outcome {
            Ok(()) => 0,
            Err(LogError::Corrupt(_)) => 1,
            Err(error) => panic!("{question:?} at {from}: {error}"),
        }
    }

    fn ask_event(&self, segment: &Segment, position: Position) -> Result<(), LogError> {
        let event = segment.event(position)?;
        assert_eq!(event.map(|event| event.to_event()).as_ref(), self.event(position), "at {position}");
        let record = segment.record(position)?;
        assert_eq!(record.map(annals_format::record_length), event.map(|_| record.map(<[u8]>::len)));
        assert_eq!(segment.offset_of(position)?.is_some(), event.is_some());
        Ok(())
    }

    /// A record takes at least its bytes, and not many more: up to the end of its frame, and the header of the next one and its
    /// table of positions, which has at most twenty pairs here.
    fn ask_room(&self, segment: &Segment, position: Position) -> Result<(), LogError> {
        let (room, record) = (segment.room_of(position)?, segment.record(position)?);
        let least = record.map_or(0, <[u8]>::len) as u64;
        let most = if least == 0 { 0 } else { least + 8 + 48 + 4 + 20 * 4 };
        assert!((least..=most).contains(&room), "{room} for {least} at {position}");
        Ok(())
    }

    fn ask_walk(&self, segment: &Segment, range: Range<Position>) -> Result<(), LogError> {
        let mut walk = segment.walk(range.clone())?;
        let mut expected = self.events.iter().filter(|event| range.contains(&event.position));
        loop {
            // The short ways first, as a scan takes them; these know nothing of an end.
            let short = if walk.position() < range.end {
                walk.next_plain().or_else(|| walk.next_sound())
            } else {
                None
            };
            let event = match short {
                Some(event) => Some(event),
                None => walk.next_event()?,
            };
            let expected = expected.next();
            assert_eq!(event.map(|event| event.to_event()).as_ref(), expected, "walked {range:?}");
            if expected.is_none() {
                return Ok(());
            }
        }
    }

    fn ask_rank(&self, segment: &Segment, position: Position) -> Result<(), LogError> {
        let rank = segment.rank(position)?;
        assert_eq!(rank, self.rank(position) as u64, "in front of {position}");
        match self.events.get(self.rank(position)) {
            Some(event) => assert_eq!(segment.position_of(rank)?, event.position),
            None => assert!(segment.position_of(rank).is_err(), "there is no event {rank}"),
        }
        Ok(())
    }

    fn ask_time(&self, segment: &Segment, time: Timestamp, range: Range<Position>) -> Result<(), LogError> {
        let found = segment.position_at(time, range.clone())?;
        assert_eq!(found, self.position_at(time, &range), "{time:?} in {range:?}");
        Ok(())
    }

    /// What is told may be less than is known, but is never wrong.
    fn ask_block(&self, segment: &Segment, position: Position) -> Result<(), LogError> {
        if let Some((positions, occurred)) = segment.occurred_block(position)? {
            let block = self.block(position).unwrap();
            assert_eq!(positions, self.covered(&block, position), "block of {position}");
            assert_eq!(occurred, self.occurred(block), "block of {position}");
        }
        Ok(())
    }

    fn ask_outside(
        &self,
        segment: &Segment,
        position: Position,
        times: TimeRange,
        backwards: bool,
    ) -> Result<(), LogError> {
        let outside = segment.occurred_outside(position, times, backwards)?;
        let known = self.outside(position, times, backwards);
        assert!(known.start <= outside.start && outside.end <= known.end, "{outside:?} is not in {known:?}");
        assert!(outside.is_empty() || outside.contains(&position), "{position} is not in {outside:?}");
        Ok(())
    }

    fn ask_in_steps(&self, segment: &Segment, position: Position) -> Result<(), LogError> {
        segment.ask_for_block(position);
        segment.ask_for_offset(position);
        let Some(place) = segment.place_of(position) else { return Ok(()) };
        place.ask_for_front();
        place.ask_for_more();
        let event = segment.event_at(position, place)?.to_event();
        assert_eq!(Some(&event), self.event(position));
        Ok(())
    }

    /// Asks everything about every position, and says how many answers were errors.
    pub(super) fn ask_all(&self, segment: &Segment) -> usize {
        let end = self.last.next();
        let mut errors = 0;
        for position in self.positions() {
            let time = self.events.get(self.rank(position)).map_or(0, |event| event.recorded_at.as_nanos());
            for question in [
                Question::Event,
                Question::Next,
                Question::Last,
                Question::Room,
                Question::Rank,
                Question::At(time),
                Question::At(time - 1),
                Question::Block,
                Question::Outside(i64::MAX, i64::MAX, false),
                Question::Outside(i64::MAX, i64::MAX, true),
                Question::Steps,
                Question::Ahead,
            ] {
                errors += self.ask(segment, question, position, end);
            }
        }
        for from in self.positions().step_by(7) {
            errors += self.ask(segment, Question::Walk, from, end);
        }
        errors
    }

    /// The same of a segment in which everything is sound: then blocks are told, and places known.
    pub(super) fn assert_same(&self, segment: &Segment) {
        assert_eq!(self.ask_all(segment), 0);
        for position in self.positions() {
            let block = segment.occurred_block(position).unwrap();
            assert_eq!(block.is_some(), self.block(position).is_some(), "{position}");
            let times = TimeRange { min: Timestamp::MAX, max: Timestamp::MAX };
            for backwards in [false, true] {
                let outside = segment.occurred_outside(position, times, backwards).unwrap();
                assert_eq!(outside, self.outside(position, times, backwards), "{position}");
            }
            assert_eq!(segment.place_of(position).is_some(), self.event(position).is_some(), "{position}");
        }
        assert_eq!(segment.next_position(self.last.next()).unwrap(), None);
        assert_eq!(segment.next_position(Position::ZERO).unwrap(), self.next(self.first));
        assert!(segment.place_of(self.last.next()).is_none());
        assert!(segment.place_of(self.first.previous()).is_none());
    }
}
