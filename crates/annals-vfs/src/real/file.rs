//! An open file of the file system.

use crate::disk::File;
use crate::mapping::Mapping;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::io::{self, IoSlice};
use std::ops::Range;
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

    #[cfg(target_os = "linux")]
    fn begin_write_back(&self, range: Range<u64>) {
        use std::os::fd::AsRawFd;
        let length = range.end.saturating_sub(range.start);
        let (Ok(start), Ok(length)) = (i64::try_from(range.start), i64::try_from(length)) else { return };
        // Not one of the flags that wait: those take an error away from the next sync of this handle, which would then
        // say that all is well.
        #[expect(unsafe_code, reason = "rustix does not have this call")]
        // SAFETY: the descriptor is open as long as the file is borrowed, and the call touches no memory of ours.
        let _ =
            unsafe { libc::sync_file_range(self.0.as_raw_fd(), start, length, libc::SYNC_FILE_RANGE_WRITE) };
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

    fn data_from(&self, offset: u64) -> io::Result<Option<u64>> {
        // The file's own place, which this moves, is used by nobody.
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        match rustix::fs::seek(&self.0, rustix::fs::SeekFrom::Data(offset)) {
            Err(Errno::NXIO) => return Ok(None),
            Ok(found) if found > offset => return Ok(Some(found)),
            // A file system that does not know has data everywhere.
            _ => {}
        }
        Ok(Some(offset))
    }

    fn no_read_ahead(&self) {
        // A hint that is not taken changes nothing.
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        let _ = rustix::fs::fadvise(&self.0, 0, None, rustix::fs::Advice::Random);
    }

    fn map(&self, length: u64) -> io::Result<Mapping> {
        Mapping::of_file(&self.0, length)
    }
}
