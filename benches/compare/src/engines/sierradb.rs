//! SierraDB: one bucket with one partition, since only a partition has an order of its events. It is made for many.
//!
//! It syncs when so many events, so many bytes or so much time have come together. The number of events is set to the number
//! of writers: with its default of 50, a single writer waits for the time. Without compression, which the payloads would
//! only cost time. Written one event per append: whoever reads an event reads the whole transaction.

use annals_benches::workload::EVENT_TYPE;
use annals_compare::Outcome;
use annals_compare::engine::{Engine, Event, Loading, Purpose, Reader, Seen};
use sierradb::bucket::segment::CommittedEvents;
use sierradb::database::{Database, DatabaseBuilder, ExpectedVersion, NewEvent, Transaction};
use sierradb::error::WriteError;
use sierradb::id::{uuid_to_partition_hash, uuid_v7_with_partition_hash};
use sierradb::{IterDirection, StreamId};
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::Runtime;
use uuid::Uuid;

const PARTITION: u16 = 0;
const KEY: Uuid = Uuid::from_u128(0x0019_0000_0000_7000_8000_0000_0000_0001);
/// Its default.
const BATCH_EVENTS_MAX: usize = 50;
/// How many transactions are asked for at once.
const READ_AT_ONCE: usize = 1000;

fn main() -> ExitCode {
    annals_compare::child::main::<Sierra>()
}

struct Sierra {
    database: Database,
    runtime: Runtime,
}

impl Engine for Sierra {
    const NAME: &'static str = "sierradb";
    const LOADING: Loading = Loading::Singles;
    type Reader<'e> = Reading<'e>;

    fn open(folder: &Path, purpose: Purpose) -> Outcome<Self> {
        let runtime = Runtime::new()?;
        let batch = match purpose {
            Purpose::Append(appends) => appends.threads.min(BATCH_EVENTS_MAX),
            Purpose::Load | Purpose::Read => BATCH_EVENTS_MAX,
        };
        let entered = runtime.enter();
        let database = DatabaseBuilder::new()
            .total_buckets(1)
            .bucket_ids_from_range(0..1)
            .max_batch_size(batch)
            .compression(false)
            .open(folder.join("sierra"))?;
        drop(entered);
        Ok(Sierra { database, runtime })
    }

    fn append(&self, events: &[Event<'_>]) -> Outcome {
        let events = events.iter().map(|event| new_event(event, ExpectedVersion::Any));
        self.write(events.collect::<Outcome<_>>()?)?.ok_or("an append was refused that expected nothing")?;
        Ok(())
    }

    fn append_expecting(&self, event: Event<'_>, seen: u64) -> Outcome<Option<u64>> {
        // Its versions count from 0.
        let expected = seen.checked_sub(1).map_or(ExpectedVersion::Empty, ExpectedVersion::Exact);
        Ok(self.write(vec![new_event(&event, expected)?])?.map(|()| seen + 1))
    }

    fn reader(&self) -> Outcome<Self::Reader<'_>> {
        Ok(Reading(self))
    }

    fn close(self) -> Outcome {
        self.runtime.block_on(self.database.shutdown());
        Ok(())
    }
}

fn new_event(event: &Event<'_>, stream_version: ExpectedVersion) -> Outcome<NewEvent> {
    Ok(NewEvent {
        event_id: uuid_v7_with_partition_hash(uuid_to_partition_hash(KEY)),
        stream_id: StreamId::new(event.stream)?,
        stream_version,
        event_name: EVENT_TYPE.to_owned(),
        timestamp: 1,
        metadata: Vec::new(),
        payload: event.data.to_vec(),
    })
}

impl Sierra {
    /// `None` if the stream was not as expected.
    fn write(&self, events: Vec<NewEvent>) -> Outcome<Option<()>> {
        let transaction = Transaction::new(KEY, PARTITION, events.into())?.with_confirmation_count(1);
        match self.runtime.block_on(self.database.append_events(transaction)) {
            Ok(_) => Ok(Some(())),
            Err(WriteError::WrongExpectedVersion { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

struct Reading<'s>(&'s Sierra);

fn show(events: CommittedEvents, mut each: impl FnMut(u64, Seen<'_>)) {
    for event in events {
        let stream = event.stream_id.as_ref().as_bytes();
        let version = event.stream_version + 1;
        each(event.partition_sequence + 1, Seen { stream, version, data: &event.payload });
    }
}

impl Reader for Reading<'_> {
    fn stream(&mut self, _: u64, name: &str, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        self.0.runtime.block_on(async {
            let database = &self.0.database;
            let stream = StreamId::new(name)?;
            let mut events = database.read_stream(PARTITION, stream, 0, IterDirection::Forward).await?;
            while let Some(batch) = events.next_batch(READ_AT_ONCE).await? {
                batch.into_iter().for_each(|events| show(events, |_, event| each(event)));
            }
            Ok(())
        })
    }

    fn scan(&mut self, first: u64, last: u64, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        self.0.runtime.block_on(async {
            let database = &self.0.database;
            let mut events = database.read_partition(PARTITION, first - 1, IterDirection::Forward).await?;
            let mut next = first;
            while next <= last {
                let Some(batch) = events.next_batch(READ_AT_ONCE).await? else { break };
                for events in batch {
                    show(events, |position, event| {
                        next = position + 1;
                        if position <= last {
                            each(event);
                        }
                    });
                }
            }
            Ok(())
        })
    }
}
