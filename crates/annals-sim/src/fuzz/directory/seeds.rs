//! Inputs to begin with: edits of each kind, and those that once found something.

use super::edits::{Edit, KILLED, NUMBERS, RESEAL};
use crate::fuzz::golden::golden;
use crate::fuzz::input::Mode;
use annals_format::{SEGMENT_HEADER_BYTES, SegmentHeader, names};
use annals_wal::{Step, scan_mapped};

const RESEALED: u8 = Mode::Resealed.byte();
/// Where the version stands in a record.
const VERSION: usize = 16;

/// Each kind of edit at some place, with and without resealing.
pub(in crate::fuzz) fn seeds() -> Vec<Vec<u8>> {
    vec![
        vec![0],
        vec![KILLED],
        input(0, &[edit(Edit::Flip, 0, 70, &[3])]),
        input(KILLED, &[edit(Edit::Cut, 4, 512, &[]), edit(Edit::Extend, 5, 0, &[0, 1, 7])]),
        input(0, &[vec![Edit::Delete.code(), 2, 0], vec![Edit::Swap.code(), 3, 4]]),
        input(RESEALED, &[resealed(edit(Edit::Number, 1, 60, &[1, 3]))]),
        input(RESEALED | KILLED, &[resealed(edit(Edit::Bytes, 5, 70, &[1, 2, 3, 4, 5, 6, 7, 8]))]),
        input(
            RESEALED,
            &[resealed(edit(Edit::Fill, 2, 256, &[40, 0xFF])), vec![Edit::Copy.code(), 3, 4, 0, 1]],
        ),
        input(0, &[vec![Edit::Twin.code(), 5, 0, 3], edit(Edit::Set, 6, 2313, &[1])]),
        version_with_a_gap(false),
        version_with_a_gap(true),
    ]
}

/// Inputs of [`super::directory`] that set each word of the manifest to each of some numbers at borders, under a right
/// checksum. There are few enough to run all of them.
pub fn manifest_words() -> impl Iterator<Item = Vec<u8>> {
    let file = file(names::MANIFEST);
    let words = (0..golden().closed[names::MANIFEST].len()).step_by(8);
    words.flat_map(move |at| {
        let numbers = 0..NUMBERS.len() as u8;
        numbers.map(move |number| input(RESEALED, &[resealed(edit(Edit::Number, file, at, &[number, 3]))]))
    })
}

fn input(first: u8, edits: &[Vec<u8>]) -> Vec<u8> {
    [&[first], edits.concat().as_slice()].concat()
}

fn edit(edit: Edit, file: u8, at: usize, rest: &[u8]) -> Vec<u8> {
    let [low, middle, high, ..] = at.to_le_bytes();
    [&[edit.code(), file, low, middle, high], rest].concat()
}

fn resealed(mut edit: Vec<u8>) -> Vec<u8> {
    edit[0] |= RESEAL;
    edit
}

/// The number of a file of the store that was closed.
fn file(path: &str) -> u8 {
    let index = golden().closed.keys().position(|other| other == path);
    index.and_then(|index| u8::try_from(index).ok()).expect("one of a few files")
}

/// The second event of the first or of the last segment, which has a stream with the first one, gets version 1 again.
fn version_with_a_gap(last: bool) -> Vec<u8> {
    let manifest = &golden().manifest;
    let id = if last { manifest.open[0].id } else { manifest.sealed[0].id };
    let path = names::segment(id);
    let bytes = &golden().closed[&path];
    let header: &[u8; SEGMENT_HEADER_BYTES] = bytes.first_chunk().expect("longer than its header");
    let binding = SegmentHeader::decode(header).expect("sound").binding();
    let mut records = Vec::new();
    scan_mapped(bytes, binding, |step| {
        if let Step::Record { offset, .. } = step {
            records.push(usize::try_from(offset).expect("a small file"));
        }
    });
    input(RESEALED, &[resealed(edit(Edit::Number, file(&path), records[1] + VERSION, &[1, 3]))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::directory::edits::edited;
    use crate::fuzz::golden::SEGMENT_BYTES;
    use crate::world::World;
    use annals::{OpenError, vfs::MemoryDisk};

    #[test]
    fn the_seeds_about_versions_change_a_version_and_nothing_else() {
        let (image, _) = edited(golden(), &version_with_a_gap(true));
        let world = World::on(MemoryDisk::from_image(image).unwrap(), 1, SEGMENT_BYTES);
        let error = world.open().map(drop).unwrap_err();
        let OpenError::Corrupt(corruption) = error else { panic!("{error}") };
        assert!(corruption.what.contains("version in its stream"), "{corruption}");
    }
}
