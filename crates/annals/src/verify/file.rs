//! Files as `verify` reads them: what the system says against one of them is a finding, and the others are read.

use super::Verification;
use annals_vfs::{Access, Disk, File};
use annals_wal::Window;
use std::io;
use std::sync::Arc;

/// How much is read at once where the bytes are not looked at.
const STEP: usize = 1 << 20;

/// Opens a file that has to be there.
pub(super) fn open(disk: &dyn Disk, name: &str, found: &mut Verification) -> Option<Arc<dyn File>> {
    match disk.open(name, Access::Read) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            found.finding(name, None, "the file is not there");
            None
        }
        Err(error) => {
            found.refused(name, None, "open", &error);
            None
        }
    }
}

/// A window that shows zeros where the disk cannot read; see [`unreadable`].
pub(super) fn window<'f>(file: &'f dyn File, name: &str, found: &mut Verification) -> Option<Window<'f>> {
    Window::tolerant(file).map_err(|error| found.refused(name, None, "look at", &error)).ok()
}

/// So many bytes from `offset` on, or as many as there are.
pub(super) fn bytes<'w>(window: &'w mut Window<'_>, offset: u64, count: usize) -> &'w [u8] {
    let bytes = window.at(offset, count).unwrap_or_default();
    &bytes[..bytes.len().min(count)]
}

/// Says where the disk could not read, if there was such a place.
pub(super) fn unreadable(window: &Window<'_>, name: &str, found: &mut Verification) {
    if let Some((offset, error)) = window.unreadable() {
        found.refused(name, Some(*offset), "read", error);
    }
}

/// Whether the disk gives every byte of a file. One that is mapped without having been read could end the process.
pub(super) fn is_readable(file: &dyn File, name: &str, found: &mut Verification) -> bool {
    let Some(mut window) = window(file, name, found) else { return false };
    let mut at = 0;
    while at < window.file_length() && window.unreadable().is_none() {
        let read = window.at(at, STEP).map_or(0, <[u8]>::len);
        if read == 0 {
            break;
        }
        at += read as u64;
    }
    unreadable(&window, name, found);
    window.unreadable().is_none()
}
