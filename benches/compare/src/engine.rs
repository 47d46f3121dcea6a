//! What is asked of an engine: the same few calls of each.

use crate::Outcome;
pub use annals_benches::workload::Drawn as Event;
use std::path::Path;

/// What an engine is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Appends into an empty folder, which are measured.
    Append(Appends),
    /// Writing the data set, or more behind it: durable appends, which are not measured.
    Load,
    /// Reading the data set, whatever state it was left in.
    Read,
}

/// How appends are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appends {
    /// How many threads append.
    pub threads: usize,
    /// Whether each append is to be durable when it returns.
    pub synced: bool,
    /// Whether the engine is to go around the page cache.
    pub direct: bool,
}

/// How the data set is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loading {
    /// In the plan's order, a thousand events in each batch.
    Batches,
    /// One event per append by 64 threads, each with streams of its own: for engines that read a whole batch for any
    /// event of it.
    Singles,
}

/// An event as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The name of its stream.
    pub stream: &'a [u8],
    /// Its number in its stream, from 1.
    pub version: u64,
    /// Its payload.
    pub data: &'a [u8],
}

/// An engine under measurement. What it returns `Ok` from, it has done.
pub trait Engine: Sized + Sync {
    /// What it is called.
    const NAME: &'static str;
    /// How its data set is written.
    const LOADING: Loading = Loading::Batches;
    /// Whether it can append without a sync ([`Appends::synced`]).
    const UNSYNCED: bool = false;
    /// Whether it can go around the page cache ([`Appends::direct`]).
    const DIRECT: bool = false;
    /// Whether it has an order of all events to scan.
    const SCAN: bool = true;

    /// What reads, one per thread.
    type Reader<'e>: Reader
    where
        Self: 'e;

    /// Opens what is in a folder, or makes it there.
    ///
    /// # Errors
    /// What the engine says.
    fn open(folder: &Path, purpose: Purpose) -> Outcome<Self>;

    /// Appends events to their streams, all or nothing where the engine can. They are durable when it returns, unless the
    /// engine was opened for appends that are not.
    ///
    /// # Errors
    /// What the engine says.
    fn append(&self, events: &[Event<'_>]) -> Outcome;

    /// Makes durable what was appended without a sync.
    ///
    /// # Errors
    /// What the engine says.
    fn sync(&self) -> Outcome {
        Ok(())
    }

    /// Appends an event if nobody has appended to its stream since the caller looked. What the caller saw is a version, or,
    /// in stores without them, a position; 0 if it saw no events. Gives back what it has seen now, `None` if somebody had.
    ///
    /// # Errors
    /// What the engine says, other than that.
    fn append_expecting(&self, event: Event<'_>, seen: u64) -> Outcome<Option<u64>>;

    /// Something to read with.
    ///
    /// # Errors
    /// What the engine says.
    fn reader(&self) -> Outcome<Self::Reader<'_>>;

    /// Does the work that is due, so that the folder is as the engine would have it at rest.
    ///
    /// # Errors
    /// What the engine says.
    fn settle(&self) -> Outcome {
        Ok(())
    }

    /// Closes it in good order.
    ///
    /// # Errors
    /// What the engine says.
    fn close(self) -> Outcome;
}

/// An engine that takes appends whose answers are waited for later.
pub trait Tickets: Engine {
    /// What stands for an append that is on its way.
    type Ticket;

    /// Hands an event over to be appended, and returns at once.
    ///
    /// # Errors
    /// What the engine says.
    fn submit(&self, event: Event<'_>) -> Outcome<Self::Ticket>;

    /// Waits until the event is durable.
    ///
    /// # Errors
    /// What the engine says.
    fn wait(&self, ticket: Self::Ticket) -> Outcome;

    /// The same as a future.
    fn answer(&self, ticket: Self::Ticket) -> impl Future<Output = Outcome>;
}

/// Something that reads.
pub trait Reader {
    /// Reads a stream, given its number and name, from its first event on.
    ///
    /// # Errors
    /// What the engine says.
    fn stream(&mut self, number: u64, name: &str, each: impl FnMut(Seen<'_>)) -> Outcome;

    /// Reads all events from the `first`th to the `last`th, in their order, counted from 1.
    ///
    /// # Errors
    /// What the engine says.
    fn scan(&mut self, first: u64, last: u64, each: impl FnMut(Seen<'_>)) -> Outcome;
}
