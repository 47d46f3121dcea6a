//! A batch on its way to the store, with the lines that it was made from.

use crate::json::event_in::EventIn;
use annals::Uuid;
use annals::{Batch, Invalid};
use std::collections::HashSet;

/// Events that are appended together.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) batch: Batch,
    /// The text of all lines, one after the other: kept for the case that some of them are stored already.
    texts: Vec<u8>,
    lines: Vec<PendingLine>,
    ids: HashSet<Uuid>,
}

struct PendingLine {
    number: u64,
    end: usize,
}

impl Pending {
    /// Whether an event of the batch has the id of this one.
    pub(crate) fn has_id_of(&self, event: &EventIn<'_>) -> bool {
        event.event.id.is_some_and(|id| self.ids.contains(&id))
    }

    /// Adds an event, and the line it was made from.
    ///
    /// # Errors
    /// The limit that the event or the batch does not keep; the batch is then as before.
    pub(crate) fn push(&mut self, event: &EventIn<'_>, number: u64, text: &[u8]) -> Result<(), Invalid> {
        self.batch.push(&event.stream, &event.event)?;
        self.texts.extend_from_slice(text);
        self.lines.push(PendingLine { number, end: self.texts.len() });
        self.ids.extend(event.event.id);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How much memory it takes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.batch.bytes().max(self.texts.len())
    }

    /// The number of its first line.
    pub(crate) fn first_line(&self) -> u64 {
        self.lines.first().map_or(0, |line| line.number)
    }

    /// Its lines, each with its number.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let starts = std::iter::once(0).chain(self.lines.iter().map(|line| line.end));
        starts.zip(&self.lines).map(|(start, line)| (line.number, &self.texts[start..line.end]))
    }
}
