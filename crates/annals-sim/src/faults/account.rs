//! What was submitted, what was said of it, and what has been seen.

use crate::author::{Author, Written, is_written};
use crate::suite::Failure;
use annals::{AppendError, Event, Store};

/// What a caller was told of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is there.
    Acknowledged,
    /// It may be there.
    Unknown,
    /// It is not there.
    Refused,
}

/// The batches that were submitted, in order.
#[derive(Clone, Debug)]
pub(super) struct Account {
    author: Author,
    /// The events of the first batches, which are compared so often that making them anew takes much of the time.
    written: &'static [Vec<Written>],
    pub(super) told: Vec<Told>,
    /// Events that the store has shown: they must never change or go away again.
    shown: Vec<Event>,
}

impl Account {
    /// `written` are the author's first batches.
    pub(super) fn new(author: Author, written: &'static [Vec<Written>]) -> Self {
        Account { author, written, told: Vec::new(), shown: Vec::new() }
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.told.iter().filter(|told| **told == Told::Acknowledged).count()
    }

    /// Appends the next batch and notes what is said of it.
    ///
    /// # Errors
    /// An answer that no failure of a disk explains.
    pub(super) fn submit(&mut self, store: &Store) -> Result<Told, Failure> {
        let number = self.told.len() as u64;
        let batch = self.author.batch(number).map_err(|invalid| Failure::new(format!("{invalid}")))?;
        let told = match store.append_batch(batch) {
            Ok(_) => Told::Acknowledged,
            Err(AppendError::DurabilityUnknown { .. }) => Told::Unknown,
            Err(AppendError::Io { .. }) => Told::Refused,
            Err(other) => return Err(Failure::new(format!("batch {number}: {other:?}"))),
        };
        self.told.push(told);
        Ok(told)
    }

    /// Whether another append is refused because an earlier one failed.
    pub(super) fn finds_poisoned(&self, store: &Store) -> bool {
        let batch = self.author.batch(self.told.len() as u64);
        batch.is_ok_and(|batch| matches!(store.append_batch(batch), Err(AppendError::Poisoned)))
    }

    /// The account of somebody who knows that the last batch is not shown.
    pub(super) fn without_last(&self) -> Self {
        let mut account = self.clone();
        if let Some(last) = account.told.last_mut() {
            *last = Told::Refused;
        }
        account
    }

    /// Compares these events with what was told: each batch whole, in order, there if it was acknowledged, not there if
    /// it was refused. What was unknown is known from now on.
    ///
    /// # Errors
    /// The first batch that is not as told, or an event that was shown before and is another one or gone.
    pub(super) fn settle(&mut self, events: &[Event]) -> Result<(), Failure> {
        if !events.starts_with(&self.shown) {
            return Err(Failure::new(format!(
                "{} events have been shown, and are not the first of {} now",
                self.shown.len(),
                events.len()
            )));
        }
        let mut rest = events;
        for (number, told) in self.told.iter_mut().enumerate() {
            let made;
            let batch = match self.written.get(number) {
                Some(written) => written,
                None => {
                    made = self.author.events(number as u64);
                    &made
                }
            };
            let pairs = batch.iter().zip(rest);
            let here =
                rest.len() >= batch.len() && pairs.clone().all(|(wanted, event)| is_written(wanted, event));
            match (*told, here) {
                (Told::Acknowledged, false) => {
                    let next = rest.first().map(|event| (event.position, &event.stream));
                    return Err(Failure::new(format!("batch {number} was acknowledged; there is {next:?}")));
                }
                (Told::Refused, true) => {
                    return Err(Failure::new(format!("batch {number} was refused and is there")));
                }
                (_, true) => {
                    rest = &rest[batch.len()..];
                    *told = Told::Acknowledged;
                }
                (_, false) => *told = Told::Refused,
            }
        }
        if let Some(event) = rest.first() {
            return Err(Failure::new(format!("position {} was never submitted so", event.position)));
        }
        self.shown = events.to_vec();
        Ok(())
    }
}
