//! Comparing what a store says with what it must say.

use crate::model::{Model, Moment, Picture, Question, Seen, Standing, tally};
use annals::{
    Clock, Event, EventRef, Events, Position, Query, ReadError, Situation, Store, Timestamp, Uuid, View,
};
use std::collections::{BTreeMap, HashMap};
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
    let (view, picture) = (store.view(), Picture::of(model));
    ensure!(view.position().get() == model.last(), "the last position is {}", view.position());
    events(&view, &picture)?;
    let seen = picture.seen(&Moment::default());
    by_id(&view, &picture.events, &picture, &seen)?;
    times(&view, &picture, &seen, &[])?;
    streams(&view, &picture, &seen)?;
    lists(&view, &picture, &seen)?;
    stats(store, model.last(), &seen.stored)
}

/// All events, forwards, and the events at each position.
pub(crate) fn events(view: &View, picture: &Picture) -> Result<(), Wrong> {
    let mut read = view.read(Query::all())?;
    for event in &picture.events {
        let standing = picture.standing(event);
        if standing == Standing::Shown {
            match read.next() {
                Some(found) => same(&found?, event)?,
                None => ensure!(false, "the log ends before {event:?}"),
            }
        }
        match (view.event_at(event.position), standing) {
            (Ok(Some(found)), Standing::Shown) => same(&found, event)?,
            (Err(ReadError::Hidden { position }), Standing::Hidden)
            | (Err(ReadError::Removed { position }), Standing::Gone)
                if position == event.position => {}
            (Err(error @ ReadError::Io { .. }), _) => return Err(error.into()),
            (other, _) => ensure!(false, "{standing:?} at position {}: {other:?}", event.position),
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
    picture: &Picture,
    question: &Question,
    moment: &Moment,
) -> Result<(), Wrong> {
    let (seen, view) = (picture.seen(moment), moment.of(view)?);
    let what = || format!("{question} {moment}");
    let wanted = question.answer(&seen.shown);
    if let Some(floor) = question.below(picture) {
        is_below(view.read(question.query()).map(|_| ()), floor, what)?;
        is_below(view.count(question.query()).map(|_| ()), floor, what)?;
    } else {
        read(view.read(question.query())?, &wanted, what)?;
        let counted = view.count(question.query())?;
        ensure!(counted == wanted.len() as u64, "{}: {counted} instead of {}", what(), wanted.len());
    }
    lists(&view, picture, &seen)?;
    let said = question.since.iter().chain(&question.until).map(|(_, time)| *time);
    times(&view, picture, &seen, &said.collect::<Vec<_>>())?;
    let events = &picture.events;
    let some = events.iter().skip(events.len() / 7).step_by(events.len() / 5 + 1).cloned();
    by_id(&view, &some.collect::<Vec<_>>(), picture, &seen)
}

/// What a decision sees: its own question, the reverse of it, and all there is. Says how many events it asked for.
pub(crate) fn situation(
    situation: &Situation<'_>,
    picture: &Picture,
    question: &Question,
) -> Result<usize, Wrong> {
    let last = situation.position().get();
    ensure!(last == picture.last(), "a decision as of {last}, and there are {}", picture.last());
    let seen = picture.seen(&Moment::default());
    let wanted = question.answer(&seen.shown);
    let reverse = Question { backwards: !question.backwards, ..question.clone() };
    if let Some(floor) = question.below(picture) {
        let what = || format!("a decision on {question}");
        is_below(situation.events().map(|_| ()), floor, what)?;
        is_below(situation.read(reverse.query()).map(|_| ()), floor, what)?;
    } else {
        read(situation.events()?, &wanted, || format!("a decision on {question}"))?;
        let reversed = reverse.answer(&seen.shown);
        read(situation.read(reverse.query())?, &reversed, || format!("a decision on {reverse}"))?;
    }
    read(situation.read(Query::all())?, &seen.shown, || "a decision on all".into())?;
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

/// A reading is refused because it begins where a stream has nothing any more.
fn is_below(read: Result<(), ReadError>, wanted: u64, what: impl FnOnce() -> String) -> Result<(), Wrong> {
    match read {
        Err(ReadError::BelowFloor { floor, .. }) if floor.get() == wanted => Ok(()),
        Err(error @ ReadError::Io { .. }) => Err(error.into()),
        other => Err(Wrong::Differs(format!("{}: below {wanted}, and not refused: {other:?}", what()))),
    }
}

/// Where times lead to, on both clocks: those that are said, and those at and around some events. Where events were removed
/// no position between two that are stored is better than another.
fn times(view: &View, picture: &Picture, seen: &Seen<'_>, said: &[i64]) -> Result<(), Wrong> {
    let mut times = vec![i64::MIN, i64::MAX];
    times.extend_from_slice(said);
    for event in seen.shown.iter().skip(seen.shown.len() / 3).step_by(seen.shown.len() / 3 + 1) {
        let (recorded, occurred) = (event.recorded_at.as_nanos(), event.occurred_at.as_nanos());
        times.extend([recorded, recorded.saturating_sub(1), occurred, occurred.saturating_sub(1)]);
    }
    let stored =
        |event: &&Arc<Event>| event.position <= view.position() && picture.standing(event) != Standing::Gone;
    let known: Vec<&Arc<Event>> = picture.events.iter().filter(stored).collect();
    for time in times.into_iter().map(Timestamp::from_nanos) {
        let next = known.partition_point(|event| event.recorded_at <= time);
        let least = next.checked_sub(1).map_or(0, |index| known[index].position.get());
        let most = known.get(next).map_or(view.position().get(), |next| next.position.get() - 1);
        let found = view.position_at(Clock::Recorded, time)?.get();
        ensure!((least..=most).contains(&found), "recorded up to {time:?}: {found}, not {least} to {most}");
        let occurred = seen.stored.iter().rev().find(|event| event.occurred_at <= time);
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

/// Each id gives the first event with it that is stored, unless that is hidden; of a store without an index of ids, the one that
/// it was made for.
fn by_id(view: &View, events: &[Arc<Event>], picture: &Picture, seen: &Seen<'_>) -> Result<(), Wrong> {
    let mut first = HashMap::new();
    let made = picture.made();
    let found = |event: &Event| made.is_none_or(|made| made.get(&event.id) == Some(&event.position.get()));
    for event in seen.stored.iter().filter(|event| found(event)) {
        first.entry(event.id).or_insert(*event);
    }
    for event in events {
        let wanted = first.get(&event.id).map(|event| (event, picture.standing(event)));
        match (view.event(event.id), wanted) {
            (Ok(Some(found)), Some((wanted, Standing::Shown))) => same(&found, wanted)?,
            (Err(ReadError::Hidden { position }), Some((wanted, Standing::Hidden)))
                if position == wanted.position => {}
            (Ok(None), None) => {}
            // An id that the store has made says where its event was.
            (Err(ReadError::Removed { position }), None)
                if picture.standing_at(position) == Some(Standing::Gone) => {}
            (Err(error @ ReadError::Io { .. }), _) => return Err(error.into()),
            (found, _) => ensure!(false, "id {}: found {found:?} instead of {wanted:?}", event.id),
        }
    }
    ensure!(view.event(Uuid::from_u128(0xFFFF))?.is_none(), "an id that nobody gave is found");
    Ok(())
}

/// Each stream backwards, and what is known of it.
fn streams(view: &View, picture: &Picture, seen: &Seen<'_>) -> Result<(), Wrong> {
    let listed = listed(picture, seen);
    for (name, stored) in tally(&seen.stored, |event| &event.stream) {
        let mut read = view.read(Query::stream(name).backwards())?;
        for event in seen.shown.iter().rev().filter(|event| event.stream == name) {
            match read.next() {
                Some(found) => same(&found?, event)?,
                None => ensure!(false, "stream {name:?} ends before {event:?}"),
            }
        }
        nothing_more(&mut read, || format!("stream {name:?}"))?;
        let info = view.stream(name)?.map(|info| (info.events, info.last_version.get()));
        let wanted = listed.get(name).copied();
        ensure!(info == wanted, "stream {name:?}: {info:?} instead of {wanted:?}, stored {stored:?}");
        let floor = view.floor(name)?.get();
        ensure!(
            floor == picture.floor(name),
            "stream {name:?} begins at {floor}, not {}",
            picture.floor(name)
        );
    }
    ensure!(view.stream("never")?.is_none(), "a stream that nobody wrote is there");
    Ok(())
}

/// The streams that are listed, with the number of their events and their last versions.
fn listed<'s>(picture: &Picture, seen: &Seen<'s>) -> BTreeMap<&'s str, (u64, u64)> {
    let mut shown = tally(&seen.shown, |event| &event.stream);
    if seen.occurred {
        return shown;
    }
    // What is hidden counts for the version.
    for (name, (_, last)) in tally(&seen.stored, |event| &event.stream) {
        match shown.get_mut(name) {
            Some(listed) => listed.1 = last,
            None if picture.is_kept(name, last) => drop(shown.insert(name, (0, last))),
            None => {}
        }
    }
    shown
}

/// The lists of streams, of some prefixes of them, and of types.
fn lists(view: &View, picture: &Picture, seen: &Seen<'_>) -> Result<(), Wrong> {
    let streams = listed(picture, seen);
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
    let wanted = tally(&seen.shown, |event| &event.event_type);
    let wanted: Vec<_> = wanted.into_iter().map(|(name, (count, _))| (name, count)).collect();
    ensure!(types == wanted, "types: {types:?} instead of {wanted:?}");
    Ok(())
}

/// What is hidden is counted, for it is stored.
fn stats(store: &Store, last: u64, stored: &[&Event]) -> Result<(), Wrong> {
    let stats = store.stats()?;
    let count = stored.len() as u64;
    ensure!(stats.events == count && stats.last_position.get() == last, "{stats:?}: {count} up to {last}");
    let names = tally(stored, |event| &event.stream).len() as u64;
    let types = tally(stored, |event| &event.event_type).len() as u64;
    ensure!((stats.streams, stats.types) == (names, types), "{stats:?}: not {names} streams, {types} types");
    let recorded = stored.iter().map(|event| event.recorded_at);
    let range = (recorded.clone().min(), recorded.max());
    ensure!((stats.first_recorded, stats.last_recorded) == range, "{stats:?}: not {range:?}");
    let occurred = stored.iter().map(|event| event.occurred_at);
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
