//! Files of the file system that are written around its cache.

use super::RealDisk;
use crate::disk::DirectFile;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// An open file that the system writes around its cache, opened so that each write is durable when it returns.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct RealDirectFile(std::fs::File);

#[cfg(target_os = "linux")]
impl DirectFile for RealDirectFile {
    fn write_durably_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pwritev(&self.0, parts, offset)?)
    }
}

/// Opens a plain file that exists; `None` where there is no such way.
#[cfg(target_os = "linux")]
pub(super) fn open(disk: &RealDisk, path: &str) -> io::Result<Option<Arc<dyn DirectFile>>> {
    use rustix::fs::OFlags;
    // What rustix calls DSYNC is O_SYNC, which makes the time of the write durable as well: a change of the file system's own
    // tables for each.
    let synced = OFlags::from_bits_retain(u32::try_from(libc::O_DSYNC).unwrap_or(0));
    match disk.file(path, OFlags::RDWR | OFlags::DIRECT | synced) {
        Ok(file) if takes_blocks(&file) => Ok(Some(Arc::new(RealDirectFile(file)))),
        Ok(_) => Ok(None),
        // What a file system says that has no such way.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the file system takes blocks of our size. One that cannot tell is believed: what cannot be written so is refused
/// by the first write, and what is written through the cache all the same is durable when the write returns.
#[cfg(target_os = "linux")]
fn takes_blocks(file: &std::fs::File) -> bool {
    use crate::disk::DIRECT_BLOCK_BYTES;
    use rustix::fs::{AtFlags, StatxFlags};
    let block = u32::try_from(DIRECT_BLOCK_BYTES).unwrap_or(0);
    match rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN) {
        Ok(told) if told.stx_mask & StatxFlags::DIOALIGN.bits() != 0 => {
            [told.stx_dio_mem_align, told.stx_dio_offset_align]
                .into_iter()
                .all(|align| align != 0 && block.is_multiple_of(align))
        }
        _ => true,
    }
}

/// Other systems have other ways, of which none was tried.
#[cfg(not(target_os = "linux"))]
pub(super) fn open(_disk: &RealDisk, _path: &str) -> io::Result<Option<Arc<dyn DirectFile>>> {
    Ok(None)
}
