//! A sealed segment: its file, mapped when it is first read, and its offsets, from the footer or from the frames.

use super::positions::Numbers;
use super::tables::Tables;
use super::{Ahead, Body, Segment};
use crate::error::LogError;
use crate::scan::{Step, scan_mapped};
use annals_format::{Damage, RECORD_HEADER_BYTES, SealedSegment, Stretch};
use annals_types::Position;
use annals_vfs::sync::OnceLock;
use annals_vfs::sync::atomic::{AtomicBool, Ordering};
use annals_vfs::{Access, Disk, Mapping};
use std::sync::Arc;

/// A sealed segment, mapped when it is first read.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) entry: SealedSegment,
    /// Whether the file goes when nobody reads it any more.
    retired: AtomicBool,
    disk: Arc<dyn Disk>,
    pub(super) loaded: OnceLock<Loaded>,
    pub(super) rebuilt: OnceLock<Rebuilt>,
}

/// What the footer would say of records, found in the frames.
#[derive(Debug, Default)]
pub(super) struct Rebuilt {
    /// Where records begin: by the number of the record, 0 where none was found. Where positions are missing and the footer does
    /// not tell which ones, only those have a number that were found.
    pub(super) offsets: Box<[u32]>,
    /// In that case: which positions were found.
    pub(super) stretches: Box<[Stretch]>,
}

impl Rebuilt {
    pub(super) fn offset(&self, record: u64) -> Option<u32> {
        let offset = self.offsets.get(usize::try_from(record).ok()?);
        offset.copied().filter(|offset| *offset != 0)
    }
}

#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) mapping: Mapping,
    /// `None` if the footer is damaged; the offsets are then found by walking the frames.
    pub(super) tables: Option<Tables>,
}

impl Sealed {
    pub(super) fn new(entry: SealedSegment, disk: Arc<dyn Disk>) -> Self {
        Sealed {
            entry,
            retired: AtomicBool::new(false),
            disk,
            loaded: OnceLock::new(),
            rebuilt: OnceLock::new(),
        }
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        if self.retired.load(Ordering::Acquire) {
            // What stays is only rubbish; it is removed when the store is opened the next time.
            let _ = self.disk.remove(&self.entry.path());
        }
    }
}

impl Segment {
    /// Has the file of a sealed segment removed once nobody holds the segment any more. No manifest may name it from now on.
    pub fn retire(&self) {
        if let Body::Sealed(sealed) = &self.body {
            sealed.retired.store(true, Ordering::Release);
        }
    }

    #[inline]
    pub(super) fn loaded<'a>(&'a self, sealed: &'a Sealed) -> Result<&'a Loaded, LogError> {
        if let Some(loaded) = sealed.loaded.get() {
            return Ok(loaded);
        }
        self.load(sealed)
    }

    #[cold]
    fn load<'a>(&'a self, sealed: &'a Sealed) -> Result<&'a Loaded, LogError> {
        let file = sealed
            .disk
            .open(&self.path, Access::Read)
            .map_err(LogError::io(format!("open {}", self.path)))?;
        let length = file.length().map_err(LogError::io(format!("look at {}", self.path)))?;
        // Longer it may be: the cut behind the footer is lost if the sync that should have made it durable failed
        // and a later one, which then had nothing to write, did not.
        let wanted = sealed.entry.length;
        if length < wanted {
            let damage = Damage::new(length, "length of a sealed segment", length, wanted);
            return Err(LogError::corrupt(&self.path, damage));
        }
        // The mapping keeps the contents; the descriptor is given back, so that a store of a thousand
        // segments does not need a thousand of them.
        let mapping = file.map(wanted).map_err(LogError::io(format!("map {}", self.path)))?;
        let tables = Tables::read(&mapping, self.binding, &sealed.entry);
        Ok(sealed.loaded.get_or_init(|| Loaded { mapping, tables }))
    }

