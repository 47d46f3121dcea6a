//! UmaDB: a stream is a tag. It has no versions: expected is that no event with the tag came after the position seen.
//!
//! Appends go through its own writer thread, as in its server, which commits what waits together. Default options.

use annals_benches::workload::EVENT_TYPE;
use annals_compare::Outcome;
use annals_compare::engine::{Engine, Event, Purpose, Reader, Seen};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::sync::{mpsc, oneshot, watch};
use umadb_core::db::UmaDb;
use umadb_core::mvcc::{Mvcc, StorageOptions};
use umadb_core::writer_thread_blocking::writer_thread_blocking;
use umadb_core::writer_thread_request::WriterThreadRequest;
use umadb_dcb::{DcbAppendCondition, DcbError, DcbEvent, DcbEventStoreSync, DcbQuery, DcbQueryItem};

/// How many appends may wait, and how many events are committed together.
const WAITING: usize = 4096;
const BATCH_EVENTS: usize = 2000;
/// How many events are asked for at once in a scan: it gives them back in one piece.
const SCAN_EVENTS: u64 = 10_000;

fn main() -> ExitCode {
    annals_compare::child::main::<Uma>()
}

struct Uma {
    database: UmaDb,
    requests: mpsc::Sender<WriterThreadRequest>,
    writer: JoinHandle<()>,
}

impl Engine for Uma {
    const NAME: &'static str = "umadb";
    type Reader<'e> = Reading<'e>;

    fn open(folder: &Path, _: Purpose) -> Outcome<Self> {
        let options = StorageOptions::default().db_path(folder.join("uma.db"));
        let mvcc = Arc::new(Mvcc::new(false, options)?);
        let (requests, receiver) = mpsc::channel(WAITING);
        let head = watch::channel(None).0;
        let writing = Arc::clone(&mvcc);
        let writer = thread::spawn(move || writer_thread_blocking(writing, receiver, head, BATCH_EVENTS));
        Ok(Uma { database: UmaDb::from_arc(mvcc), requests, writer })
    }

    fn append(&self, events: &[Event<'_>]) -> Outcome {
        let events = events.iter().map(event_of).collect();
        self.request(events, None)?.ok_or("an append was refused that expected nothing")?;
        Ok(())
    }

    fn append_expecting(&self, event: Event<'_>, seen: u64) -> Outcome<Option<u64>> {
        let condition = DcbAppendCondition::new(of_stream(event.stream)).after((seen > 0).then_some(seen));
        self.request(vec![event_of(&event)], Some(condition))
    }

    fn reader(&self) -> Outcome<Self::Reader<'_>> {
        Ok(Reading(&self.database))
    }

    fn close(self) -> Outcome {
        self.requests.blocking_send(WriterThreadRequest::Shutdown)?;
        Ok(self.writer.join().map_err(|_| "the writer panicked")?)
    }
}

fn event_of(event: &Event<'_>) -> DcbEvent {
    DcbEvent::new().event_type(EVENT_TYPE).tags([event.stream]).data(event.data)
}

fn of_stream(stream: &str) -> DcbQuery {
    DcbQuery::new().item(DcbQueryItem::new().tags([stream]))
}

impl Uma {
    /// The last position, `None` if the condition did not hold.
    fn request(&self, events: Vec<DcbEvent>, condition: Option<DcbAppendCondition>) -> Outcome<Option<u64>> {
        let (response_tx, response) = oneshot::channel();
        let append =
            WriterThreadRequest::Append { events, condition, tracking_info: None, response_tx, cancel: None };
        self.requests.blocking_send(append)?;
        match response.blocking_recv()? {
            Ok(position) => Ok(Some(position)),
            Err(DcbError::IntegrityError(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

struct Reading<'u>(&'u UmaDb);

impl Reading<'_> {
    /// Gives back how many there were.
    fn read(
        &self,
        query: Option<DcbQuery>,
        start: Option<u64>,
        limit: Option<u32>,
        each: &mut impl FnMut(Seen<'_>),
    ) -> Outcome<u64> {
        let mut version = 0;
        for event in self.0.read(query, start, false, limit)? {
            let event = event?.event;
            version += 1;
            let stream = event.tags.first().map_or(&[][..], |tag| tag.as_bytes());
            each(Seen { stream, version, data: &event.data });
        }
        Ok(version)
    }
}

impl Reader for Reading<'_> {
    fn stream(&mut self, _: u64, name: &str, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        self.read(Some(of_stream(name)), None, None, &mut each).map(|_| ())
    }

    fn scan(&mut self, first: u64, last: u64, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        let mut next = first;
        while next <= last {
            let limit = u32::try_from(SCAN_EVENTS.min(last + 1 - next))?;
            match self.read(None, Some(next), Some(limit), &mut each)? {
                0 => break,
                events => next += events,
            }
        }
        Ok(())
    }
}
