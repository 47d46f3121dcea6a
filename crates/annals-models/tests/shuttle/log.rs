//! The log without a store around it: one writer, readers that ask for what is visible.

use annals_format::{FrameBuilder, OpenSegment, StoreId, names};
use annals_models::{ScheduledDisk, explore};
use annals_types::{NewEvent, Position, Timestamp, Version};
use annals_vfs::MemoryDisk;
use annals_wal::{LogWriter, Mode, RecoveryInput, Room, Segment, Watermark, prepare_segment, recover};
use shuttle::thread;
use std::sync::Arc;
use std::time::Duration;

const STORE_ID: StoreId = *b"the store's name";
const SEGMENT_BYTES: u64 = 16 << 10;

/// A writer at the beginning of a segment.
fn log() -> (LogWriter, Arc<Segment>, Arc<Watermark>) {
    let disk = ScheduledDisk::over(MemoryDisk::new());
    disk.create_dir(names::LOG_DIR).unwrap();
    let open = [OpenSegment { id: 1, salt: 7 }];
    prepare_segment(&*disk, open[0], Room::whole(SEGMENT_BYTES), false).unwrap();
    let input = RecoveryInput {
        store_id: &STORE_ID,
        open: &open,
        next: Position::FIRST,
        durable: Position::ZERO,
        last_recorded: Timestamp::MIN,
        segment_bytes: SEGMENT_BYTES,
        room_left: 0,
        clean: None,
        cut: None,
        direct: false,
    };
    let mut recovered = recover(&*disk, Mode::Repair, &input, &mut |_, _| Ok(())).unwrap();
    let prepared = recovered.prepared.pop().unwrap();
    let watermark = Arc::new(Watermark::new(Position::ZERO));
    let mut writer = LogWriter::new(STORE_ID, &mut recovered, Arc::clone(&watermark));
    writer.roll(prepared).unwrap();
    let segment = Arc::clone(writer.active().unwrap().0);
    (writer, segment, watermark)
}

fn data_of(position: u64) -> Vec<u8> {
    vec![u8::try_from(position).unwrap(); 10]
}

/// Appends a batch of so many events.
fn append(writer: &mut LogWriter, events: u64, sync: bool) -> Position {
    let mut frame = FrameBuilder::new();
    let first = writer.next_position().get();
    for position in first..first + events {
        frame.push("stream", &NewEvent::new("t", data_of(position))).unwrap();
    }
    let version = |index: usize| Version::new(first + index as u64);
    writer.stage(&mut frame, Timestamp::EPOCH, version).unwrap();
    writer.commit(std::iter::once(frame.bytes()), sync).unwrap();
    writer.next_position().previous()
}

/// Reads up to `last` as it becomes visible.
fn read(segment: &Segment, watermark: &Watermark, last: u64, sync: bool) {
    let mut seen = Position::ZERO;
    while seen.get() < last {
        assert!(watermark.wait_beyond(seen, Duration::MAX));
        seen = watermark.visible();
        assert!(!sync || watermark.durable() >= seen, "visible and not durable");
        for position in 1..=seen.get() {
            let event = segment.event(Position::new(position)).unwrap().unwrap();
            assert_eq!((event.version.get(), &*event.data().unwrap()), (position, &*data_of(position)));
        }
    }
}

fn write_and_read(sync: bool) {
    let (mut writer, segment, watermark) = log();
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (segment, watermark) = (Arc::clone(&segment), Arc::clone(&watermark));
            thread::spawn(move || read(&segment, &watermark, 5, sync))
        })
        .collect();
    for events in [2, 1, 2] {
        let last = append(&mut writer, events, sync);
        watermark.publish(last);
    }
    writer.sync().unwrap();
    assert_eq!(watermark.durable(), Position::new(5));
    readers.into_iter().for_each(|reader| reader.join().unwrap());
}

#[test]
fn who_sees_a_position_reads_everything_up_to_it_and_it_is_durable() {
    explore(3_000, || write_and_read(true));
}

#[test]
fn who_sees_a_position_that_is_not_durable_yet_reads_everything_up_to_it() {
    explore(1_500, || write_and_read(false));
}
