//! Files of another directory, taken without copying their bytes.

use super::{Disk, OFlags, RealDisk};
use crate::disk::{Taken, split};
use rustix::fs::AtFlags;
use rustix::io::Errno;
use std::io;

pub(super) fn take(
    disk: &RealDisk,
    from: &dyn Disk,
    source: &str,
    to: &str,
    link: bool,
) -> io::Result<Option<Taken>> {
    let Some(other) = from.backing().and_then(|backing| backing.downcast_ref::<RealDisk>()) else {
        return Ok(None);
    };
    // Opened first: only a plain file is taken, and one that is not there is told apart from a name that is taken.
    let file = other.file(source, OFlags::RDONLY)?;
    if link && link_to(disk, other, source, to)? {
        return Ok(Some(Taken::Linked));
    }
    Ok(clone(disk, &file, to)?.then_some(Taken::Cloned))
}

fn link_to(disk: &RealDisk, other: &RealDisk, source: &str, to: &str) -> io::Result<bool> {
    let ((from, old), (directory, new)) = (split(source)?, split(to)?);
    let (from, directory) = (other.directory(from)?, disk.directory(directory)?);
    match rustix::fs::linkat(&from, old, &directory, new, AtFlags::empty()) {
        Ok(()) => Ok(true),
        // Another file system, one without links, a file with too many of them, or one of another user.
        Err(Errno::XDEV | Errno::PERM | Errno::ACCESS | Errno::MLINK | Errno::NOSYS | Errno::OPNOTSUPP) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(target_os = "linux")]
fn clone(disk: &RealDisk, file: &std::fs::File, to: &str) -> io::Result<bool> {
    let cloned = disk.file(to, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)?;
    // Whatever the reason is, the caller copies the bytes, and meets it again if it is a fault of the disk.
    if rustix::fs::ioctl_ficlone(&cloned, file).is_ok() {
        cloned.sync_data()?;
        return Ok(true);
    }
    disk.remove(to)?;
    Ok(false)
}

#[cfg(not(target_os = "linux"))]
fn clone(_disk: &RealDisk, _file: &std::fs::File, _to: &str) -> io::Result<bool> {
    Ok(false)
}
