//! SQLite: one table with a unique index over stream and version, WAL, `synchronous=FULL`, a transaction for each group.
//!
//! A page cache of 256 MiB, and the rest mapped. Without a sync: `synchronous=NORMAL`.

use annals_benches::workload::EVENT_TYPE;
use annals_compare::Outcome;
use annals_compare::engine::{Engine, Event, Purpose, Reader, Seen};
use annals_compare::group::{Request, Sink, Verdict, Writers};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL,
    version INTEGER NOT NULL, type TEXT NOT NULL, data BLOB NOT NULL);
    CREATE UNIQUE INDEX IF NOT EXISTS streams ON events (stream, version);";
const INSERT: &str = "INSERT INTO events (stream, version, type, data) VALUES (?1, ?2, ?3, ?4)";
const VERSION: &str = "SELECT version FROM events WHERE stream = ?1 ORDER BY version DESC LIMIT 1";
const STREAM: &str = "SELECT stream, version, data FROM events WHERE stream = ?1 ORDER BY version";
const SCAN: &str =
    "SELECT stream, version, data FROM events WHERE position BETWEEN ?1 AND ?2 ORDER BY position";

fn main() -> ExitCode {
    annals_compare::child::main::<Sqlite>()
}

struct Sqlite {
    path: PathBuf,
    writers: Writers<Writer>,
}

struct Writer(Connection);

fn connect(path: &Path, synced: bool) -> Outcome<Connection> {
    let connection = Connection::open(path)?;
    let synchronous = if synced { "FULL" } else { "NORMAL" };
    connection.execute_batch(&format!(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}; PRAGMA cache_size=-262144;
         PRAGMA mmap_size=17179869184;"
    ))?;
    Ok(connection)
}

impl Engine for Sqlite {
    const NAME: &'static str = "sqlite";
    const UNSYNCED: bool = true;
    type Reader<'e> = Reading;

    fn open(folder: &Path, purpose: Purpose) -> Outcome<Self> {
        let path = folder.join("sqlite");
        let (grouped, synced) = match purpose {
            Purpose::Append(appends) => (appends.threads > 1, appends.synced),
            Purpose::Load | Purpose::Read => (false, true),
        };
        let connection = connect(&path, synced)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Sqlite { path, writers: Writers::new(Writer(connection), grouped) })
    }

    fn append(&self, events: &[Event<'_>]) -> Outcome {
        self.writers.append(events, None).map(|_| ())
    }

    fn sync(&self) -> Outcome {
        self.writers.sink().0.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    fn append_expecting(&self, event: Event<'_>, seen: u64) -> Outcome<Option<u64>> {
        self.writers.append(&[event], Some(seen))
    }

    fn reader(&self) -> Outcome<Self::Reader<'_>> {
        connect(&self.path, true).map(Reading)
    }

    fn close(self) -> Outcome {
        // The last connection writes the log back as it is dropped.
        Ok(())
    }
}

impl Sink for Writer {
    fn commit(&mut self, group: &[Request<'_>]) -> Outcome<Vec<Verdict>> {
        let transaction = self.0.transaction()?;
        let mut verdicts = Vec::with_capacity(group.len());
        {
            let (mut insert, mut newest) =
                (transaction.prepare_cached(INSERT)?, transaction.prepare_cached(VERSION)?);
            let mut version_of = |stream: &str| -> Outcome<u64> {
                let version: Option<i64> = newest.query_row([stream], |row| row.get(0)).optional()?;
                Ok(u64::try_from(version.unwrap_or(0))?)
            };
            for request in group {
                let mut version = version_of(request.events[0].stream)?;
                if request.expected.is_some_and(|expected| expected != version) {
                    verdicts.push(None);
                    continue;
                }
                for event in request.events {
                    version = version_of(event.stream)? + 1;
                    insert.execute(params![event.stream, i64::try_from(version)?, EVENT_TYPE, event.data])?;
                }
                verdicts.push(Some(version));
            }
        }
        transaction.commit()?;
        Ok(verdicts)
    }
}

struct Reading(Connection);

impl Reader for Reading {
    fn stream(&mut self, _: u64, name: &str, each: impl FnMut(Seen<'_>)) -> Outcome {
        self.read(STREAM, params![name], each)
    }

    fn scan(&mut self, first: u64, last: u64, each: impl FnMut(Seen<'_>)) -> Outcome {
        self.read(SCAN, params![i64::try_from(first)?, i64::try_from(last)?], each)
    }
}

impl Reading {
    fn read(&self, query: &str, params: impl rusqlite::Params, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        let mut statement = self.0.prepare_cached(query)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            let version = u64::try_from(row.get::<_, i64>(1)?)?;
            let (stream, data) = (row.get_ref(0)?.as_bytes()?, row.get_ref(2)?.as_blob()?);
            each(Seen { stream, version, data });
        }
        Ok(())
    }
}
