//! The two ways in which a live segment is written.

use crate::direct::{Direct, DirectWrites};
use crate::error::LogError;
use crate::syncs::Handles;
use crate::zeros::{SMALL, push_zeros, zeros_end};
use annals_vfs::{DIRECT_BLOCK_BYTES, Disk, File, Mapping, write_all_at};
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;

/// How a segment is written.
#[derive(Debug)]
pub(crate) enum Output {
    /// Through the system's cache, which syncs write to the disk.
    Cached(Cached),
    /// Around it. The file is for changes of its length.
    Direct { direct: Direct, file: Arc<dyn File> },
}

/// A segment that is written through the system's cache.
#[derive(Debug)]
pub(crate) struct Cached {
    handles: Handles,
    capacity: u64,
    /// Up to where anything was written by this process, frames or zeros.
    touched: u64,
}

impl Cached {
    fn write(&mut self, mut parts: Vec<IoSlice<'_>>, start: u64, synced: bool) -> io::Result<()> {
        let bytes: u64 = parts.iter().map(|part| part.len() as u64).sum();
        let mut end = start + bytes;
        if synced && end > self.touched && bytes < SMALL {
            let zeros_end = zeros_end(end, self.capacity);
            push_zeros(&mut parts, zeros_end - end);
            end = zeros_end;
        }
        write_all_at(self.handles.first(), &mut parts, start)?;
        self.touched = self.touched.max(end);
        Ok(())
    }
}

impl Output {
    /// The file itself.
    pub(crate) fn file(&self) -> &dyn File {
        match self {
            Output::Cached(cached) => cached.handles.first(),
            Output::Direct { file, .. } => &**file,
        }
    }

    /// Another size for a segment that nothing was written to, whose file has it already; and all of it, for reading.
    pub(crate) fn resize(&mut self, capacity: u64) -> io::Result<Mapping> {
        match self {
            Output::Cached(cached) => {
                cached.capacity = capacity;
                cached.handles.first().map(capacity)
            }
            Output::Direct { direct, .. } => direct.resize(capacity),
        }
    }

    /// Gives back the space behind the first `end` bytes, in which all lies that was written, and tells where it ends now: what is written in
    /// blocks keeps all of the last one. Readers have the mapping that they had.
    pub(crate) fn shrink(&mut self, end: u64, capacity: u64) -> io::Result<u64> {
        let block = if matches!(self, Output::Direct { .. }) { DIRECT_BLOCK_BYTES as u64 } else { 1 };
        let kept = end.next_multiple_of(block);
        if kept >= capacity {
            return Ok(capacity);
        }
        match self {
            Output::Cached(cached) => {
                cached.handles.first().set_len(kept)?;
                cached.capacity = kept;
            }
            Output::Direct { direct, file } => direct.writes().shrink(&**file, kept)?,
        }
        Ok(kept)
    }

    /// Writes parts, one after the other, from `start` on, where what was written before ends; `synced` says whether they are
    /// going to be made durable next.
    pub(crate) fn write(&mut self, parts: Vec<IoSlice<'_>>, start: u64, synced: bool) -> io::Result<()> {
        match self {
            Output::Cached(cached) => cached.write(parts, start, synced),
            Output::Direct { direct, .. } => {
                debug_assert_eq!(direct.end(), start);
                parts.iter().try_for_each(|part| direct.push(part))
            }
        }
    }

    /// As [`File::begin_write_back`], for what was written to the file.
    pub(crate) fn begin_write_back(&self, range: Range<u64>) {
        if let Output::Cached(cached) = self {
            cached.handles.first().begin_write_back(range);
        }
    }

    /// What makes everything durable that was written.
    pub(crate) fn durable(&self) -> Durable {
        match self {
            Output::Cached(cached) => Durable::Sync(cached.handles.clone()),
            Output::Direct { direct, .. } => Durable::Write(Arc::clone(direct.writes())),
        }
    }
}

/// What makes frames durable.
#[derive(Debug)]
pub(crate) enum Durable {
    Sync(Handles),
    Write(Arc<DirectWrites>),
}

/// Opens a segment's file for being written from `end` on, in the way that is wanted or, where that cannot be, through the
/// system's cache; and what shows readers the first `capacity` bytes.
pub(crate) fn open_output(
    disk: &dyn Disk,
    name: &str,
    file: Arc<dyn File>,
    (end, capacity): (u64, u64),
    direct: bool,
) -> Result<(Output, Mapping), LogError> {
    if direct && let Some(direct) = Direct::open(disk, name, &*file, capacity, end)? {
        let mapping = direct.map().map_err(LogError::io(format!("map {name}")))?;
        return Ok((Output::Direct { direct, file }, mapping));
    }
    let mapping = file.map(capacity).map_err(LogError::io(format!("map {name}")))?;
    let handles = Handles::open(disk, name, file);
    Ok((Output::Cached(Cached { handles, capacity, touched: end }), mapping))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zeros::AHEAD;
    use annals_vfs::MemoryDisk;

    const CAPACITY: u64 = 1 << 20;

    fn cached() -> (Arc<dyn File>, Cached) {
        let disk = MemoryDisk::new();
        let file = disk.create("segment").unwrap();
        file.preallocate(CAPACITY).unwrap();
        let handles = Handles::open(&disk, "segment", Arc::clone(&file));
        (file, Cached { handles, capacity: CAPACITY, touched: 0 })
    }

    /// Writes so many bytes, and says up to where the file was touched.
    fn write(cached: &mut Cached, bytes: usize, start: u64, synced: bool) -> u64 {
        let bytes = vec![7; bytes];
        cached.write(vec![IoSlice::new(&bytes)], start, synced).unwrap();
        cached.touched
    }

    #[test]
    fn a_small_group_that_comes_to_new_space_takes_some_along_and_those_behind_it_find_it() {
        let (file, mut cached) = cached();
        assert_eq!(write(&mut cached, 4096, 0, true), 4096 + AHEAD);
        let mut start = 4096;
        while start + 5000 <= 4096 + AHEAD {
            assert_eq!(write(&mut cached, 5000, start, true), 4096 + AHEAD);
            start += 5000;
        }
        assert_eq!(write(&mut cached, 5000, start, true), zeros_end(start + 5000, CAPACITY));
        // Zeros are behind the frames only.
        let mut bytes = vec![0; usize::try_from(CAPACITY).unwrap()];
        annals_vfs::read_exact_at(&*file, &mut bytes, 0).unwrap();
        let end = usize::try_from(start + 5000).unwrap();
        assert!(bytes[..end].iter().all(|byte| *byte == 7) && bytes[end..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn large_groups_and_those_that_are_not_synced_take_nothing_along() {
        let (_, mut cached) = cached();
        assert_eq!(write(&mut cached, 100, 0, false), 100);
        let large = usize::try_from(SMALL).unwrap();
        assert_eq!(write(&mut cached, large, 100, true), 100 + SMALL);
    }

    #[test]
    fn nothing_is_written_behind_the_segment() {
        let (file, mut cached) = cached();
        assert_eq!(write(&mut cached, 100, CAPACITY - 100, true), CAPACITY);
        assert_eq!(write(&mut cached, 100, CAPACITY - 5000, true), CAPACITY);
        assert_eq!(file.length().unwrap(), CAPACITY);
    }
}
