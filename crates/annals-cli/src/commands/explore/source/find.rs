//! Finding events of a stream by version or by time.

use super::super::model::{EventRow, Find};
use super::outline::{CHUNK, Outline};
use super::{row, versions};
use annals::{Clock, EventRef, Query, Timestamp, Version, View};
use anyhow::Result;

/// The event that is looked for.
pub(super) fn event(
    view: &View,
    stream: &str,
    outline: &Outline,
    clock: Clock,
    find: Find,
) -> Result<Option<EventRow>> {
    let all = Query::stream(stream);
    match (find, clock) {
        (Find::From(version), _) => first(view, versions(view, stream, version, u64::MAX)?),
        (Find::UpTo(version), _) => first(view, all.to_version(Version::new(version)).backwards()),
        (Find::By(time), Clock::Recorded) => {
            first(view, all.to_position(view.position_at(Clock::Recorded, time)?).backwards())
        }
        (Find::Behind(time), Clock::Recorded) => {
            match first(view, all.from_position(view.position_at(Clock::Recorded, time)?.next()))? {
                Some(row) => event(view, stream, outline, clock, Find::By(row.recorded_at)),
                None => Ok(None),
            }
        }
        (Find::By(time), Clock::Occurred) => last_by(view, stream, outline, time),
        (Find::Behind(time), Clock::Occurred) => match next_time(view, stream, outline, time)? {
            Some(next) => last_by(view, stream, outline, next),
            None => Ok(None),
        },
    }
}

fn first(view: &View, query: Query) -> Result<Option<EventRow>> {
    match view.read_upcast(query.limit(1))?.next() {
        Some(event) => Ok(Some(row(&event?.event()))),
        None => Ok(None),
    }
}

/// The event with the latest occurred_at up to a time; of several the one with the highest version.
fn last_by(view: &View, stream: &str, outline: &Outline, time: Timestamp) -> Result<Option<EventRow>> {
    let mut best: Option<(Timestamp, u64)> = None;
    // From the end, so that of chunks with the same latest time the last one is read and the others are not.
    for (version, chunk) in outline.chunks().rev() {
        let may_be_better = best.is_none_or(|(found, _)| chunk.latest > found);
        if chunk.earliest > time || !may_be_better {
            continue;
        }
        scan(view, stream, version, |event| {
            if event.occurred_at <= time {
                best = best.max(Some((event.occurred_at, event.version.get())));
            }
        })?;
    }
    match best {
        Some((_, version)) => first(view, versions(view, stream, version, version)?),
        None => Ok(None),
    }
}

/// The earliest occurred_at behind a time.
fn next_time(view: &View, stream: &str, outline: &Outline, time: Timestamp) -> Result<Option<Timestamp>> {
    let whole = outline.chunks().map(|(_, chunk)| chunk.earliest).filter(|earliest| *earliest > time);
    let mut next = whole.min().filter(|earliest| *earliest < Timestamp::MAX);
    for (version, chunk) in outline.chunks() {
        if chunk.earliest <= time && chunk.latest > time {
            scan(view, stream, version, |event| {
                if event.occurred_at > time && next.is_none_or(|next| event.occurred_at < next) {
                    next = Some(event.occurred_at);
                }
            })?;
        }
    }
    Ok(next)
}

/// Looks at the events of a chunk.
fn scan(view: &View, stream: &str, first: u64, mut look: impl FnMut(&EventRef<'_>)) -> Result<()> {
    for event in view.read(versions(view, stream, first, first + CHUNK - 1)?)? {
        look(&event?);
    }
    Ok(())
}
