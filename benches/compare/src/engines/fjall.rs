//! fjall: three keyspaces, a batch for each group, a cache of 1 GiB.
//!
//! The version of a stream is looked up in a keyspace of its own, as an LSM tree does that better than a search backwards.

use annals_compare::Outcome;
use annals_compare::engine::{Engine, Event, Purpose, Reader, Seen};
use annals_compare::group::{Request, Sink, Verdict, Writers};
use annals_compare::layout::{VERSION_MAX, number, seen, stream_key, value};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

const CACHE_BYTES: u64 = 1 << 30;

fn main() -> ExitCode {
    annals_compare::child::main::<Fjall>()
}

struct Fjall {
    database: Database,
    keyspaces: Keyspaces,
    writers: Writers<Batches>,
}

#[derive(Clone)]
struct Keyspaces {
    events: Keyspace,
    streams: Keyspace,
    heads: Keyspace,
}

struct Batches {
    database: Database,
    keyspaces: Keyspaces,
    persist: PersistMode,
    position: u64,
}

impl Engine for Fjall {
    const NAME: &'static str = "fjall";
    const UNSYNCED: bool = true;
    type Reader<'e> = Keyspaces;

    fn open(folder: &Path, purpose: Purpose) -> Outcome<Self> {
        let database = Database::builder(folder.join("fjall")).cache_size(CACHE_BYTES).open()?;
        let keyspace = |name| database.keyspace(name, KeyspaceCreateOptions::default);
        let keyspaces = Keyspaces {
            events: keyspace("events")?,
            streams: keyspace("streams")?,
            heads: keyspace("heads")?,
        };
        let (grouped, synced) = match purpose {
            Purpose::Append(appends) => (appends.threads > 1, appends.synced),
            Purpose::Load | Purpose::Read => (false, true),
        };
        let last = keyspaces.events.last_key_value().map(|entry| entry.key()).transpose()?;
        let batches = Batches {
            database: database.clone(),
            keyspaces: keyspaces.clone(),
            persist: if synced { PersistMode::SyncData } else { PersistMode::Buffer },
            position: last.map_or(Ok(0), |key| number(&key))?,
        };
        Ok(Fjall { database, keyspaces, writers: Writers::new(batches, grouped) })
    }

    fn append(&self, events: &[Event<'_>]) -> Outcome {
        self.writers.append(events, None).map(|_| ())
    }

    fn sync(&self) -> Outcome {
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn append_expecting(&self, event: Event<'_>, seen: u64) -> Outcome<Option<u64>> {
        self.writers.append(&[event], Some(seen))
    }

    fn reader(&self) -> Outcome<Self::Reader<'_>> {
        Ok(self.keyspaces.clone())
    }

    fn close(self) -> Outcome {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}

impl Sink for Batches {
    fn commit(&mut self, group: &[Request<'_>]) -> Outcome<Vec<Verdict>> {
        let mut batch = self.database.batch().durability(Some(self.persist));
        // Versions that are in the batch only.
        let mut versions: HashMap<&str, u64> = HashMap::new();
        let mut verdicts = Vec::with_capacity(group.len());
        for request in group {
            let mut version = self.version(&versions, request.events[0].stream)?;
            if request.expected.is_some_and(|expected| expected != version) {
                verdicts.push(None);
                continue;
            }
            for event in request.events {
                self.position += 1;
                version = self.version(&versions, event.stream)? + 1;
                versions.insert(event.stream, version);
                let position = self.position.to_be_bytes();
                batch.insert(&self.keyspaces.events, position, value(event, version));
                batch.insert(&self.keyspaces.streams, stream_key(event.stream, version), position);
                batch.insert(&self.keyspaces.heads, event.stream, version.to_be_bytes());
            }
            verdicts.push(Some(version));
        }
        batch.commit()?;
        Ok(verdicts)
    }
}

impl Batches {
    fn version(&self, versions: &HashMap<&str, u64>, stream: &str) -> Outcome<u64> {
        match versions.get(stream) {
            Some(version) => Ok(*version),
            None => self.keyspaces.heads.get(stream)?.map_or(Ok(0), |version| number(&version)),
        }
    }
}

impl Reader for Keyspaces {
    fn stream(&mut self, _: u64, name: &str, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        for entry in self.streams.range(stream_key(name, 0)..=stream_key(name, VERSION_MAX)) {
            let event = self.events.get(entry.value()?)?.ok_or("an event is missing")?;
            each(seen(&event)?);
        }
        Ok(())
    }

    fn scan(&mut self, first: u64, last: u64, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        for entry in self.events.range(first.to_be_bytes()..=last.to_be_bytes()) {
            each(seen(&entry.value()?)?);
        }
        Ok(())
    }
}
