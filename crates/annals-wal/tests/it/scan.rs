//! Walking frames over damage.

use crate::log::{Log, frames, segment_bytes};
use annals_format::SEGMENT_HEADER_BYTES;
use annals_vfs::{Access, Call, Disk, Fault, FaultyDisk, MemoryDisk, When};
use annals_wal::{Step, Window, find_frame_after, scan_mapped, scan_window};
use std::sync::Arc;

fn segment_of(batches: u64) -> (Vec<u8>, annals_format::Binding) {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 1);
    (0..batches).for_each(|_| log.append(3, 40, true).unwrap());
    (segment_bytes(&disk, 1), log.open[0].binding(&crate::log::STORE_ID))
}

/// Positions of the records, where damage was met and the walk went on, and where the blank end began.
type Walked = (Vec<u64>, Vec<(u64, Option<u64>)>, Option<u64>);

fn walk(bytes: &[u8], binding: annals_format::Binding) -> Walked {
    let (mut positions, mut damages, mut blank) = (Vec::new(), Vec::new(), None);
    scan_mapped(bytes, binding, |step| match step {
        Step::Record { event, .. } => positions.push(event.position.get()),
        Step::Frame { .. } => {}
        Step::Damaged { damage, next, .. } => damages.push((damage.offset, next)),
        Step::Blank { offset } => blank = Some(offset),
    });
    (positions, damages, blank)
}

#[test]
fn a_sound_segment_is_walked_up_to_its_blank_end() {
    let (bytes, binding) = segment_of(3);
    let (last, header) = *frames(&bytes).last().unwrap();
    let end = last as u64 + header.length;
    assert_eq!(walk(&bytes, binding), ((1..=9).collect(), vec![], Some(end)));
    assert_eq!(walk(&bytes[..usize::try_from(end).unwrap()], binding).2, None);
    assert_eq!(walk(&bytes[..SEGMENT_HEADER_BYTES], binding), (vec![], vec![], None));
    assert_eq!(walk(&[], binding), (vec![], vec![], None));
}

#[test]
fn the_walk_goes_on_behind_damage_with_the_next_whole_frame() {
    let (bytes, binding) = segment_of(4);
    let frames = frames(&bytes);
    for (index, (start, header)) in frames.iter().enumerate() {
        let next = frames.get(index + 1).map(|(next, _)| *next as u64);
        for at in *start..*start + usize::try_from(header.length).unwrap() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            let (positions, damages, _) = walk(&damaged, binding);
            assert_eq!(damages.len(), 1, "byte {at}");
            assert!((*start as u64..=at as u64).contains(&damages[0].0));
            assert_eq!(damages[0].1, next);
            let batch = index as u64 * 3 + 1..index as u64 * 3 + 4;
            let others: Vec<u64> = (1..=12).filter(|position| !batch.contains(position)).collect();
            let kept: Vec<u64> =
                positions.iter().copied().filter(|position| !batch.contains(position)).collect();
            assert_eq!(kept, others, "byte {at}");
        }
    }
}

#[test]
fn all_damages_are_met_and_not_only_the_first() {
    let (bytes, binding) = segment_of(5);
    let frames = frames(&bytes);
    let mut damaged = bytes;
    damaged[frames[1].0 + 50] ^= 1;
    damaged[frames[3].0 + 50] ^= 1;
    let (positions, damages, blank) = walk(&damaged, binding);
    assert_eq!(positions, [1, 2, 3, 7, 8, 9, 13, 14, 15]);
    assert_eq!(
        damages.iter().map(|(_, next)| *next).collect::<Vec<_>>(),
        [Some(frames[2].0 as u64), Some(frames[4].0 as u64)]
    );
    assert!(blank.is_some());
}

#[test]
fn a_frame_is_found_wherever_it_begins_and_from_anywhere_before_it() {
    let (bytes, binding) = segment_of(2);
    let [(first, one), (second, two)] = frames(&bytes)[..] else { panic!() };
    for from in 0..=bytes.len() {
        let expected = match from {
            from if from <= first => Some((first, one)),
            from if from <= second => Some((second, two)),
            _ => None,
        };
        assert_eq!(find_frame_after(&bytes, from, binding), expected, "from {from}");
    }
}

/// What each step says.
fn told(step: Step<'_>) -> String {
    match step {
        Step::Record { offset, event } => format!("record {offset} {event:?}"),
        other => format!("{other:?}"),
    }
}

fn disk_with(bytes: &[u8]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.set_content("segment", bytes).unwrap();
    disk
}

#[test]
fn a_file_is_walked_through_reads_as_its_bytes_are_in_memory() {
    let (bytes, binding) = segment_of(5);
    let frames = frames(&bytes);
    let (end, last) = frames.last().map(|(at, header)| (*at, header.length)).unwrap();
    let end = end + usize::try_from(last).unwrap();
    let mut damaged = Vec::new();
    for at in (0..end + 64).step_by(13) {
        for (length, mask) in [(1, 1), (60, 0xff), (300, 0x55)] {
            let mut bytes = bytes.clone();
            bytes[at..at + length].iter_mut().for_each(|byte| *byte ^= mask);
            damaged.push(bytes.clone());
            // Zeros are no damage in themselves.
            bytes[at..at + length].fill(0);
            damaged.push(bytes);
        }
        damaged.push(bytes[..at].to_vec());
    }
    for (number, bytes) in damaged.iter().enumerate() {
        let mut expected = Vec::new();
        scan_mapped(bytes, binding, |step| expected.push(told(step)));
        let disk = disk_with(bytes);
        let file = disk.open("segment", Access::Read).unwrap();
        let mut found = Vec::new();
        let mut window = Window::new(&*file).unwrap();
        scan_window(&mut window, u64::MAX, binding, |step| found.push(told(step))).unwrap();
        assert_eq!(found, expected, "damage {number}");
        // Up to a limit it is the same as if the file ended there.
        let limit = bytes.len() / 2;
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        scan_mapped(&bytes[..limit], binding, |step| expected.push(told(step)));
        scan_window(&mut window, limit as u64, binding, |step| found.push(told(step))).unwrap();
        assert_eq!(found, expected, "damage {number}, half of it");
    }
}

#[test]
fn a_walk_ends_where_the_disk_cannot_read_unless_the_window_is_tolerant() {
    let (bytes, binding) = segment_of(5);
    let disk = FaultyDisk::new(Arc::new(disk_with(&bytes)));
    let file = disk.open("segment", Access::Read).unwrap();
    let mut window = Window::new(&*file).unwrap();
    disk.arm(When::nth(Call::Read, 1), Fault::Os(5));
    let error = scan_window(&mut window, u64::MAX, binding, |_| {}).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(5));
    disk.disarm();
    // The read as a whole, and the first page of it: the frames behind that are found.
    disk.arm(When::nth(Call::Read, 1), Fault::Os(5));
    disk.arm(When::nth(Call::Read, 2), Fault::Os(5));
    let mut window = Window::tolerant(&*file).unwrap();
    let mut steps = Vec::new();
    scan_window(&mut window, u64::MAX, binding, |step| steps.push(told(step))).unwrap();
    assert_eq!(window.unreadable().map(|(at, error)| (*at, error.raw_os_error())), Some((64, Some(5))));
    assert!(disk.fired() && !steps.is_empty());
}
