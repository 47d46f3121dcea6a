//! A batch of which some ids are stored already, event by event: what is there with the same content is skipped, also if a rule of
//! retention hides it, what is there with other content cannot be taken, the rest is appended.

use super::identity::is_same;
use super::outcome::BadLine;
use super::pending::Pending;
use super::writer::{Stop, Writer};
use crate::json::event_in;
use annals::{AppendError, Batch, Position, ReadError, Uuid, View};

/// How often a batch is tried anew when other writers of the same import store its ids meanwhile.
const TRIES_MAX: u32 = 16;

/// What became of a batch when it was looked at against the store.
struct Settled {
    fresh: Batch,
    same: usize,
    bad: Vec<BadLine>,
}

/// Appends what is not stored yet.
pub(crate) fn settle(writer: &Writer<'_>, pending: &Pending) -> Result<(), Stop> {
    for tries in 1.. {
        let settled =
            look(writer, &writer.store.view(), pending).map_err(|error| writer.stop(pending, error))?;
        match append(writer, settled.fresh) {
            Ok(()) => {}
            Err(AppendError::IdTaken { .. }) if tries < TRIES_MAX => continue,
            Err(error) => return Err(writer.stop(pending, error.into())),
        }
        writer.tally.skipped(settled.same);
        for bad in settled.bad {
            let line = bad.line;
            writer.tally.invalid(bad).map_err(|bad| Stop { line, error: bad.into() })?;
        }
        return Ok(());
    }
    Ok(())
}

/// Compares each event with what is stored under its id. Where a bad line ends the import, so does the look.
fn look(writer: &Writer<'_>, view: &View, pending: &Pending) -> anyhow::Result<Settled> {
    let mut settled = Settled { fresh: Batch::new(), same: 0, bad: Vec::new() };
    for (number, text) in pending.lines() {
        let mut event = event_in::parse(text).map_err(anyhow::Error::msg)?;
        writer.source.identify(&mut event, number, text);
        let stored = match event.event.id.map(|id| view.event(id)).transpose() {
            // The store compares it; and if it is gone by then, takes it.
            Err(ReadError::Hidden { .. }) => {
                if let Some(bad) = append_alone(writer, number, &event)? {
                    settled.bad.push(bad);
                    if !writer.tally.skips_invalid() {
                        break;
                    }
                }
                continue;
            }
            stored => stored?.flatten(),
        };
        match stored {
            None => settled.fresh.push(&event.stream, &event.event).map_err(AppendError::from)?,
            Some(stored) if is_same(&event, &stored) => settled.same += 1,
            Some(stored) => {
                settled.bad.push(taken(writer, number, stored.id, stored.position));
                if !writer.tally.skips_invalid() {
                    break;
                }
            }
        }
    }
    Ok(settled)
}

fn append(writer: &Writer<'_>, batch: Batch) -> Result<(), AppendError> {
    if batch.is_empty() {
        return Ok(());
    }
    let events = batch.len();
    let appended = writer.store.append_batch(batch)?;
    if appended.already_applied {
        writer.tally.skipped(events);
    } else {
        writer.tally.appended(appended.first_position, appended.last_position);
    }
    Ok(())
}

/// Appends one event, which is there already and hidden. Says so if it is there with other content.
fn append_alone(
    writer: &Writer<'_>,
    number: u64,
    event: &event_in::EventIn<'_>,
) -> Result<Option<BadLine>, AppendError> {
    let mut batch = Batch::new();
    batch.push(&event.stream, &event.event)?;
    match append(writer, batch) {
        Err(AppendError::IdTaken { id, position }) => Ok(Some(taken(writer, number, id, position))),
        done => done.map(|()| None),
    }
}

fn taken(writer: &Writer<'_>, line: u64, id: Uuid, position: Position) -> BadLine {
    let what = format!("id {id} is stored already with other content, at position {position}");
    BadLine { file: writer.name.to_owned(), line, what }
}
