//! What goes through the writer: appends and decisions.

use super::Store;
use crate::batch::{Appended, Batch};
use crate::committer::{Item, appended};
use crate::decide::{DecideError, Decided, Situation, decide};
use crate::error::AppendError;
use crate::query::Query;
use crate::ticket::Ticket;
use annals_types::{Expected, NewEvent};
use std::sync::Arc;

impl Store {
    /// Appends events to one stream. When it returns, they are as durable as the store's [`Durability`](crate::Durability) says.
    ///
    /// # Errors
    /// As [`AppendError`] says; [`AppendError::Conflict`] if the stream is not as expected.
    pub fn append(
        &self,
        stream: &str,
        expected: Expected,
        events: &[NewEvent<'_>],
    ) -> Result<Appended, AppendError> {
        let mut batch = Batch::new();
        batch.expect(stream, expected)?;
        for event in events {
            batch.push(stream, event)?;
        }
        self.append_batch(batch)
    }

    /// Appends a batch, all or nothing. Batches of other threads share its sync.
    ///
    /// Appending it again is safe if its events have ids, or if it expects versions: a batch that is stored
    /// already, event for event, gives the first result, with `already_applied`.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Batch, Expected, NewEvent, Uuid};
    /// let transfer = || {
    ///     let mut batch = Batch::new();
    ///     batch.push("account-1", &NewEvent::json("withdrawn", "500").with_id(Uuid::from_u128(1)))?;
    ///     batch.push("account-2", &NewEvent::json("deposited", "500").with_id(Uuid::from_u128(2)))?;
    ///     Ok::<_, annals::Invalid>(batch)
    /// };
    /// let first = store.append_batch(transfer()?)?;
    /// let again = store.append_batch(transfer()?)?;
    /// assert!(again.already_applied && again.first_position == first.first_position);
    /// assert_eq!(store.last_position().get(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`AppendError`] says.
    pub fn append_batch(&self, batch: Batch) -> Result<Appended, AppendError> {
        let Some(writing) = &self.0.writing else { return Err(AppendError::ReadOnly) };
        writing.deciding.refuse_own()?;
        appended(writing.queue.commit(self.item(batch)?))
    }

    /// What can be done with a batch on the caller's thread.
    fn item(&self, mut batch: Batch) -> Result<Item, AppendError> {
        batch.check_ids()?;
        self.0.core.schemas.check(&mut batch, || self.view())?;
        if let Some(encryption) = &self.0.core.encryption {
            encryption.seal(&mut batch)?;
        }
        batch.hash_streams(self.0.core.plan.hash_seed);
        if batch.retains {
            self.compact_from_now_on();
        }
        Ok(Item::Batch(Box::new(batch)))
    }

    /// Hands over a batch and returns at once; the ticket tells what became of it. One thread can have any number of
    /// batches on their way to the disk, which share writes and syncs: this is how a single thread makes more durable
    /// appends than the disk has syncs.
    ///
    /// Batches are appended in the order in which they were submitted, and each sees those before it: it is checked
    /// (expectations, conditions, ids) when its turn comes, and one that is refused does not keep the others out. What a
    /// thread submits lies before what it appends later. [`Store::close`] waits for all of them. While batches of more
    /// than 64 MiB wait to be written, this waits, too.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Batch, NewEvent, Ticket};
    /// let mut tickets = Vec::new();
    /// for number in 0..100 {
    ///     let mut batch = Batch::new();
    ///     batch.push(&format!("sensor-{}", number % 10), &NewEvent::json("measured", "21.5"))?;
    ///     tickets.push(store.submit(batch)?);
    /// }
    /// for ticket in tickets {
    ///     // Durable from here on. `ticket.await` does the same.
    ///     let appended = ticket.wait()?;
    ///     assert!(store.last_position() >= appended.last_position);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What is known before its turn comes: [`AppendError::ReadOnly`], [`AppendError::WithinDecide`], [`AppendError::Invalid`], or that it
    /// cannot be read what is registered. Everything else is told by the ticket.
    pub fn submit(&self, batch: Batch) -> Result<Ticket, AppendError> {
        let Some(writing) = &self.0.writing else { return Err(AppendError::ReadOnly) };
        writing.deciding.refuse_own()?;
        let bytes = batch.bytes();
        let item = self.item(batch)?;
        writing.serving.start(&writing.queue);
        let pending = writing.queue.submit(item, bytes);
        Ok(Ticket::new(Arc::clone(&writing.queue), pending))
    }

    /// Appends several batches with one write and one sync, where they fit into one segment. Each is all or nothing by
    /// itself and has its own outcome (that of [`Store::append_batch`]), in the order given: one that is refused does not
    /// keep the others out, and each sees those before it. If the write or the sync fails, all of them that it was for
    /// have an unknown outcome, and those behind them are refused.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Batch, Expected, NewEvent};
    /// let mut first = Batch::new();
    /// first.push("account-1", &NewEvent::json("opened", "{}"))?;
    /// let mut second = Batch::new();
    /// second.push("account-1", &NewEvent::json("opened", "{}"))?;
    /// second.expect("account-1", Expected::NoStream)?;
    /// let outcomes = store.append_batches(vec![first, second]);
    /// assert!(outcomes[0].is_ok() && outcomes[1].is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append_batches(&self, batches: Vec<Batch>) -> Vec<Result<Appended, AppendError>> {
        let Some(writing) = &self.0.writing else {
            return batches.iter().map(|_| Err(AppendError::ReadOnly)).collect();
        };
        if writing.deciding.is_own() {
            return batches.iter().map(|_| Err(AppendError::WithinDecide)).collect();
        }
        let mut items = Vec::with_capacity(batches.len());
        let mut refuse = |batch| self.item(batch).map(|item| items.push(item)).err();
        let refused: Vec<_> = batches.into_iter().map(&mut refuse).collect();
        let mut outcomes = writing.queue.commit_all(items).into_iter().map(appended);
        let outcome = |refused: Option<AppendError>| match refused {
            Some(error) => Err(error),
            None => outcomes.next().unwrap_or(Err(AppendError::DurabilityUnknown { source: None })),
        };
        refused.into_iter().map(outcome).collect()
    }

