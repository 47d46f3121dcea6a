//! The kinds of damage, each done to an image of a store.

use super::bytes::{block, flip, overwrite, places_or, rubbish};
use super::fields::{VALUES, fields};
use super::layout::{Layout, manifest};
use super::specimen::{Image, Specimen};
use crate::dice::Dice;
use annals_format::names;

/// A kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One bit is another one.
    Flip,
    /// A block of zeros, ones, or rubbish.
    Block,
    /// A block of this file or another one in the wrong place: a misdirected or lost write.
    Misdirected,
    /// A whole frame in the place of another one, or behind the last one.
    Frame,
    /// A whole record in the place of another one.
    Record,
    /// The file is cut.
    Cut,
    /// The file is longer.
    Extend,
    /// The file is gone.
    Delete,
    /// The file is empty.
    Empty,
    /// The file is there under another name as well.
    Duplicate,
    /// The file and another one have changed their names.
    Swap,
    /// The file as it was earlier, or a file of another store.
    Older,
    /// What should not be there: an unfinished manifest, files without a name in the manifest.
    Leftover,
    /// A number in it is absurd, and the checksums are right.
    Field,
    /// The whole directory as it was earlier, with or without the manifest of now.
    WholeOlder,
}

impl Kind {
    /// All that are done to one file.
    pub(super) const OF_FILES: [Kind; 14] = [
        Kind::Flip,
        Kind::Block,
        Kind::Misdirected,
        Kind::Frame,
        Kind::Record,
        Kind::Cut,
        Kind::Extend,
        Kind::Delete,
        Kind::Empty,
        Kind::Duplicate,
        Kind::Swap,
        Kind::Older,
        Kind::Leftover,
        Kind::Field,
    ];
}

/// What damage is chosen from.
pub(super) struct Source<'a> {
    pub(super) specimen: &'a Specimen,
    /// A store with files of the same names.
    pub(super) foreign: &'a Image,
    pub(super) foreign_layout: &'a Layout,
}

/// An image, and what has been done to it.
pub(super) struct Damaged {
    pub(super) image: Image,
    pub(super) what: Vec<String>,
    /// Whether checksums were made right again: then the store cannot know what was written.
    pub(super) resealed: bool,
    /// Whether sound bytes stand in a place that is not theirs.
    pub(super) misplaced: bool,
    /// Of which earlier moment it is, if it was a store in good order before anything else was done to it.
    pub(super) earlier: Option<usize>,
}

const BLOCKS: [usize; 2] = [512, 4096];
const EXTENSIONS: [usize; 8] = [1, 7, 8, 48, 512, 4096, 16 << 10, 100_000];

