//! RocksDB: three column families, a batch for each group, a block cache of 1 GiB, Bloom filters, no compression.
//!
//! The version of a stream is looked up in a column family of its own, as an LSM tree does that better than a search
//! backwards.

use annals_compare::Outcome;
use annals_compare::engine::{Engine, Event, Purpose, Reader, Seen};
use annals_compare::group::{Request, Sink, Verdict, Writers};
use annals_compare::layout::{VERSION_MAX, number, seen, stream_key, value};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, DB, DBCompressionType, Direction, IteratorMode, Options,
    ReadOptions, WriteBatch, WriteOptions,
};
use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

const CACHE_BYTES: usize = 1 << 30;
const FILTER_BITS: f64 = 10.0;
const FAMILIES: [&str; 3] = ["events", "streams", "heads"];

fn main() -> ExitCode {
    annals_compare::child::main::<Rocks>()
}

struct Rocks {
    database: Arc<DB>,
    writers: Writers<Batches>,
}

struct Batches {
    database: Arc<DB>,
    synced: bool,
    position: u64,
}

impl Engine for Rocks {
    const NAME: &'static str = "rocksdb";
    const UNSYNCED: bool = true;
    type Reader<'e> = Reading<'e>;

    fn open(folder: &Path, purpose: Purpose) -> Outcome<Self> {
        let mut tables = BlockBasedOptions::default();
        tables.set_block_cache(&Cache::new_lru_cache(CACHE_BYTES));
        tables.set_bloom_filter(FILTER_BITS, false);
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_compression_type(DBCompressionType::None);
        options.set_block_based_table_factory(&tables);
        let families = FAMILIES.map(|name| (name, options.clone()));
        let database = Arc::new(DB::open_cf_with_opts(&options, folder.join("rocksdb"), families)?);
        let (grouped, synced) = match purpose {
            Purpose::Append(appends) => (appends.threads > 1, appends.synced),
            Purpose::Load | Purpose::Read => (false, true),
        };
        let last =
            database.iterator_cf(family(&database, "events")?, IteratorMode::End).next().transpose()?;
        let position = last.map_or(Ok(0), |(key, _)| number(&key))?;
        let batches = Batches { database: Arc::clone(&database), synced, position };
        Ok(Rocks { database, writers: Writers::new(batches, grouped) })
    }

    fn append(&self, events: &[Event<'_>]) -> Outcome {
        self.writers.append(events, None).map(|_| ())
    }

    fn sync(&self) -> Outcome {
        Ok(self.database.flush_wal(true)?)
    }

    fn append_expecting(&self, event: Event<'_>, seen: u64) -> Outcome<Option<u64>> {
        self.writers.append(&[event], Some(seen))
    }

    fn reader(&self) -> Outcome<Self::Reader<'_>> {
        Ok(Reading(&self.database))
    }

    fn close(self) -> Outcome {
        Ok(self.database.flush_wal(true)?)
    }
}

fn family<'d>(database: &'d DB, name: &str) -> Outcome<&'d ColumnFamily> {
    Ok(database.cf_handle(name).ok_or("a column family is missing")?)
}

impl Sink for Batches {
    fn commit(&mut self, group: &[Request<'_>]) -> Outcome<Vec<Verdict>> {
        let [events, streams, heads] = FAMILIES.map(|name| family(&self.database, name));
        let (events, streams, heads) = (events?, streams?, heads?);
        let mut batch = WriteBatch::default();
        // Versions that are in the batch only.
        let mut versions: HashMap<&str, u64> = HashMap::new();
        let stored = |versions: &HashMap<&str, u64>, stream: &str| -> Outcome<u64> {
            match versions.get(stream) {
                Some(version) => Ok(*version),
                None => self.database.get_pinned_cf(heads, stream)?.map_or(Ok(0), |bytes| number(&bytes)),
            }
        };
        let mut verdicts = Vec::with_capacity(group.len());
        for request in group {
            let mut version = stored(&versions, request.events[0].stream)?;
            if request.expected.is_some_and(|expected| expected != version) {
                verdicts.push(None);
                continue;
            }
            for event in request.events {
                self.position += 1;
                version = stored(&versions, event.stream)? + 1;
                versions.insert(event.stream, version);
                let position = self.position.to_be_bytes();
                batch.put_cf(events, position, value(event, version));
                batch.put_cf(streams, stream_key(event.stream, version), position);
                batch.put_cf(heads, event.stream, version.to_be_bytes());
            }
            verdicts.push(Some(version));
        }
        let mut options = WriteOptions::default();
        options.set_sync(self.synced);
        self.database.write_opt(batch, &options)?;
        Ok(verdicts)
    }
}

struct Reading<'d>(&'d DB);

impl Reader for Reading<'_> {
    fn stream(&mut self, _: u64, name: &str, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        let (events, streams) = (family(self.0, "events")?, family(self.0, "streams")?);
        let (first, last) = (stream_key(name, 0), stream_key(name, VERSION_MAX));
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(last);
        let from = IteratorMode::From(&first, Direction::Forward);
        for entry in self.0.iterator_cf_opt(streams, options, from) {
            let event = self.0.get_pinned_cf(events, entry?.1)?.ok_or("an event is missing")?;
            each(seen(&event)?);
        }
        Ok(())
    }

    fn scan(&mut self, first: u64, last: u64, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound((last + 1).to_be_bytes());
        let mut cursor = self.0.raw_iterator_cf_opt(family(self.0, "events")?, options);
        cursor.seek(first.to_be_bytes());
        while let Some(event) = cursor.value() {
            each(seen(event)?);
            cursor.next();
        }
        Ok(cursor.status()?)
    }
}