    /// Decides and appends in the writer's order: nobody appends between what the closure sees and what it appends, so
    /// nothing has to be tried again, however many decide at the same time. It runs once, on the caller's thread, while other
    /// appends wait, so it should be quick. The syncs are shared: the writer is given up before this call's one.
    ///
    /// The closure sees the events of `query`, also those that are not durable yet. It gives back what to append, an empty
    /// batch for nothing, and an answer of its own, or a refusal. What it gives back is only handed on once everything
    /// that it was able to see is as durable as the store's [`Durability`](crate::Durability) says. The batch is checked as in
    /// [`Store::append_batch`], expectations and conditions included. If the closure panics, nothing is appended, the panic
    /// goes on, and the store can be used as before.
    ///
    /// In the closure the store can be read. Calls that need the writer are refused with [`AppendError::WithinDecide`]; to
    /// wait there for another thread that appends is to wait for ever.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Batch, DecideError, NewEvent, Query};
    /// let withdraw = |cents: i64| {
    ///     store.decide(&Query::stream("account-1"), |account| {
    ///         let mut balance = 0;
    ///         for event in account.events()? {
    ///             let event = event?;
    ///             let amount: i64 = std::str::from_utf8(&event.data()?)?.parse()?;
    ///             balance += if event.event_type == "deposited" { amount } else { -amount };
    ///         }
    ///         if balance < cents {
    ///             return Err(Box::<dyn std::error::Error>::from("not enough money"));
    ///         }
    ///         let mut batch = Batch::new();
    ///         batch.push("account-1", &NewEvent::json("withdrawn", cents.to_string()))?;
    ///         Ok((batch, balance - cents))
    ///     })
    /// };
    /// store.append("account-1", annals::Expected::Any, &[NewEvent::json("deposited", "500")])?;
    /// assert_eq!(withdraw(300)?.answer, 200);
    /// assert!(matches!(withdraw(300), Err(DecideError::Refused(_))));
    /// assert_eq!(store.last_position().get(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DecideError::Refused`] with what the closure refuses with. [`DecideError::Append`] with what
    /// [`Store::append_batch`] would say, or, if what the closure saw did not become durable: with
    /// [`AppendError::DurabilityUnknown`] if its batch may be there when the store is opened again, with
    /// [`AppendError::Poisoned`] if it had none.
    ///
    /// # Panics
    /// If the closure does.
    pub fn decide<T, E>(
        &self,
        query: &Query,
        closure: impl FnOnce(&Situation<'_>) -> Result<(Batch, T), E>,
    ) -> Result<Decided<T>, DecideError<E>> {
        let Some(writing) = &self.0.writing else { return Err(AppendError::ReadOnly.into()) };
        writing.deciding.refuse_own()?;
        let decided = decide(&writing.queue, &writing.deciding, query, closure);
        if !self.0.core.retention.is_empty() {
            self.compact_from_now_on();
        }
        decided
    }
}