impl Source<'_> {
    /// How many damages of a kind there are for a file, before they repeat; those that dice decide repeat late.
    pub(super) fn count(&self, kind: Kind, file: &str) -> u64 {
        let length = self.specimen.image.get(file).map_or(0, Vec::len) as u64;
        match kind {
            Kind::Flip => length * 8,
            Kind::Block => 3 * (length.div_ceil(512) + length.div_ceil(4096)),
            Kind::Cut => length,
            Kind::Extend => 4 * EXTENSIONS.len() as u64,
            Kind::Delete | Kind::Empty => 1,
            Kind::Duplicate => 4,
            Kind::Swap => (self.specimen.image.len() as u64).saturating_sub(1),
            Kind::Older => self.specimen.older.len() as u64 + 1,
            Kind::Leftover => 16,
            Kind::Field => (fields(&self.specimen.image, &self.specimen.layout, file).len() * VALUES) as u64,
            Kind::WholeOlder => 2 * self.specimen.older.len() as u64,
            Kind::Misdirected => 8 * length.div_ceil(512),
            Kind::Frame | Kind::Record => {
                let frames = self.specimen.layout.frames.iter().filter(|frame| frame.file == file).count();
                8 * frames as u64
            }
        }
    }

    /// Does the `item`-th damage of a kind to a file.
    pub(super) fn damage(&self, to: &mut Damaged, kind: Kind, file: &str, item: u64, dice: &mut Dice) {
        let at = usize::try_from(item).unwrap_or(0);
        let Some(mut bytes) = to.image.get(file).cloned() else { return };
        to.misplaced |= matches!(kind, Kind::Misdirected | Kind::Frame | Kind::Record);
        let what = match kind {
            Kind::Flip => flip(&mut bytes, at),
            Kind::Block => block(&mut bytes, at, dice),
            Kind::Misdirected => self.misdirected(&mut bytes, at, dice),
            Kind::Frame => self.frame(&mut bytes, file, dice),
            Kind::Record => self.record(&mut bytes, file, dice),
            Kind::Cut => self.cut(&mut bytes, file, at, dice),
            Kind::Extend => self.extend(&mut bytes, file, at, dice),
            Kind::Empty => {
                bytes.clear();
                Some("emptied".into())
            }
            Kind::Field => return self.field(to, file, at),
            _ => return self.whole_files(to, kind, file, at, dice),
        };
        if let Some(what) = what {
            to.what.push(format!("{file}: {what}"));
            to.image.insert(file.into(), bytes);
        }
    }

    fn misdirected(&self, bytes: &mut Vec<u8>, item: usize, dice: &mut Dice) -> Option<String> {
        let size = BLOCKS[item % 2];
        let to = dice.index(bytes.len().div_ceil(size).max(1)) * size;
        let images: Vec<&Image> =
            [&self.specimen.image, self.foreign].into_iter().chain(&self.specimen.older).collect();
        let image = if dice.one_in(2) { images[0] } else { dice.one_of(&images) };
        let files: Vec<_> = image.iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
        if files.is_empty() {
            return None;
        }
        let (name, from) = *dice.one_of(&files);
        let start = dice.index(from.len().div_ceil(size)) * size;
        let block = &from[start..from.len().min(start + size)];
        overwrite(bytes, to, block, false);
        Some(format!("block at {to} is that of {name} at {start}, {size} bytes"))
    }

    fn frame(&self, bytes: &mut Vec<u8>, file: &str, dice: &mut Dice) -> Option<String> {
        let own: Vec<_> = self.specimen.layout.frames.iter().filter(|frame| frame.file == file).collect();
        let target = *own.get(dice.index(own.len().max(1)))?;
        let foreign = dice.one_in(4);
        let (image, layout) = match foreign {
            true => (self.foreign, self.foreign_layout),
            false => (&self.specimen.image, &self.specimen.layout),
        };
        let from = layout.frames.get(dice.index(layout.frames.len().max(1)))?;
        let frame = image.get(&from.file)?.get(from.bytes.clone())?;
        // Over another one, or behind it: where the next one begins, or would.
        let to = if dice.one_in(2) { target.bytes.start } else { target.bytes.end };
        overwrite(bytes, to, frame, dice.one_in(2));
        Some(format!(
            "frame of {} at {} now at {to}, of another store: {foreign}",
            from.file, from.bytes.start
        ))
    }

    fn record(&self, bytes: &mut Vec<u8>, file: &str, dice: &mut Dice) -> Option<String> {
        let of = |file: Option<&str>| -> Vec<_> {
            let frames =
                self.specimen.layout.frames.iter().filter(|frame| file.is_none_or(|file| frame.file == file));
            frames.flat_map(|frame| frame.records.iter().map(|range| (&frame.file, range.clone()))).collect()
        };
        let (own, all) = (of(Some(file)), of(None));
        let (_, target) = own.get(dice.index(own.len().max(1)))?;
        let (from, range) = all.get(dice.index(all.len().max(1)))?;
        let record = self.specimen.image.get(*from)?.get(range.clone())?;
        overwrite(bytes, target.start, record, false);
        Some(format!("record at {} of {from} now at {}", range.start, target.start))
    }

    fn cut(&self, bytes: &mut Vec<u8>, file: &str, item: usize, dice: &mut Dice) -> Option<String> {
        // One half at the places that mean something, the other half at every length.
        let frames = self.specimen.layout.frames.iter().filter(|frame| frame.file == file);
        let mut places: Vec<usize> = frames.flat_map(|frame| [frame.bytes.start, frame.bytes.end]).collect();
        places.extend((0..bytes.len()).step_by(4096));
        let near = *dice.one_of(&places_or(places, bytes.len()));
        let length = match item % 2 {
            0 => near.saturating_add(dice.index(3)).saturating_sub(1),
            _ => item,
        };
        if length >= bytes.len() {
            return None;
        }
        bytes.truncate(length);
        Some(format!("cut to {length} bytes"))
    }

    fn extend(&self, bytes: &mut Vec<u8>, file: &str, item: usize, dice: &mut Dice) -> Option<String> {
        let more = EXTENSIONS[item / 4 % EXTENSIONS.len()];
        let what = ["zeros", "rubbish", "frames of another store", "its own frames again"][item % 4];
        let foreign = self.foreign.iter().find(|(name, _)| name.starts_with(names::LOG_DIR));
        let mut tail = match item % 4 {
            0 => vec![0; more],
            1 => rubbish(more, dice),
            2 => foreign?.1.get(64..)?.to_vec(),
            _ => self.specimen.image.get(file)?.get(64..)?.to_vec(),
        };
        tail.truncate(more);
        bytes.extend(tail);
        Some(format!("{more} bytes of {what} behind the end"))
    }

    fn field(&self, to: &mut Damaged, file: &str, item: usize) {
        let fields = fields(&self.specimen.image, &self.specimen.layout, file);
        let (Some(field), Some(bytes)) =
            (fields.get(item / VALUES % fields.len().max(1)), to.image.get_mut(file))
        else {
            return;
        };
        let Some(value) = field.set(bytes, item % VALUES) else { return };
        field.seal.close(&mut to.image, file);
        to.resealed = true;
        to.what
            .push(format!("{file}: the {} bytes at {} say {value:#x}, sealed again", field.width, field.at));
    }

    fn whole_files(&self, to: &mut Damaged, kind: Kind, file: &str, item: usize, dice: &mut Dice) {
        let Some(bytes) = to.image.get(file).cloned() else { return };
        let next = manifest(&to.image).map_or(9, |manifest| manifest.next_file_id);
        let number = [next, next + 7, 1, dice.below(next.max(1))][item % 4];
        match kind {
            Kind::Delete => {
                to.image.remove(file);
                to.what.push(format!("{file} is gone"));
            }
            Kind::Duplicate => {
                let twin = if file.starts_with(names::INDEX_DIR) {
                    names::run(number)
                } else {
                    names::segment(number)
                };
                to.image.insert(twin.clone(), bytes);
                to.what.push(format!("{file} is also {twin}"));
            }
            Kind::Swap => {
                let others: Vec<String> = to.image.keys().filter(|name| *name != file).cloned().collect();
                let Some(other) = others.get(item % others.len().max(1)) else { return };
                if let Some(theirs) = to.image.insert(other.clone(), bytes) {
                    to.image.insert(file.into(), theirs);
                }
                to.what.push(format!("{file} and {other} have changed places"));
            }
            Kind::Older => {
                let images: Vec<&Image> = self.specimen.older.iter().chain([self.foreign]).collect();
                let Some(older) = images[item % images.len()].get(file) else { return };
                to.image.insert(file.into(), older.clone());
                let whose =
                    if item % images.len() == images.len() - 1 { "of another store" } else { "as it was" };
                to.what.push(format!("{file} {whose} ({})", item % images.len()));
            }
            Kind::WholeOlder => {
                let Some(older) = self.specimen.older.get(item % self.specimen.older.len().max(1)) else {
                    return;
                };
                to.image = older.clone();
                to.earlier = (item < self.specimen.older.len()).then_some(item);
                to.what.push(format!("all files as they were at moment {item}"));
                // The manifest of now knows of events that were not there then.
                if let (None, Some(manifest)) = (to.earlier, self.specimen.image.get(names::MANIFEST)) {
                    to.image.insert(names::MANIFEST.into(), manifest.clone());
                    to.what.push("but for the manifest".into());
                }
            }
            _ => self.leftover(to, item, next, dice),
        }
    }

    fn leftover(&self, to: &mut Damaged, item: usize, next: u64, dice: &mut Dice) {
        let older = self.specimen.older.iter().find_map(|image| image.get(names::MANIFEST));
        let foreign = || self.foreign.get(names::MANIFEST).cloned().unwrap_or_default();
        let (name, bytes) = match item % 8 {
            0 => (names::MANIFEST_TEMPORARY.into(), older.cloned().unwrap_or_default()),
            1 => (names::MANIFEST_TEMPORARY.into(), rubbish(300, dice)),
            2 => (names::MANIFEST_TEMPORARY.into(), foreign()),
            3 => (names::segment(next), vec![0; 16 << 10]),
            4 => (names::run(next), rubbish(5_000, dice)),
            5 => (names::segment(u64::MAX), vec![7; item / 8 * 100]),
            6 => (format!("{}/notes.txt", names::LOG_DIR), b"not from here".to_vec()),
            _ => (format!("{}/{}", names::SNAPSHOT_DIR, "1.snap"), rubbish(100, dice)),
        };
        to.what.push(format!("{name} is there, {} bytes", bytes.len()));
        to.image.insert(name, bytes);
    }
}
