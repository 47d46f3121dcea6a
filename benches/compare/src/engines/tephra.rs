//! tephra: a stream is a tag. It has no versions: expected is that no event with the tag came after the position seen.

use annals_benches::workload::EVENT_TYPE;
use annals_compare::Outcome;
use annals_compare::engine::{Engine, Event, Purpose, Reader, Seen};
use std::path::Path;
use std::process::ExitCode;
use tephra::{
    AppendCondition, AppendError, ConflictSite, EventType, Position, Query, QueryItem, ReadHandle,
    SegmentConfig, SegmentSet, Tag, Tags, WriteCoordinator, WriteHandle, WriterConfig,
};

/// As in the example of its documentation.
const SEGMENT_BYTES: usize = 256 << 20;

fn main() -> ExitCode {
    annals_compare::child::main::<Tephra>()
}

struct Tephra {
    coordinator: WriteCoordinator,
    handle: WriteHandle,
    event_type: EventType,
}

impl Engine for Tephra {
    const NAME: &'static str = "tephra";
    type Reader<'e> = Reading;

    fn open(folder: &Path, _: Purpose) -> Outcome<Self> {
        let set = SegmentSet::open(folder.join("tephra"), SegmentConfig::new(SEGMENT_BYTES))?;
        let (coordinator, handle) = WriteCoordinator::start(set, WriterConfig::default())?;
        Ok(Tephra { coordinator, handle, event_type: EventType::new(EVENT_TYPE)? })
    }

    fn append(&self, events: &[Event<'_>]) -> Outcome {
        let events = events.iter().map(|event| self.event(event)).collect::<Outcome<_>>()?;
        self.handle.append(events, None)?;
        Ok(())
    }

    fn append_expecting(&self, event: Event<'_>, seen: u64) -> Outcome<Option<u64>> {
        loop {
            let condition = AppendCondition::new(of_stream(event.stream)?).after(Position::new(seen));
            match self.handle.append(vec![self.event(&event)?], Some(condition)) {
                Ok(positions) => return Ok(Some(positions.last.get())),
                // Of an event that is not durable yet: to be tried again.
                Err(AppendError::Conflict { at: ConflictSite::SameBatch, .. }) => {}
                Err(AppendError::Conflict { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn reader(&self) -> Outcome<Self::Reader<'_>> {
        Ok(Reading(self.handle.reader()))
    }

    fn close(self) -> Outcome {
        drop(self.coordinator.shutdown());
        Ok(())
    }
}

fn tags(stream: &str) -> Outcome<Tags> {
    Ok(Tags::new([Tag::new(stream)?])?)
}

fn of_stream(stream: &str) -> Outcome<Query> {
    Ok(Query::item(QueryItem::with_tags(tags(stream)?)))
}

impl Tephra {
    fn event(&self, event: &Event<'_>) -> Outcome<tephra::Event> {
        Ok(tephra::Event::new(&self.event_type, &tags(event.stream)?, event.data)?)
    }
}

struct Reading(ReadHandle);

impl Reading {
    fn read(&self, query: &Query, after: u64, limit: Option<u64>, mut each: impl FnMut(Seen<'_>)) -> Outcome {
        let (mut reads, mut version) = (self.0.read(query, Position::new(after), limit), 0);
        while let Some(event) = reads.next() {
            let event = event?.event;
            version += 1;
            let stream = event.tags().next().unwrap_or_default().as_bytes();
            each(Seen { stream, version, data: event.data() });
        }
        Ok(())
    }
}

impl Reader for Reading {
    fn stream(&mut self, _: u64, name: &str, each: impl FnMut(Seen<'_>)) -> Outcome {
        self.read(&of_stream(name)?, 0, None, each)
    }

    fn scan(&mut self, first: u64, last: u64, each: impl FnMut(Seen<'_>)) -> Outcome {
        self.read(&Query::all(), first - 1, Some(last + 1 - first), each)
    }
}
