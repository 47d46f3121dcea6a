//! Walking frames over damage.

use crate::log::{Log, frames, segment_bytes};
use annals_format::SEGMENT_HEADER_BYTES;
use annals_vfs::MemoryDisk;
use annals_wal::{Step, find_frame_after, scan_mapped};
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
        Step::Damaged { damage, next } => damages.push((damage.offset, next)),
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
