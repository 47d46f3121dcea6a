//! Comparing what a store says with what it must say.

use crate::model::{Model, Moment, Question, tally};
use annals::{
    Clock, Event, EventRef, Events, Position, Query, ReadError, Situation, Store, Timestamp, Uuid, View,
};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What is wrong.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// The store cannot say.
    Read(ReadError),
    /// It says something else.
    Differs(String),
}

/// Fails unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err(crate::check::Wrong::Differs(format!($($what)+)));
        }
    };
}
pub(crate) use ensure;

/// Asks a store everything that can be asked without knowing what is in it.
pub(crate) fn everything(store: &Store, model: &Model) -> Result<(), Wrong> {
    let view = store.view();
    ensure!(view.position().get() == model.last(), "the last position is {}", view.position());
    events(&view, &model.events)?;
    let seen: Vec<&Event> = model.events.iter().map(|event| &**event).collect();
    by_id(&view, &model.events, &seen, model.made())?;
    times(&view, &model.events, &seen, &[])?;
    streams(&view, &seen)?;
    lists(&view, &seen)?;
    stats(store, &seen)
}

/// All events, forwards, and the events at each position.
pub(crate) fn events(view: &View, wanted: &[Arc<Event>]) -> Result<(), Wrong> {
    let mut read = view.read(Query::all())?;
    for event in wanted {
        match read.next() {
            Some(found) => same(&found?, event)?,
            None => ensure!(false, "the log ends before {event:?}"),
        }
        match view.event_at(event.position)? {
            Some(found) => same(&found, event)?,
            None => ensure!(false, "there is nothing at position {}", event.position),
        }
    }
    nothing_more(&mut read, || "the log".into())?;
    ensure!(view.event_at(Position::ZERO)?.is_none(), "there is an event before the first");
    ensure!(view.event_at(view.position().next())?.is_none(), "there is an event behind the last");
    Ok(())
}

/// One question, and what is listed, as of a moment.
pub(crate) fn answers(
    view: &View,
    events: &[Arc<Event>],
    made: Option<&HashMap<Uuid, u64>>,
    question: &Question,
    moment: &Moment,
) -> Result<(), Wrong> {
    let seen = moment.seen(events);
    let view = moment.of(view)?;
    let wanted = question.answer(&seen);
    read(view.read(question.query())?, &wanted, || format!("{question} {moment}"))?;
    let counted = view.count(question.query())?;
    ensure!(counted == wanted.len() as u64, "{question} {moment}: {counted} instead of {}", wanted.len());
    lists(&view, &seen)?;
    let said = question.since.iter().chain(&question.until).map(|(_, time)| *time);
    times(&view, events, &seen, &said.collect::<Vec<_>>())?;
    let some = events.iter().skip(events.len() / 7).step_by(events.len() / 5 + 1).cloned();
    by_id(&view, &some.collect::<Vec<_>>(), &seen, made)
}

/// What a decision sees: its own question, the reverse of it, and all there is. Says how many events it asked for.
pub(crate) fn situation(
    situation: &Situation<'_>,
    events: &[Arc<Event>],
    question: &Question,
) -> Result<usize, Wrong> {
    let last = situation.position().get();
    ensure!(last == events.len() as u64, "a decision as of {last}, and there are {}", events.len());
    let seen: Vec<&Event> = events.iter().map(|event| &**event).collect();
    let wanted = question.answer(&seen);
    read(situation.events()?, &wanted, || format!("a decision on {question}"))?;
    let reverse = Question { backwards: !question.backwards, ..question.clone() };
    read(situation.read(reverse.query())?, &reverse.answer(&seen), || format!("a decision on {reverse}"))?;
    read(situation.read(Query::all())?, &seen, || "a decision on all".into())?;
    Ok(wanted.len())
}

/// A reading gives these events and no others.
fn read(mut read: Events<'_>, wanted: &[&Event], what: impl Fn() -> String) -> Result<(), Wrong> {
    for event in wanted {
        match read.next() {
            Some(found) => same(&found?, event)?,
            None => ensure!(false, "{}: {} events wanted, too few found", what(), wanted.len()),
        }
    }
    nothing_more(&mut read, || format!("{}: {} events wanted", what(), wanted.len()))
}

/// Where times lead to, on both clocks: those that are said, and those at and around some events.
fn times(view: &View, events: &[Arc<Event>], seen: &[&Event], said: &[i64]) -> Result<(), Wrong> {
    let mut times = vec![i64::MIN, i64::MAX];
    times.extend_from_slice(said);
    for event in seen.iter().skip(seen.len() / 3).step_by(seen.len() / 3 + 1) {
        let (recorded, occurred) = (event.recorded_at.as_nanos(), event.occurred_at.as_nanos());
        times.extend([recorded, recorded.saturating_sub(1), occurred, occurred.saturating_sub(1)]);
    }
    let last = usize::try_from(view.position().get()).unwrap_or(usize::MAX);
    for time in times.into_iter().map(Timestamp::from_nanos) {
        let recorded = events.iter().take(last).rposition(|event| event.recorded_at <= time);
        let recorded = recorded.map_or(0, |index| index as u64 + 1);
        let found = view.position_at(Clock::Recorded, time)?.get();
        ensure!(found == recorded, "recorded up to {time:?}: {found} instead of {recorded}");
        let occurred = seen.iter().rev().find(|event| event.occurred_at <= time);
        let occurred = occurred.map_or(0, |event| event.position.get());
        let found = view.position_at(Clock::Occurred, time)?.get();
        ensure!(found == occurred, "occurred up to {time:?}: {found} instead of {occurred}");
    }
    Ok(())
}

