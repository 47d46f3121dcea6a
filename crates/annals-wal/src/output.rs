//! The two ways in which a live segment is written.

use crate::direct::{Direct, DirectWrites};
use crate::error::LogError;
use crate::syncs::Handles;
use annals_vfs::{Disk, File, Mapping, write_all_at};
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;

/// How a segment is written.
#[derive(Debug)]
pub(crate) enum Output {
    /// Through the system's cache, which syncs write to the disk.
    Cached(Handles),
    /// Around it. The file is for changes of its length.
    Direct { direct: Direct, file: Arc<dyn File> },
}

impl Output {
    /// The file itself.
    pub(crate) fn file(&self) -> &dyn File {
        match self {
            Output::Cached(handles) => handles.first(),
            Output::Direct { file, .. } => &**file,
        }
    }

    /// Writes parts, one after the other, from `start` on, where what was written before ends.
    pub(crate) fn write(&mut self, parts: &mut [IoSlice<'_>], start: u64) -> io::Result<()> {
        match self {
            Output::Cached(handles) => write_all_at(handles.first(), parts, start),
            Output::Direct { direct, .. } => {
                debug_assert_eq!(direct.end(), start);
                parts.iter().try_for_each(|part| direct.push(part))
            }
        }
    }

    /// As [`File::begin_write_back`], for what was written to the file.
    pub(crate) fn begin_write_back(&self, range: Range<u64>) {
        if let Output::Cached(handles) = self {
            handles.first().begin_write_back(range);
        }
    }

    /// What makes everything durable that was written.
    pub(crate) fn durable(&self) -> Durable {
        match self {
            Output::Cached(handles) => Durable::Sync(handles.clone()),
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
    Ok((Output::Cached(Handles::open(disk, name, file)), mapping))
}
