//! The active segment: what is staged in it, written, and set off to the disk.

use crate::output::{Durable, Output};
use crate::segment::Segment;
use crate::syncs::sync_file;
use annals_format::SEGMENT_HEADER_BYTES;
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use std::io::{self, IoSlice};
use std::sync::Arc;

/// From so many bytes on the disk is set to work before the sync is run, since there is something to be done meanwhile: the
/// caller takes the events of a group into the index. Of 311 kB that were synced 100 us after they had been written, the
/// write and the sync took 200 us so and 295 us without; of 31 kB and 15 us 125 and 150 us (ext4, 2026-11-30).
pub(crate) const WRITE_BACK_FROM: u64 = 16 << 10;

/// Without syncs the disk is set to work each time that so much was written: otherwise all of a segment would be left to the sync
/// with which the next one is begun, and the append that begins it would wait for that.
pub(crate) const WRITE_BACK_EVERY: u64 = 1 << 20;

/// The segment that is written, and how far.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) segment: Arc<Segment>,
    pub(crate) output: Output,
    pub(crate) capacity: u64,
    /// Where the frames that were written end.
    pub(crate) end: u64,
    /// Where the frames that are staged end.
    pub(crate) staged_end: u64,
    /// The segment's header, until it went out with the first frame.
    pub(crate) header: Option<[u8; SEGMENT_HEADER_BYTES]>,
    /// The durable position that the last written frame told.
    pub(crate) told: Position,
    /// Up to here the system was told to write to the disk what is written.
    pub(crate) set_off: u64,
    /// Whether anything was written since the last sync was begun, also a frame without events.
    pub(crate) unsynced: bool,
}

impl Active {
    /// A segment whose frames end at `end`.
    pub(crate) fn new(segment: Arc<Segment>, output: Output, capacity: u64, end: u64) -> Self {
        Active {
            segment,
            output,
            capacity,
            end,
            staged_end: end,
            header: None,
            told: Position::ZERO,
            set_off: end,
            unsynced: false,
        }
    }

    /// The same, with a header that goes out with the first frame.
    pub(crate) fn beginning_with(self, header: [u8; SEGMENT_HEADER_BYTES]) -> Self {
        Active { header: Some(header), ..self }
    }

    pub(crate) fn is_direct(&self) -> bool {
        matches!(self.output, Output::Direct { .. })
    }

    pub(crate) fn write<'a>(
        &mut self,
        frames: impl Iterator<Item = &'a [u8]>,
        synced: bool,
    ) -> io::Result<()> {
        if self.staged_end == self.end {
            return Ok(());
        }
        if planted(Bug::SyncBeforeWrite) {
            self.output.file().sync_data()?;
        }
        let header = self.header.take();
        let start = if header.is_some() { 0 } else { self.end };
        let mut parts: Vec<IoSlice<'_>> = header.iter().map(|header| IoSlice::new(header)).collect();
        for frame in frames {
            parts.push(IoSlice::new(frame));
        }
        self.unsynced = true;
        self.output.write(parts, start, synced)?;
        self.end = self.staged_end;
        Ok(())
    }

    /// Sets the disk to work on what is written, if that is at least so much.
    pub(crate) fn set_off(&mut self, least: u64) {
        if self.end - self.set_off >= least {
            self.output.begin_write_back(self.set_off..self.end);
            self.set_off = self.end;
        }
    }

    /// Makes everything durable that was written.
    pub(crate) fn make_durable(&self) -> io::Result<()> {
        match self.output.durable() {
            Durable::Sync(handles) => sync_file(handles.first()),
            Durable::Write(writes) => writes.write(),
        }
    }
}
