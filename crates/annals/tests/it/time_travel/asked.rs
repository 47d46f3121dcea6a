//! Everything that a view can be asked, compared with the list.

use super::model::{Cut, Question, Row, STREAMS, TYPES};
use crate::common::Dice;
use annals::{Clock, EventRef, Position, ReadError, StreamInfo, Timestamp, TypeInfo, Uuid, Version, View};

/// How many questions a view is asked.
const QUESTIONS: usize = 12;

pub(super) fn compare(view: &View, rows: &[Row], cut: &Cut, dice: &mut Dice, context: &str) {
    assert_eq!(view.position().get(), cut.position, "{context}");
    assert_eq!(view.occurred_by().map(Timestamp::as_nanos), cut.occurred, "{context}");
    let seen: Vec<&Row> = rows.iter().filter(|row| cut.shows(row)).collect();
    ask(view, rows, &seen, &Question::default(), context);
    for _ in 0..QUESTIONS {
        ask(view, rows, &seen, &Question::any(rows, dice), context);
    }
    single_events(view, rows, cut, dice, context);
    lists(view, rows, cut, &seen, context);
    positions(view, rows, cut, dice, context);
}

/// What is read, and how many are counted.
fn ask(view: &View, rows: &[Row], seen: &[&Row], question: &Question, context: &str) {
    let mut wanted: Vec<&Row> = seen.iter().copied().filter(|row| question.means(row)).collect();
    if question.backwards {
        wanted.reverse();
    }
    wanted.truncate(question.limit.map_or(rows.len(), |limit| usize::try_from(limit).unwrap()));
    let read = view.read(question.query()).unwrap();
    let mut found = 0;
    for (event, row) in read.map(Result::unwrap).zip(&wanted) {
        assert!(is(&event, row), "{context}: {question:?}: {event:?} instead of {row:?}");
        found += 1;
    }
    let all = view.read(question.query()).unwrap().count();
    assert_eq!((found, all), (wanted.len(), wanted.len()), "{context}: {question:?}");
    let counted = view.count(question.query()).unwrap();
    assert_eq!(counted, wanted.len() as u64, "{context}: counted, {question:?}");
}

fn is(event: &EventRef<'_>, row: &Row) -> bool {
    (event.position.get(), event.version.get(), event.stream, event.id)
        == (row.position, row.version, &*row.stream, row.id)
        && (event.recorded_at.as_nanos(), event.occurred_at.as_nanos()) == (row.recorded, row.occurred)
}

fn single_events(view: &View, rows: &[Row], cut: &Cut, dice: &mut Dice, context: &str) {
    for position in [0, cut.position + 1, u64::MAX] {
        assert_eq!(view.event_at(Position::new(position)).unwrap(), None, "{context}: {position}");
    }
    for _ in 0..8 {
        let row = &rows[dice.below(rows.len())];
        let found = view.event_at(Position::new(row.position));
        let by_id = view.event(row.id);
        if row.lost {
            let told = matches!(found, Err(ReadError::Lost { position }) if position.get() == row.position);
            assert_eq!(told, row.position <= cut.position, "{context}: {row:?}: {found:?}");
            assert!(!matches!(by_id, Ok(Some(_))), "{context}: {row:?}: {by_id:?}");
            continue;
        }
        for found in [found.unwrap(), by_id.unwrap()] {
            assert_eq!(found.is_some(), cut.shows(row), "{context}: {row:?}: {found:?}");
            assert!(found.is_none_or(|event| is(&event, row)), "{context}: {row:?}");
        }
    }
    assert_eq!(view.event(Uuid::from_u128(5)).unwrap(), None, "{context}");
}

fn lists(view: &View, rows: &[Row], cut: &Cut, seen: &[&Row], context: &str) {
    let info = |name: &str| {
        let own = seen.iter().filter(|row| row.stream == name);
        let events = own.clone().count() as u64;
        // A lost event has no time at which it occurred, so it counts only where nobody asks for that.
        let lost = rows.iter().filter(|row| row.lost && row.stream == name && row.position <= cut.position);
        let lost = lost.map(|row| row.version).max().filter(|_| cut.occurred.is_none());
        let last = own.map(|row| row.version).max().max(lost)?;
        Some(StreamInfo { stream: name.into(), events, last_version: Version::new(last) })
    };
    let mut names = STREAMS;
    names.sort_unstable();
    for name in names.iter().chain(&["nobody", ""]) {
        assert_eq!(view.stream(name).unwrap(), info(name), "{context}: {name:?}");
    }
    for prefix in ["", "account-2", "o", "zz"] {
        let listed: Vec<StreamInfo> = view.streams(prefix).map(Result::unwrap).collect();
        let wanted: Vec<StreamInfo> =
            names.iter().filter(|name| name.starts_with(prefix)).filter_map(|name| info(name)).collect();
        assert_eq!(listed, wanted, "{context}: streams {prefix:?}");
    }
    let mut types = TYPES.to_vec();
    types.sort_unstable();
    let count = |name: &str| seen.iter().filter(|row| row.event_type == name).count() as u64;
    let types: Vec<TypeInfo> = types
        .into_iter()
        .map(|name| TypeInfo { event_type: name.into(), events: count(name) })
        .filter(|info| info.events > 0)
        .collect();
    assert_eq!(view.types().unwrap(), types, "{context}");
}

/// From times to positions. On the recorded clock all events count, whatever of them is shown.
fn positions(view: &View, rows: &[Row], cut: &Cut, dice: &mut Dice, context: &str) {
    for number in 0..8 {
        let row = &rows[dice.below(rows.len())];
        let shift = i64::try_from(dice.below(3)).unwrap() - 1;
        let (recorded, occurred) = match number {
            0 => (i64::MIN, i64::MIN),
            1 => (i64::MAX, i64::MAX),
            _ => (row.recorded + shift, row.occurred.saturating_add(shift)),
        };
        let last = |keep: &dyn Fn(&&Row) -> bool| {
            rows.iter()
                .rev()
                .find(|row| row.position <= cut.position && keep(row))
                .map_or(0, |row| row.position)
        };
        let found = view.position_at(Clock::Recorded, Timestamp::from_nanos(recorded)).unwrap();
        assert_eq!(found.get(), last(&|row| row.recorded <= recorded), "{context}: recorded by {recorded}");
        let found = view.position_at(Clock::Occurred, Timestamp::from_nanos(occurred)).unwrap();
        let wanted = last(&|row| cut.shows(row) && row.occurred <= occurred);
        assert_eq!(found.get(), wanted, "{context}: occurred by {occurred}");
    }
}
