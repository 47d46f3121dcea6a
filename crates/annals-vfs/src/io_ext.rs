//! Loops around positioned input and output, and the one way to replace a file.

use crate::disk::{DIRECT_BLOCK_BYTES, DirectFile, Disk, File};
use annals_types::planted::{Bug, planted};
use rustix::io::Errno;
use std::io::{self, IoSlice};

/// Most parts that one system call takes (`IOV_MAX` of Linux).
const PARTS_MAX: usize = 1024;

/// Reads until the buffer is full or the file ends; says how many bytes there were.
///
/// # Errors
/// What the disk says; `Interrupted` is retried.
pub fn read_up_to(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(taken) if planted(Bug::ShortReadTakenForWhole) => return Ok(done + taken),
            Ok(taken) => done += taken,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Whether an error says that the process or the system has no more files or memory to give, which says nothing of the file
/// that was asked for.
#[must_use]
pub fn is_shortage(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
}

/// Reads exactly as many bytes as the buffer has.
///
/// # Errors
/// `UnexpectedEof` if the file ends before, otherwise what the disk says; `Interrupted` is retried.
pub fn read_exact_at(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    if read_up_to(file, buffer, offset)? < buffer.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// Writes all the parts, one after the other, from `offset` on: one call where the system takes it as one.
///
/// # Errors
/// What the disk says, then an unknown part of the bytes is written; `Interrupted` and short writes are
/// continued, a write that takes nothing is `WriteZero`.
pub fn write_all_at(file: &dyn File, mut parts: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.write_at(&parts[..parts.len().min(PARTS_MAX)], offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(_) if planted(Bug::ShortWriteTakenForWhole) => break,
            Ok(taken) => {
                offset += taken as u64;
                IoSlice::advance_slices(&mut parts, taken);
            }
            Err(error) if planted(Bug::InterruptionTakenForFailure) => return Err(error),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all the parts, of whole blocks, around the system's cache; all of them are durable when it returns.
///
/// # Errors
/// As [`write_all_at`]; then nothing is known of the bytes of the range.
pub fn write_all_durably_at(
    file: &dyn DirectFile,
    mut parts: &mut [IoSlice<'_>],
    mut offset: u64,
) -> io::Result<()> {
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.write_durably_at(&parts[..parts.len().min(PARTS_MAX)], offset) {
            Ok(taken) => {
                // What is left of a block is written again, whole.
                let taken = taken - taken % DIRECT_BLOCK_BYTES;
                if taken == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                offset += taken as u64;
                IoSlice::advance_slices(&mut parts, taken);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Replaces the file `name` in the root by one with these bytes: written under `<name>.tmp`, synced,
/// renamed, directory synced. After a crash the old or the new file is there, never a mixture.
///
/// # Errors
/// What the disk says. The old file may or may not have been replaced by then.
pub fn replace_file(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let in_place = planted(Bug::ManifestWrittenInPlace);
    let temporary = if in_place { name.into() } else { format!("{name}.tmp") };
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&temporary)?;
    write_all_at(&*file, &mut [IoSlice::new(bytes)], 0)?;
    if planted(Bug::ManifestRenamedBeforeSync) {
        disk.rename(&temporary, name)?;
        file.sync_data()?;
        return disk.sync_dir("");
    }
    if !planted(Bug::ManifestNotSynced) {
        file.sync_data()?;
    }
    disk.rename(&temporary, name)?;
    if planted(Bug::ManifestNameNotSynced) { Ok(()) } else { disk.sync_dir("") }
}

/// The bytes of all parts, one after the other.
pub(crate) fn joined(parts: &[IoSlice<'_>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
    parts.concat()
}
