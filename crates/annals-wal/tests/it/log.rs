//! A log with its writer, as a store would drive it, and events that can be told by their positions.

use annals_format::{
    FrameBuilder, FrameHeader, OpenSegment, SEGMENT_HEADER_BYTES, SegmentHeader, StoreId, names,
};
use annals_types::{EventRef, NewEvent, Position, Timestamp, Version};
use annals_vfs::{Disk, MemoryDisk};
use annals_wal::{
    LogError, LogWriter, Mode, PreparedSegment, Recovered, RecoveryInput, Room, Segment, Step, Watermark,
    WriteFailed, prepare_segment, recover, scan_mapped,
};
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) const STORE_ID: StoreId = *b"the store's name";
pub(crate) const SEGMENT_BYTES: u64 = 16 << 10;

/// A log that is being written.
pub(crate) struct Log {
    pub(crate) writer: LogWriter,
    pub(crate) watermark: Arc<Watermark>,
    pub(crate) open: Vec<OpenSegment>,
    pub(crate) prepared: VecDeque<PreparedSegment>,
    /// The last position for which a sync has returned.
    pub(crate) acknowledged: u64,
    /// Segments that were full, where their frames end.
    pub(crate) full: Vec<(Arc<Segment>, u64)>,
    now: i64,
}

/// The entry of the manifest for segment `id`.
pub(crate) fn entry(id: u64) -> OpenSegment {
    OpenSegment { id, salt: 0x5A17_0000 + id }
}

pub(crate) fn input(open: &[OpenSegment]) -> RecoveryInput<'_> {
    RecoveryInput {
        store_id: &STORE_ID,
        open,
        next: Position::FIRST,
        durable: Position::ZERO,
        last_recorded: Timestamp::MIN,
        segment_bytes: SEGMENT_BYTES,
        room_left: 0,
        clean: None,
        cut: None,
        direct: false,
    }
}

/// Data by which an event can be told: its position, and some bytes.
fn data_of(position: u64, bytes: usize) -> Vec<u8> {
    let mut data = position.to_le_bytes().to_vec();
    data.resize(8 + bytes, u8::try_from(position % 251).unwrap());
    data
}

/// A batch of events, with so many bytes of data each, for the position that comes next.
pub(crate) fn batch(next: u64, events: u64, bytes: usize) -> FrameBuilder {
    let mut frame = FrameBuilder::new();
    for position in next..next + events {
        let stream = format!("stream-{}", position % 3);
        frame.push(&stream, &NewEvent::new("t", data_of(position, bytes))).unwrap();
    }
    frame
}

/// Panics if the event is not the one that was appended at its position.
pub(crate) fn assert_own(event: &EventRef<'_>) {
    let position = event.position.get();
    assert_eq!(event.stream, format!("stream-{}", position % 3), "at {position}");
    let data = event.data().unwrap();
    assert_eq!(data, data_of(position, data.len() - 8), "at {position}");
}

/// Reading from segments of which no events were removed.
pub(crate) trait Whole {
    fn there(&self, position: Position) -> Result<EventRef<'_>, LogError>;
    fn record_there(&self, position: Position) -> Result<&[u8], LogError>;
}

impl Whole for Segment {
    fn there(&self, position: Position) -> Result<EventRef<'_>, LogError> {
        Ok(self.event(position)?.unwrap())
    }

    fn record_there(&self, position: Position) -> Result<&[u8], LogError> {
        Ok(self.record(position)?.unwrap())
    }
}

impl Log {
    /// A new log with so many segments laid out.
    pub(crate) fn new(disk: Arc<dyn Disk>, segments: u64) -> Self {
        disk.create_dir(names::LOG_DIR).unwrap();
        disk.sync_dir("").unwrap();
        for id in 1..=segments {
            prepare_segment(&*disk, entry(id), Room::whole(SEGMENT_BYTES), false).unwrap();
        }
        Log::open(disk, (1..=segments).map(entry).collect())
    }

    /// The log on a disk, recovered.
    pub(crate) fn open(disk: Arc<dyn Disk>, open: Vec<OpenSegment>) -> Self {
        let mut recovered = recover(&*disk, Mode::Repair, &input(&open), &mut |_, _| Ok(())).unwrap();
        let prepared = recovered.prepared.drain(..).collect();
        let last = recovered.next.previous();
        let watermark = Arc::new(Watermark::new(last));
        let writer = LogWriter::new(STORE_ID, &mut recovered, Arc::clone(&watermark));
        let now = recovered.last_recorded.as_nanos().max(0);
        Log { writer, watermark, open, prepared, acknowledged: last.get(), full: Vec::new(), now }
    }

