//! Edits of a store's files, as an input says.
//!
//! Where nothing is resealed, no edit writes more than one byte of the input's choice at once, and numbers only from a
//! list: a fuzzer that watches comparisons would else learn to write right checksums, and forge events.

use crate::fuzz::golden::Golden;
use crate::fuzz::input::{Feed, Mode};
use annals_format::{Manifest, names, reseal};
use std::collections::BTreeMap;

/// Most edits of one input.
const EDITS_MAX: usize = 12;
/// The bit of an edit's first byte that asks for resealing what was touched.
pub(super) const RESEAL: u8 = 0x80;
/// The bit of an input's first byte that asks for the store that was killed.
pub(super) const KILLED: u8 = 2;
/// Numbers at borders.
pub(super) const NUMBERS: [u64; 8] =
    [0, 1, 64, 0xFFFF, 0xFFFF_FFFF, (1 << 48) - 1, i64::MAX as u64, u64::MAX];

/// The files of a store, by their paths.
pub(super) type Image = BTreeMap<String, Vec<u8>>;

/// The kinds of edits, in the order of their codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// One bit.
    Flip,
    /// One byte.
    Set,
    /// A stretch of up to 255 bytes, all the same.
    Fill,
    /// A number of [`NUMBERS`], of 1, 2, 4 or 8 bytes.
    Number,
    /// The file ends earlier.
    Cut,
    /// The file goes on with up to 64 KiB of one byte.
    Extend,
    /// The file is not there.
    Delete,
    /// Two files have changed places.
    Swap,
    /// A stretch of another file, or of the same one.
    Copy,
    /// The file is there a second time, under a number that nobody has given, or as what a merge has left.
    Twin,
    /// Any eight bytes; only where files are resealed.
    Bytes,
}

const EDITS: [Edit; 11] = {
    use Edit::{Bytes, Copy, Cut, Delete, Extend, Fill, Flip, Number, Set, Swap, Twin};
    [Flip, Set, Fill, Number, Cut, Extend, Delete, Swap, Copy, Twin, Bytes]
};

impl Edit {
    pub(super) fn code(self) -> u8 {
        self as u8
    }
}

/// The files that an input asks for, and whether resealing was allowed.
pub(super) fn edited(golden: &Golden, input: &[u8]) -> (Image, bool) {
    let mut feed = Feed::new(input);
    let first = feed.byte();
    let reseals = first & Mode::Resealed.byte() != 0;
    let mut image = if first & KILLED == 0 { golden.closed.clone() } else { golden.killed.clone() };
    let paths: Vec<String> = image.keys().cloned().collect();
    for _ in 0..EDITS_MAX {
        if feed.is_empty() {
            break;
        }
        let code = feed.byte();
        let path = &paths[usize::from(feed.byte()) % paths.len()];
        edit(&mut image, &paths, path, EDITS[usize::from(code & !RESEAL) % EDITS.len()], reseals, &mut feed);
        if reseals && code & RESEAL != 0 {
            reseal_file(&mut image, path);
        }
    }
    (image, reseals)
}

fn edit(image: &mut Image, paths: &[String], path: &str, edit: Edit, any: bool, feed: &mut Feed<'_>) {
    if matches!(edit, Edit::Delete | Edit::Swap | Edit::Twin | Edit::Copy) {
        return between_files(image, paths, path, edit, feed);
    }
    let Some(bytes) = image.get_mut(path) else { return };
    let at = feed.index(bytes.len());
    let put = |bytes: &mut [u8], number: u64, width: usize| {
        let end = (at + width).min(bytes.len());
        bytes[at.min(end)..end].copy_from_slice(&number.to_le_bytes()[..end - at.min(end)]);
    };
    match edit {
        Edit::Flip => {
            let flipped = bytes.get(at).unwrap_or(&0) ^ (1 << (feed.byte() % 8));
            put(bytes, flipped.into(), 1);
        }
        Edit::Set => put(bytes, feed.byte().into(), 1),
        Edit::Bytes => put(bytes, feed.number(8), if any { 8 } else { 1 }),
        Edit::Number => {
            put(bytes, NUMBERS[usize::from(feed.byte()) % NUMBERS.len()], 1 << (feed.byte() % 4));
        }
        Edit::Fill => {
            let end = (at + usize::from(feed.byte())).min(bytes.len());
            bytes[at.min(end)..end].fill(feed.byte());
        }
        Edit::Cut => bytes.truncate(at),
        _ => {
            let more = usize::try_from(feed.number(2)).unwrap_or(0);
            bytes.resize(bytes.len() + more, feed.byte());
        }
    }
}