    /// The offset of a record by the footer, if that is there and tells.
    #[inline]
    pub(super) fn footer_offset(&self, index: u64) -> Result<Option<u32>, LogError> {
        let Body::Sealed(sealed) = &self.body else { return Ok(None) };
        let loaded = self.loaded(sealed)?;
        Ok(loaded.tables.as_ref().and_then(|tables| tables.offset(&loaded.mapping, index)))
    }

    pub(super) fn footer_is_sound(&self) -> Result<bool, LogError> {
        let Body::Sealed(sealed) = &self.body else { return Ok(true) };
        let loaded = self.loaded(sealed)?;
        Ok(loaded.tables.as_ref().is_some_and(|tables| tables.all_sound(&loaded.mapping)))
    }

    /// Finds every record by walking the frames, over damage where there is some. Bounded by the segment.
    #[cold]
    pub(super) fn rebuild(&self) -> Result<&Rebuilt, LogError> {
        let Body::Sealed(sealed) = &self.body else { return Err(self.unreadable(self.first_position)) };
        if let Some(rebuilt) = sealed.rebuilt.get() {
            return Ok(rebuilt);
        }
        let (entry, loaded) = (&sealed.entry, self.loaded(sealed)?);
        let frames = usize::try_from(entry.frames_end).unwrap_or(usize::MAX);
        let bytes = self.mapped()?;
        let bytes = bytes.get(..frames).unwrap_or(bytes);
        let mut ahead = Ahead::new(&loaded.mapping, bytes.len() as u64);
        ahead.reach(0);
        let mut found = Found {
            segment: self,
            numbers: if self.whole { None } else { self.numbers_of_footer(sealed, loaded) },
            most: usize::try_from(entry.count).unwrap_or(usize::MAX).min(bytes.len() / RECORD_HEADER_BYTES),
            offsets: Vec::new(),
            stretches: Vec::new(),
        };
        scan_mapped(bytes, self.binding, |step| {
            if let Step::Record { offset, event } = step {
                ahead.reach(offset);
                found.push(event.position, u32::try_from(offset).unwrap_or(0));
            }
        });
        let Found { offsets, stretches, .. } = found;
        Ok(sealed.rebuilt.get_or_init(|| Rebuilt { offsets: offsets.into(), stretches: stretches.into() }))
    }
}

/// Records as they are found. Grows with these, not with what the manifest claims.
struct Found<'s> {
    segment: &'s Segment,
    /// Which record is which, if positions are missing and the footer tells.
    numbers: Option<Numbers<'s>>,
    most: usize,
    offsets: Vec<u32>,
    stretches: Vec<Stretch>,
}

impl Found<'_> {
    fn push(&mut self, position: Position, offset: u32) {
        if position < self.segment.first_position {
            return;
        }
        let distance = self.segment.distance(position);
        match self.numbers {
            Some(numbers) => {
                if let Ok(record) = numbers.find(distance) {
                    self.put(record, offset);
                }
            }
            None if self.segment.whole => self.put(distance, offset),
            None => self.push_next(distance, offset),
        }
    }

    fn put(&mut self, record: u64, offset: u32) {
        if let Ok(index) = usize::try_from(record)
            && index < self.most
        {
            if index >= self.offsets.len() {
                self.offsets.resize(index + 1, 0);
            }
            self.offsets[index] = offset;
        }
    }

    /// Gives the number that comes next, where nothing else tells which one it is.
    fn push_next(&mut self, distance: u64, offset: u32) {
        let (Ok(position), Ok(record)) = (u32::try_from(distance), u32::try_from(self.offsets.len())) else {
            return;
        };
        let next = self.stretches.last().map(|last| last.position.saturating_add(record - last.record));
        // Behind damage something may be found that lies within what was found before.
        if self.offsets.len() >= self.most || next.is_some_and(|next| position < next) {
            return;
        }
        if next != Some(position) {
            self.stretches.push(Stretch { position, record });
        }
        self.offsets.push(offset);
    }
}