    pub(crate) fn next(&self) -> u64 {
        self.writer.next_position().get()
    }

    /// Appends a batch and syncs it or not. Rolls over if there is no room.
    pub(crate) fn append(&mut self, events: u64, bytes: usize, sync: bool) -> Result<(), WriteFailed> {
        let mut frame = batch(self.next(), events, bytes);
        if !self.writer.has_room_for(&frame) {
            self.roll_for(&frame)?;
        }
        self.now += 10;
        let recorded_at = self.writer.recorded_at(Timestamp::from_nanos(self.now));
        let first = self.next();
        self.writer.stage(&mut frame, recorded_at, |index| Version::new(first + index as u64)).unwrap();
        self.writer.commit(std::iter::once(frame.bytes()), sync)?;
        if sync {
            self.acknowledged = self.next() - 1;
        }
        Ok(())
    }

    /// Goes on in the next segment.
    pub(crate) fn roll(&mut self) -> Result<(), WriteFailed> {
        self.roll_for(&FrameBuilder::new())
    }

    fn roll_for(&mut self, frame: &FrameBuilder) -> Result<(), WriteFailed> {
        let mut prepared = self.prepared.pop_front().unwrap();
        LogWriter::fit(&mut prepared, frame, Room::whole(SEGMENT_BYTES)).unwrap();
        let full = self.writer.roll(prepared)?;
        self.acknowledged = self.next() - 1;
        self.full.extend(full);
        Ok(())
    }
}

/// What recovery found: the positions of the events it gave, which are all verified.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) last: u64,
    pub(crate) recovered: Recovered,
}

/// Recovers and checks that the events are those appended, without a gap, and readable at their segments.
pub(crate) fn recover_with(
    disk: &dyn Disk,
    mode: Mode,
    input: &RecoveryInput<'_>,
) -> Result<Found, LogError> {
    let mut last = input.next.get() - 1;
    let recovered = recover(disk, mode, input, &mut |_, events| {
        for event in events {
            assert_own(event);
            last += 1;
            assert_eq!(event.position.get(), last);
        }
        Ok(())
    })?;
    assert_eq!(recovered.next.get(), last + 1);
    for (index, segment) in recovered.segments.iter().enumerate() {
        let end = recovered.segments.get(index + 1).map_or(recovered.next, |next| next.first_position());
        let mut position = segment.first_position();
        while position < end {
            assert_own(&segment.there(position).unwrap());
            position = position.next();
        }
    }
    if mode != Mode::Observe {
        assert_eq!(recovered.durable.get(), last, "everything that is shown is durable");
    }
    Ok(Found { last, recovered })
}

pub(crate) fn recover_on(disk: &dyn Disk, mode: Mode, open: &[OpenSegment]) -> Result<Found, LogError> {
    recover_with(disk, mode, &input(open))
}

/// The error as file, offset and text; panics if it is none for damage.
pub(crate) fn corruption(result: Result<Found, LogError>) -> annals_format::Corruption {
    match result {
        Err(LogError::Corrupt(corruption)) => corruption,
        other => panic!("no corruption: {other:?}"),
    }
}

/// The frames of a segment, as they lie in its file.
pub(crate) fn frames(bytes: &[u8]) -> Vec<(usize, FrameHeader)> {
    let header = SegmentHeader::decode(bytes.first_chunk::<SEGMENT_HEADER_BYTES>().unwrap()).unwrap();
    let mut frames = Vec::new();
    scan_mapped(bytes, header.binding(), |step| {
        if let Step::Frame { offset, header } = step {
            frames.push((usize::try_from(offset).unwrap(), header));
        }
    });
    frames
}

/// The bytes of segment `id`.
pub(crate) fn segment_bytes(disk: &MemoryDisk, id: u64) -> Vec<u8> {
    disk.image()[&names::segment(id)].clone()
}

/// A disk of its own, like `disk` but with these bytes as segment `id`.
pub(crate) fn with_segment(disk: &MemoryDisk, id: u64, bytes: &[u8]) -> MemoryDisk {
    let copy = copy(disk);
    copy.set_content(&names::segment(id), bytes).unwrap();
    copy
}

/// A disk of its own with the same files, all of them durable.
pub(crate) fn copy(disk: &MemoryDisk) -> MemoryDisk {
    MemoryDisk::from_image(disk.image()).unwrap()
}