fn between_files(image: &mut Image, paths: &[String], path: &str, edit: Edit, feed: &mut Feed<'_>) {
    let other = &paths[usize::from(feed.byte()) % paths.len()];
    match edit {
        Edit::Delete => drop(image.remove(path)),
        Edit::Twin => {
            let number = 100 + u64::from(feed.byte());
            let twin = match path.starts_with(names::INDEX_DIR) {
                true if number % 2 == 1 => names::scratch(number, 0),
                true => names::run(number),
                false => names::segment(number),
            };
            if let Some(bytes) = image.get(path).cloned() {
                image.insert(twin, bytes);
            }
        }
        Edit::Swap => {
            let (one, two) = (image.remove(path), image.remove(other));
            one.into_iter().for_each(|bytes| drop(image.insert(other.clone(), bytes)));
            two.into_iter().for_each(|bytes| drop(image.insert(path.to_owned(), bytes)));
        }
        _ => {
            let source = image.get(other).cloned().unwrap_or_default();
            let Some(bytes) = image.get_mut(path) else { return };
            let (from, to) = (feed.index(source.len()), feed.index(bytes.len()));
            let length = feed.index(1 << 14).min(source.len() - from).min(bytes.len() - to);
            bytes[to..to + length].copy_from_slice(&source[from..from + length]);
        }
    }
}

/// Makes the checksums of a file right, and those that other files have of it.
fn reseal_file(image: &mut Image, path: &str) {
    let Some(bytes) = image.get_mut(path) else { return };
    if path == names::MANIFEST {
        reseal::manifest(bytes);
    } else if path.starts_with(names::LOG_DIR) {
        if let Some(binding) = reseal::segment(bytes) {
            reseal::footer(bytes, binding);
        }
    } else if let Some(id) = path.strip_prefix("index/").and_then(names::parse_run) {
        reseal::run(bytes);
        let (length, trailer) = (bytes.len() as u64, bytes.last_chunk());
        let checksum = trailer.map_or(0, annals_format::run::RunTrailer::stored_checksum);
        let Some(mut manifest) = image.get(names::MANIFEST).and_then(|bytes| Manifest::decode(bytes).ok())
        else {
            return;
        };
        for run in manifest.runs.iter_mut().filter(|run| run.id == id) {
            (run.length, run.trailer_checksum) = (length, checksum);
        }
        image.insert(names::MANIFEST.into(), manifest.encode());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::golden::golden;

    #[test]
    fn an_input_without_edits_is_the_store_as_it_was() {
        assert_eq!(edited(golden(), &[]), (golden().closed.clone(), false));
        assert_eq!(edited(golden(), &[KILLED]), (golden().killed.clone(), false));
    }

    #[test]
    fn every_edit_changes_the_files_and_resealing_sound_files_changes_nothing() {
        let files = golden().closed.len() as u8;
        for (code, edit) in EDITS.into_iter().enumerate() {
            assert_eq!(usize::from(edit.code()), code);
            let changed = (0..files).any(|file| {
                let input = [1, edit.code(), file, 1, 9, 0, 5, 5, 200, 3, 1];
                edited(golden(), &input).0 != golden().closed
            });
            assert!(changed, "{edit:?}");
        }
        for path in golden().closed.keys() {
            let mut image = golden().closed.clone();
            reseal_file(&mut image, path);
            assert!(image[path] == golden().closed[path], "{path}");
        }
    }
}
