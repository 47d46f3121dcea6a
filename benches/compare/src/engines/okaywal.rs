//! okaywal: a log only. Which chunks are a stream's is known to vectors in this adapter, made again by reading everything.
//!
//! One file of 512 MiB, laid out before; it is never checkpointed, as that would throw its events away.

use annals_benches::workload::stream_name;
use annals_compare::Outcome;
use annals_compare::engine::{Engine, Event, Purpose, Reader, Seen};
use annals_compare::layout::{seen, value};
use okaywal::{Configuration, Entry, EntryId, LogManager, LogPosition, SegmentReader, WriteAheadLog};
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const FILE_BYTES: u32 = 512 << 20;
const BUFFER_BYTES: usize = 1 << 20;

fn main() -> ExitCode {
    annals_compare::child::main::<Okay>()
}

struct Okay {
    log: WriteAheadLog,
    index: Arc<Mutex<Index>>,
}

/// Where all events lie, in their order and by the number of their stream.
#[derive(Debug, Default)]
struct Index {
    events: Vec<LogPosition>,
    streams: Vec<Vec<LogPosition>>,
}

impl Index {
    fn stream(&mut self, number: u64) -> &mut Vec<LogPosition> {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        if index >= self.streams.len() {
            self.streams.resize(index + 1, Vec::new());
        }
        &mut self.streams[index]
    }
}

fn locked(index: &Mutex<Index>) -> MutexGuard<'_, Index> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine for Okay {
    const NAME: &'static str = "okaywal";
    type Reader<'e> = Reading<'e>;

    fn open(folder: &Path, _: Purpose) -> Outcome<Self> {
        let index = Arc::<Mutex<Index>>::default();
        let log = Configuration::default_for(folder.join("log"))
            .preallocate_bytes(FILE_BYTES)
            .checkpoint_after_bytes(u64::MAX)
            .buffer_bytes(BUFFER_BYTES)
            .open(Recovering(Arc::clone(&index)))?;
        Ok(Okay { log, index })
    }

    fn append(&self, events: &[Event<'_>]) -> Outcome {
        self.write(events, None).map(|_| ())
    }

    fn append_expecting(&self, event: Event<'_>, seen: u64) -> Outcome<Option<u64>> {
        self.write(&[event], Some(seen))
    }

    fn reader(&self) -> Outcome<Self::Reader<'_>> {
        Ok(Reading { okay: self, bytes: Vec::new() })
    }

    fn close(self) -> Outcome {
        Ok(self.log.shutdown()?)
    }
}

impl Okay {
    fn write(&self, events: &[Event<'_>], expected: Option<u64>) -> Outcome<Option<u64>> {
        // One thread at a time has an entry, so versions are given in the order of the log.
        let mut entry = self.log.begin_entry()?;
        let mut version = 0;
        {
            let mut index = locked(&self.index);
            let found = index.stream(events[0].number).len() as u64;
            if expected.is_some_and(|expected| expected != found) {
                drop(index);
                entry.rollback()?;
                return Ok(None);
            }
            for event in events {
                version = index.stream(event.number).len() as u64 + 1;
                let position = entry.write_chunk(&value(event, version))?.position;
                index.stream(event.number).push(position);
                index.events.push(position);
            }
        }
        entry.commit()?;
        Ok(Some(version))
    }
}

#[derive(Debug)]
struct Recovering(Arc<Mutex<Index>>);

impl LogManager for Recovering {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        let mut index = locked(&self.0);
        while let okaywal::ReadChunkResult::Chunk(mut chunk) = entry.read_chunk()? {
            let position = chunk.log_position();
            let bytes = chunk.read_all()?;
            if !chunk.check_crc()? {
                return Err(io::Error::other("a checksum is wrong"));
            }
            let event = seen(&bytes).map_err(io::Error::other)?;
            let name = String::from_utf8_lossy(event.stream);
            let number = name.rsplit('-').next().and_then(|digits| digits.parse().ok());
            let number = number.filter(|number| stream_name(*number) == name);
            index.stream(number.ok_or_else(|| io::Error::other("a stream has no number"))?).push(position);
            index.events.push(position);
        }
        Ok(())
    }

    fn checkpoint_to(&mut self, _: EntryId, _: &mut SegmentReader, _: &WriteAheadLog) -> io::Result<()> {
        Ok(())
    }
}

struct Reading<'o> {
    okay: &'o Okay,
    bytes: Vec<u8>,
}

impl Reading<'_> {
    fn read(&mut self, position: LogPosition, each: &mut impl FnMut(Seen<'_>)) -> Outcome {
        let mut chunk = self.okay.log.read_at(position)?;
        self.bytes.clear();
        chunk.read_to_end(&mut self.bytes)?;
        if !chunk.crc_is_valid()? {
            return Err("a checksum is wrong".into());
        }
        each(seen(&self.bytes)?);
        Ok(())
    }
}

impl Reader for Reading<'_> {
    fn stream(&mut self, number: u64, _: &str, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        let positions = locked(&self.okay.index).stream(number).clone();
        positions.into_iter().try_for_each(|position| self.read(position, &mut each))
    }

    fn scan(&mut self, first: u64, last: u64, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        for index in first - 1..last {
            let position = locked(&self.okay.index).events[usize::try_from(index)?];
            self.read(position, &mut each)?;
        }
        Ok(())
    }
}
