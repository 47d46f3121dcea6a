//! redb: two tables, a transaction for each group, a cache of 1 GiB.

use annals_compare::Outcome;
use annals_compare::engine::{Engine, Event, Purpose, Reader, Seen};
use annals_compare::group::{Request, Sink, Verdict, Writers};
use annals_compare::layout::{VERSION_MAX, number, seen, stream_key, value, version_of};
use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, Table, TableDefinition};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
const STREAMS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("streams");
const CACHE_BYTES: usize = 1 << 30;

fn main() -> ExitCode {
    annals_compare::child::main::<Redb>()
}

struct Redb {
    database: Arc<Database>,
    writers: Writers<Transactions>,
}

struct Transactions {
    database: Arc<Database>,
    durability: Durability,
}

impl Engine for Redb {
    const NAME: &'static str = "redb";
    const UNSYNCED: bool = true;
    type Reader<'e> = Tables;

    fn open(folder: &Path, purpose: Purpose) -> Outcome<Self> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(folder.join("redb"))?;
        let database = Arc::new(database);
        let (grouped, synced) = match purpose {
            Purpose::Append(appends) => (appends.threads > 1, appends.synced),
            Purpose::Load | Purpose::Read => (false, true),
        };
        let durability = if synced { Durability::Immediate } else { Durability::None };
        let transactions = Transactions { database: Arc::clone(&database), durability };
        Ok(Redb { database, writers: Writers::new(transactions, grouped) })
    }

    fn append(&self, events: &[Event<'_>]) -> Outcome {
        self.writers.append(events, None).map(|_| ())
    }

    fn sync(&self) -> Outcome {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        Ok(transaction.commit()?)
    }

    fn append_expecting(&self, event: Event<'_>, seen: u64) -> Outcome<Option<u64>> {
        self.writers.append(&[event], Some(seen))
    }

    fn reader(&self) -> Outcome<Self::Reader<'_>> {
        let transaction = self.database.begin_read()?;
        Ok(Tables { events: transaction.open_table(EVENTS)?, streams: transaction.open_table(STREAMS)? })
    }

    fn close(self) -> Outcome {
        Ok(())
    }
}

impl Sink for Transactions {
    fn commit(&mut self, group: &[Request<'_>]) -> Outcome<Vec<Verdict>> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(self.durability)?;
        let mut verdicts = Vec::with_capacity(group.len());
        {
            let mut events = transaction.open_table(EVENTS)?;
            let mut streams = transaction.open_table(STREAMS)?;
            let mut position = events.last()?.map_or(0, |(position, _)| position.value());
            for request in group {
                let mut version = version(&streams, request.events[0].stream)?;
                if request.expected.is_some_and(|expected| expected != version) {
                    verdicts.push(None);
                    continue;
                }
                for event in request.events {
                    position += 1;
                    version = self::version(&streams, event.stream)? + 1;
                    events.insert(position, value(event, version).as_slice())?;
                    let key = stream_key(event.stream, version);
                    streams.insert(key.as_slice(), position.to_be_bytes().as_slice())?;
                }
                verdicts.push(Some(version));
            }
        }
        transaction.commit()?;
        Ok(verdicts)
    }
}

fn version(streams: &Table<'_, &[u8], &[u8]>, stream: &str) -> Outcome<u64> {
    let (first, last) = (stream_key(stream, 0), stream_key(stream, VERSION_MAX));
    let newest = streams.range(first.as_slice()..=last.as_slice())?.next_back().transpose()?;
    Ok(newest.and_then(|(key, _)| version_of(key.value(), stream)).unwrap_or(0))
}

struct Tables {
    events: ReadOnlyTable<u64, &'static [u8]>,
    streams: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl Reader for Tables {
    fn stream(&mut self, _: u64, name: &str, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        let (first, last) = (stream_key(name, 0), stream_key(name, VERSION_MAX));
        for entry in self.streams.range(first.as_slice()..=last.as_slice())? {
            let position = number(entry?.1.value())?;
            let event = self.events.get(position)?.ok_or("an event is missing")?;
            each(seen(event.value())?);
        }
        Ok(())
    }

    fn scan(&mut self, first: u64, last: u64, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        for entry in self.events.range(first..=last)? {
            each(seen(entry?.1.value())?);
        }
        Ok(())
    }
}
