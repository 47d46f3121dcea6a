//! raft-engine: a stream is a Raft group, a version the index of an entry. It has no order over all groups to scan.
//!
//! Without compression, which the payloads would only cost time. A log of its own is written one event per append: whoever
//! reads an entry reads the whole batch that it was written with.

use annals_compare::Outcome;
use annals_compare::engine::{Engine, Event, Loading, Purpose, Reader, Seen};
use protobuf::descriptor::UninterpretedOption;
use raft_engine::env::DefaultFileSystem;
use raft_engine::internals::FilePipeLog;
use raft_engine::{Config, LogBatch, MessageExt, ReadableSize};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

/// How many locks the streams share.
const LOCKS: usize = 4096;

fn main() -> ExitCode {
    annals_compare::child::main::<Raft>()
}

struct Raft {
    engine: raft_engine::Engine<DefaultFileSystem, FilePipeLog<DefaultFileSystem>>,
    synced: bool,
    /// Entries of a group are written one after the other.
    locks: Vec<Mutex<()>>,
}

/// Entries are messages of Protocol Buffers. This one comes with the library and has the fields that are needed: a number,
/// a name, and bytes.
struct Entries;

impl MessageExt for Entries {
    type Entry = UninterpretedOption;

    fn index(entry: &Self::Entry) -> u64 {
        entry.get_positive_int_value()
    }
}

impl Engine for Raft {
    const NAME: &'static str = "raft-engine";
    const LOADING: Loading = Loading::Singles;
    const UNSYNCED: bool = true;
    const SCAN: bool = false;
    type Reader<'e> = Reading<'e>;

    fn open(folder: &Path, purpose: Purpose) -> Outcome<Self> {
        let dir = folder.join("raft").to_str().ok_or("the folder's name is not UTF-8")?.to_owned();
        let batch_compression_threshold = ReadableSize::kb(0);
        let config = Config { dir, batch_compression_threshold, ..Config::default() };
        let synced = !matches!(purpose, Purpose::Append(appends) if !appends.synced);
        let locks = (0..LOCKS).map(|_| Mutex::default()).collect();
        Ok(Raft { engine: raft_engine::Engine::open(config)?, synced, locks })
    }

    fn append(&self, events: &[Event<'_>]) -> Outcome {
        match events {
            [event] => self.append_one(*event, None).map(|_| ()),
            _ => self.append_many(events),
        }
    }

    fn sync(&self) -> Outcome {
        Ok(self.engine.sync()?)
    }

    fn append_expecting(&self, event: Event<'_>, seen: u64) -> Outcome<Option<u64>> {
        self.append_one(event, Some(seen))
    }

    fn reader(&self) -> Outcome<Self::Reader<'_>> {
        Ok(Reading { raft: self, entries: Vec::new() })
    }

    fn close(self) -> Outcome {
        Ok(self.engine.sync()?)
    }
}

/// Groups count from 1.
fn group(number: u64) -> u64 {
    number + 1
}

fn entry(event: &Event<'_>, version: u64) -> UninterpretedOption {
    let mut entry = UninterpretedOption::new();
    entry.set_positive_int_value(version);
    entry.set_identifier_value(event.stream.to_owned());
    entry.set_string_value(event.data.to_vec());
    entry
}

impl Raft {
    fn append_one(&self, event: Event<'_>, expected: Option<u64>) -> Outcome<Option<u64>> {
        let lock = &self.locks[usize::try_from(event.number)? % LOCKS];
        let _guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let version = self.engine.last_index(group(event.number)).unwrap_or(0);
        if expected.is_some_and(|expected| expected != version) {
            return Ok(None);
        }
        let mut batch = LogBatch::with_capacity(1);
        batch.add_entries::<Entries>(group(event.number), &[entry(&event, version + 1)])?;
        self.engine.write(&mut batch, self.synced)?;
        Ok(Some(version + 1))
    }

    /// Batches come from one thread only.
    fn append_many(&self, events: &[Event<'_>]) -> Outcome {
        let mut batch = LogBatch::with_capacity(events.len());
        let mut versions = std::collections::HashMap::new();
        for event in events {
            let stored = || self.engine.last_index(group(event.number)).unwrap_or(0);
            let version = versions.entry(event.number).or_insert_with(stored);
            *version += 1;
            batch.add_entries::<Entries>(group(event.number), &[entry(event, *version)])?;
        }
        self.engine.write(&mut batch, self.synced)?;
        Ok(())
    }
}

struct Reading<'r> {
    raft: &'r Raft,
    entries: Vec<UninterpretedOption>,
}

impl Reader for Reading<'_> {
    fn stream(&mut self, number: u64, _: &str, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        let engine = &self.raft.engine;
        let Some(last) = engine.last_index(group(number)) else { return Ok(()) };
        self.entries.clear();
        engine.fetch_entries_to::<Entries>(group(number), 1, last + 1, None, &mut self.entries)?;
        for entry in &self.entries {
            each(Seen {
                stream: entry.get_identifier_value().as_bytes(),
                version: entry.get_positive_int_value(),
                data: entry.get_string_value(),
            });
        }
        Ok(())
    }

    fn scan(&mut self, _: u64, _: u64, _: impl FnMut(Seen<'_>)) -> Outcome {
        Err("there is no order of all events".into())
    }
}
