//! An open file of the file system.

use crate::disk::File;
use crate::mapping::Mapping;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;

#[derive(Debug)]
pub(super) struct RealFile(pub(super) std::fs::File);

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pwritev(&self.0, parts, offset)?)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        if length == 0 {
            return Ok(());
        }
        let reserved =
            rustix::io::retry_on_intr(|| rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, length));
        match reserved {
            // The two are the same number on some systems and not on others.
            Err(error) if error == Errno::OPNOTSUPP || error == Errno::NOTSUP || error == Errno::NOSYS => {
                if self.length()? < length {
                    self.set_len(length)
                } else {
                    Ok(())
                }
            }
            other => Ok(other?),
        }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn map(&self, length: u64) -> io::Result<Mapping> {
        Mapping::of_file(&self.0, length)
    }
}
