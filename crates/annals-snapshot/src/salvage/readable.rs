//! A file of a disk that may not be able to read all of it.

use annals_vfs::sync::Mutex;
use annals_vfs::{File, Mapping};
use std::io::{self, IoSlice};
use std::sync::Arc;

/// How much is given up where the disk cannot read.
const PAGE: u64 = 4096;

/// Shows zeros in the place of pages that cannot be read, so that what lies behind them is found.
#[derive(Debug)]
pub(super) struct Readable {
    file: Arc<dyn File>,
    length: u64,
    unreadable: Mutex<Option<(u64, io::Error)>>,
}

impl Readable {
    pub(super) fn new(file: Arc<dyn File>) -> io::Result<Self> {
        let length = file.length()?;
        Ok(Readable { file, length, unreadable: Mutex::new(None) })
    }

    /// The first place so far that could not be read, and what the system said; told once.
    pub(super) fn take_unreadable(&self) -> Option<(u64, io::Error)> {
        self.unreadable.lock().take()
    }

    /// Reads no further than to the end of a page.
    fn read_page(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let most = (PAGE - offset % PAGE).min(self.length.saturating_sub(offset));
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(buffer.len());
        let page = &mut buffer[..length];
        match self.file.read_at(page, offset) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                page.fill(0);
                self.unreadable.lock().get_or_insert((offset, error));
                Ok(length)
            }
            read => read,
        }
    }
}

impl File for Readable {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.file.read_at(buffer, offset) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => self.read_page(buffer, offset),
            read => read,
        }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.length)
    }

    /// A page that cannot be read would end the process.
    fn map(&self, length: u64) -> io::Result<Mapping> {
        match &*self.unreadable.lock() {
            None => self.file.map(length),
            Some((_, error)) => Err(error.kind().into()),
        }
    }

    fn write_at(&self, _parts: &[IoSlice<'_>], _offset: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn set_len(&self, _length: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn preallocate(&self, _length: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
