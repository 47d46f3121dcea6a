//! The lock that keeps a second store away from the same directory.

use crate::disk::Lock;
use annals_types::planted::{Bug, planted};
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;

/// A lock of the open file (`flock`), not of the process: a second handle in the same process is refused
/// as well, which POSIX record locks would not do. The process id inside is for people only and decides
/// nothing, so a file left behind by a killed process blocks nobody.
#[derive(Debug)]
pub(super) struct RealLock(File);

impl Lock for RealLock {}

impl RealLock {
    /// Takes the lock, `None` if somebody else has it.
    pub(super) fn take(file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if planted(Bug::LockIgnored) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Best effort: a full disk must not keep a store from being opened.
        if file.set_len(0).is_ok() {
            let _ = file.write_at(format!("{}\n", std::process::id()).as_bytes(), 0);
        }
        Ok(Some(RealLock(file)))
    }
}

/// Whether somebody has the lock on an open file. A shared lock tells, for a moment: a writer that asks in that moment
/// asks again.
pub(super) fn is_held(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl Drop for RealLock {
    fn drop(&mut self) {
        // Closing would do, were there not children: between fork and exec one has the descriptor as well,
        // and would hold the lock until its exec.
        let _ = self.0.unlock();
    }
}
