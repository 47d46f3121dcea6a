//! The raw floor: encode, checksum, one write, one sync; reads through a mapping at known offsets.
//!
//! Measured appends go round in a ring of 64 MiB that was laid out with zeros; the data set is a file that grows. Streams are
//! found by their number in a plain vector, which opening makes by reading everything.

use annals_benches::floor::{Floor, FloorLog};
use annals_compare::Outcome;
use annals_compare::engine::{Engine, Event, Purpose, Reader, Seen};
use annals_compare::group::{Request, Sink, Verdict, Writers};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    annals_compare::child::main::<Raw>()
}

struct Raw {
    writers: Option<Writers<File>>,
    log: Option<Indexed>,
}

/// The file that is written, and the version of each stream.
struct File {
    file: Floor,
    versions: Vec<u64>,
    synced: bool,
}

/// The log that is read, and where the events of each stream lie.
struct Indexed {
    log: FloorLog,
    streams: Vec<Vec<usize>>,
}

impl Engine for Raw {
    const NAME: &'static str = "floor";
    const UNSYNCED: bool = true;
    type Reader<'e> = Reading<'e>;

    fn open(folder: &Path, purpose: Purpose) -> Outcome<Self> {
        let path = folder.join("log");
        let (file, grouped, synced) = match purpose {
            Purpose::Append(appends) => (Floor::create(&path)?, appends.threads > 1, appends.synced),
            Purpose::Load if path.exists() => {
                let log = FloorLog::open(&path)?;
                (Floor::growing(&path, log.len() as u64, log.end() as u64)?, false, true)
            }
            Purpose::Load => (Floor::growing(&path, 0, 0)?, false, true),
            Purpose::Read => return Ok(Raw { writers: None, log: Some(Indexed::open(&path)?) }),
        };
        let file = File { file, versions: Vec::new(), synced };
        Ok(Raw { writers: Some(Writers::new(file, grouped)), log: None })
    }

    fn append(&self, events: &[Event<'_>]) -> Outcome {
        self.writers()?.append(events, None).map(|_| ())
    }

    fn sync(&self) -> Outcome {
        Ok(self.writers()?.sink().file.sync()?)
    }

    fn append_expecting(&self, event: Event<'_>, seen: u64) -> Outcome<Option<u64>> {
        self.writers()?.append(&[event], Some(seen))
    }

    fn reader(&self) -> Outcome<Self::Reader<'_>> {
        let log = self.log.as_ref().ok_or("the floor was not opened for reading")?;
        Ok(Reading(log))
    }

    fn close(self) -> Outcome {
        Ok(())
    }
}

impl Raw {
    fn writers(&self) -> Outcome<&Writers<File>> {
        Ok(self.writers.as_ref().ok_or("the floor was not opened for writing")?)
    }
}

impl Sink for File {
    fn commit(&mut self, group: &[Request<'_>]) -> Outcome<Vec<Verdict>> {
        let mut verdicts = Vec::with_capacity(group.len());
        for request in group {
            let version = version_of(&mut self.versions, request.events[0].number);
            if request.expected.is_some_and(|expected| expected != *version) {
                verdicts.push(None);
                continue;
            }
            for event in request.events {
                let version = version_of(&mut self.versions, event.number);
                *version += 1;
                self.file.push_version(event.stream, *version, event.data);
            }
            verdicts.push(Some(*version_of(&mut self.versions, request.events[0].number)));
        }
        self.file.commit(self.synced)?;
        Ok(verdicts)
    }
}

fn version_of(versions: &mut Vec<u64>, number: u64) -> &mut u64 {
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    if index >= versions.len() {
        versions.resize(index + 1, 0);
    }
    &mut versions[index]
}

impl Indexed {
    fn open(path: &Path) -> Outcome<Self> {
        let log = FloorLog::open(path)?;
        let mut streams: Vec<Vec<usize>> = Vec::new();
        for (offset, record) in log.records() {
            let record = record.ok_or("a checksum of the floor is wrong")?;
            let digits = record.stream.rsplit(|byte| *byte == b'-').next().unwrap_or_default();
            let number: usize = std::str::from_utf8(digits)?.parse()?;
            if number >= streams.len() {
                streams.resize(number + 1, Vec::new());
            }
            streams[number].push(offset);
        }
        Ok(Indexed { log, streams })
    }
}

struct Reading<'e>(&'e Indexed);

impl Reader for Reading<'_> {
    fn stream(&mut self, number: u64, _: &str, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        for offset in self.0.streams.get(usize::try_from(number)?).into_iter().flatten() {
            let record = self.0.log.read_at(*offset).ok_or("a checksum of the floor is wrong")?;
            each(Seen { stream: record.stream, version: record.version, data: record.data });
        }
        Ok(())
    }

    fn scan(&mut self, first: u64, last: u64, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        for index in first - 1..last {
            let record =
                self.0.log.record(usize::try_from(index)?).ok_or("a checksum of the floor is wrong")?;
            each(Seen { stream: record.stream, version: record.version, data: record.data });
        }
        Ok(())
    }
}