/// A reading has come to its end.
fn nothing_more(read: &mut Events<'_>, what: impl FnOnce() -> String) -> Result<(), Wrong> {
    match read.next().transpose()? {
        Some(event) => Err(Wrong::Differs(format!("{}: there is also {event:?}", what()))),
        None => Ok(()),
    }
}

/// Each id gives the first event with it that is seen; of a store without an index of ids, the one that it was made for.
fn by_id(
    view: &View,
    events: &[Arc<Event>],
    seen: &[&Event],
    made: Option<&HashMap<Uuid, u64>>,
) -> Result<(), Wrong> {
    let mut first = HashMap::new();
    let found = |event: &Event| made.is_none_or(|made| made.get(&event.id) == Some(&event.position.get()));
    for event in seen.iter().filter(|event| found(event)) {
        first.entry(event.id).or_insert(*event);
    }
    for event in events {
        match (view.event(event.id)?, first.get(&event.id)) {
            (Some(found), Some(wanted)) => same(&found, wanted)?,
            (None, None) => {}
            (found, _) => ensure!(false, "id {}: found {found:?}", event.id),
        }
    }
    ensure!(view.event(Uuid::from_u128(0xFFFF))?.is_none(), "an id that nobody gave is found");
    Ok(())
}

/// Each stream backwards, and what is known of it.
fn streams(view: &View, seen: &[&Event]) -> Result<(), Wrong> {
    for (name, (count, last)) in tally(seen, |event| &event.stream) {
        let mut read = view.read(Query::stream(name).backwards())?;
        for event in seen.iter().rev().filter(|event| event.stream == name) {
            match read.next() {
                Some(found) => same(&found?, event)?,
                None => ensure!(false, "stream {name:?} ends before {event:?}"),
            }
        }
        nothing_more(&mut read, || format!("stream {name:?}"))?;
        let info = view.stream(name)?.map(|info| (info.events, info.last_version.get()));
        ensure!(info == Some((count, last)), "stream {name:?}: {info:?} instead of {:?}", (count, last));
    }
    ensure!(view.stream("never")?.is_none(), "a stream that nobody wrote is there");
    Ok(())
}

/// The lists of streams, of some prefixes of them, and of types.
fn lists(view: &View, seen: &[&Event]) -> Result<(), Wrong> {
    let streams = tally(seen, |event| &event.stream);
    for prefix in ["", "a", "s-1", "\u{e9}", "zz"] {
        let mut wanted = streams.iter().filter(|(name, _)| name.starts_with(prefix));
        for info in view.streams(prefix) {
            let info = info?;
            let found = (info.stream.as_str(), (info.events, info.last_version.get()));
            let wanted = wanted.next().map(|(name, tally)| (*name, *tally));
            ensure!(wanted == Some(found), "streams {prefix:?}: {found:?} instead of {wanted:?}");
        }
        let missing = wanted.next();
        ensure!(missing.is_none(), "streams {prefix:?}: {missing:?} is missing");
    }
    let types = view.types()?;
    let types: Vec<_> = types.iter().map(|info| (info.event_type.as_str(), info.events)).collect();
    let wanted: Vec<_> =
        tally(seen, |event| &event.event_type).into_iter().map(|(name, (count, _))| (name, count)).collect();
    ensure!(types == wanted, "types: {types:?} instead of {wanted:?}");
    Ok(())
}

fn stats(store: &Store, all: &[&Event]) -> Result<(), Wrong> {
    let stats = store.stats()?;
    let count = all.len() as u64;
    ensure!(stats.events == count && stats.last_position.get() == count, "{stats:?}: events");
    let names = tally(all, |event| &event.stream).len() as u64;
    let types = tally(all, |event| &event.event_type).len() as u64;
    ensure!((stats.streams, stats.types) == (names, types), "{stats:?}: not {names} streams, {types} types");
    let recorded = all.iter().map(|event| event.recorded_at);
    let range = (recorded.clone().min(), recorded.max());
    ensure!((stats.first_recorded, stats.last_recorded) == range, "{stats:?}: not {range:?}");
    let occurred = all.iter().map(|event| event.occurred_at);
    let range = (occurred.clone().min(), occurred.max());
    ensure!((stats.first_occurred, stats.last_occurred) == range, "{stats:?}: not {range:?}");
    Ok(())
}

fn same(found: &EventRef<'_>, wanted: &Event) -> Result<(), Wrong> {
    let same = found.position == wanted.position
        && found.stream == wanted.stream
        && found.version == wanted.version
        && found.id == wanted.id
        && found.event_type == wanted.event_type
        && found.recorded_at == wanted.recorded_at
        && found.occurred_at == wanted.occurred_at
        && found.tags.iter().eq(wanted.tags.iter().map(String::as_str))
        && found.schema_version == wanted.schema_version
        && found.content_type == wanted.content_type
        && found.plain() == wanted.payload;
    ensure!(
        same,
        "found {found:?} recorded {:?} id {} instead of {:?}@{} at {} recorded {:?} id {}",
        found.recorded_at,
        found.id,
        wanted.stream,
        wanted.version,
        wanted.position,
        wanted.recorded_at,
        wanted.id
    );
    Ok(())
}

impl From<ReadError> for Wrong {
    fn from(error: ReadError) -> Self {
        Wrong::Read(error)
    }
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Wrong::Differs(what)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Read(error) => write!(f, "{error}: {error:?}"),
            Wrong::Differs(what) => f.write_str(what),
        }
    }
}
