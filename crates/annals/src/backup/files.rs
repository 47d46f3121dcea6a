//! Bringing single files from one directory to another.

use super::error::BackupError;
use super::report::{FilesTaken, Progress};
use annals_format::Damage;
use annals_types::planted::{Bug, planted};
use annals_vfs::{Access, Disk, File, Taken, read_exact_at, read_up_to, write_all_at};
use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// How much is read and written at once.
const CHUNK: usize = 1 << 20;
/// After so many bytes the system is told to begin to write them, so that the sync at the end has less to wait for.
const WRITE_BACK_EVERY: u64 = 8 << 20;

/// A file that is to be there, or why it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Got {
    There,
    /// The original is not there any more.
    Gone,
}

/// From one directory to another.
pub(super) struct Copier<'a> {
    pub(super) from: &'a dyn Disk,
    pub(super) to: &'a dyn Disk,
    pub(super) links: bool,
    pub(super) counts: FilesTaken,
    pub(super) progress: Progress<'a>,
    /// Files that were not there before.
    made: BTreeSet<String>,
    buffers: [Vec<u8>; 2],
}

impl<'a> Copier<'a> {
    pub(super) fn new(from: &'a dyn Disk, to: &'a dyn Disk, links: bool, progress: Progress<'a>) -> Self {
        let (counts, made) = (FilesTaken::default(), BTreeSet::new());
        Copier { from, to, links, counts, progress, made, buffers: [vec![0; CHUNK], vec![0; CHUNK]] }
    }

    /// Whether this copier has made the file.
    pub(super) fn has_made(&self, name: &str) -> bool {
        self.made.contains(name)
    }

    /// Takes a file that does not change any more, up to `length`; what has its name is removed before, for it is left of an
    /// attempt that did not come to its end. The name is not durable yet.
    pub(super) fn take(&mut self, name: &str, length: u64) -> Result<Got, BackupError> {
        self.clear(name)?;
        let taken = self.to.take_from(self.from, name, name, self.links);
        match taken {
            Ok(Some(taken)) => {
                self.made.insert(name.to_owned());
                match taken {
                    Taken::Linked => self.counts.linked.add(length),
                    Taken::Cloned => self.counts.cloned.add(length),
                }
                self.progress.add(length);
                Ok(Got::There)
            }
            Ok(None) => self.copy(name, name, length),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Got::Gone),
            Err(error) => Err(BackupError::io(format!("take {name}"))(error)),
        }
    }

    /// Copies the first `length` bytes of a file to a new one, and makes them durable.
    pub(super) fn copy(&mut self, name: &str, to: &str, length: u64) -> Result<Got, BackupError> {
        let Some(original) = self.original(name, length)? else { return Ok(Got::Gone) };
        self.clear(to)?;
        let file = self.to.create(to).map_err(BackupError::io(format!("create {to} in the copy")))?;
        self.made.insert(to.to_owned());
        self.transfer(name, &*original, &*file, 0, length)?;
        self.counts.copied.add(length);
        Ok(Got::There)
    }

    /// Makes a file that was copied when it had `known` bytes as long as the original's first `length`. What lies behind
    /// `known` is not looked at; what lies before has to be the same, and where it is not, that is damage at the offset that is
    /// given back.
    pub(super) fn extend(
        &mut self,
        name: &str,
        known: u64,
        length: u64,
    ) -> Result<Result<Got, Damage>, BackupError> {
        let Some(original) = self.original(name, length)? else { return Ok(Ok(Got::Gone)) };
        let opened = self.to.open(name, Access::ReadWrite);
        let file = opened.map_err(BackupError::io(format!("open {name} in the copy")))?;
        let known = known.min(length);
        if let Some(damage) = self.first_difference(name, &*original, &*file, known)? {
            return Ok(Err(damage));
        }
        let there = file.length().map_err(BackupError::io(format!("look at {name} in the copy")))?;
        if there != known {
            file.set_len(known).map_err(BackupError::io(format!("cut {name} in the copy")))?;
        }
        self.transfer(name, &*original, &*file, known, length)?;
        self.counts.copied.add(length - known);
        Ok(Ok(Got::There))
    }

    /// Removes what this copier has made, for it is of no use.
    pub(super) fn withdraw(&mut self) {
        for name in std::mem::take(&mut self.made) {
            // What stays is removed by the next attempt.
            let _ = self.to.remove(&name);
        }
    }

    /// Makes room for a file that is written by somebody else, and is withdrawn with the others.
    pub(super) fn begin(&mut self, name: &str) -> Result<(), BackupError> {
        self.clear(name)?;
        self.made.insert(name.to_owned());
        Ok(())
    }

    /// Notes that a file has taken its final name.
    pub(super) fn renamed(&mut self, from: &str, to: &str) {
        self.made.remove(from);
        self.made.insert(to.to_owned());
    }

    fn clear(&self, name: &str) -> Result<(), BackupError> {
        match self.to.remove(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(BackupError::io(format!("remove {name} from the copy"))(error))
            }
            _ => Ok(()),
        }
    }

    fn original(&self, name: &str, length: u64) -> Result<Option<Arc<dyn File>>, BackupError> {
        let file = match self.from.open(name, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BackupError::io(format!("open {name}"))(error)),
        };
        let found = file.length().map_err(BackupError::io(format!("look at {name}")))?;
        if found < length {
            let damage = Damage::new(found, "length of a file that is to be copied", found, length);
            return Err(BackupError::Corrupt(damage.in_file(name)));
        }
        Ok(Some(file))
    }

    /// Copies a range, cuts or extends nothing else, and syncs.
    fn transfer(
        &mut self,
        name: &str,
        original: &dyn File,
        file: &dyn File,
        from: u64,
        to: u64,
    ) -> Result<(), BackupError> {
        let (mut at, mut told) = (from, from);
        while at < to {
            let most = usize::try_from(to - at).unwrap_or(usize::MAX).min(CHUNK);
            let bytes = &mut self.buffers[0][..most];
            read_exact_at(original, bytes, at).map_err(BackupError::io(format!("read {name}")))?;
            let written = write_all_at(file, &mut [IoSlice::new(bytes)], at);
            written.map_err(BackupError::io(format!("write {name} in the copy")))?;
            at += most as u64;
            if at - told >= WRITE_BACK_EVERY {
                file.begin_write_back(told..at);
                told = at;
            }
            self.progress.add(most as u64);
        }
        if planted(Bug::BackupNotSynced) {
            return Ok(());
        }
        file.sync_data().map_err(BackupError::io(format!("sync {name} in the copy")))
    }

    /// Where two files differ first, in their first `length` bytes.
    fn first_difference(
        &mut self,
        name: &str,
        original: &dyn File,
        file: &dyn File,
        length: u64,
    ) -> Result<Option<Damage>, BackupError> {
        let mut at = 0;
        while at < length {
            let most = usize::try_from(length - at).unwrap_or(usize::MAX).min(CHUNK);
            let [ours, theirs] = &mut self.buffers;
            let (ours, theirs) = (&mut ours[..most], &mut theirs[..most]);
            read_exact_at(original, ours, at).map_err(BackupError::io(format!("read {name}")))?;
            let read = read_up_to(file, theirs, at);
            let read = read.map_err(BackupError::io(format!("read {name} in the copy")))?;
            if let Some(place) = (0..most).find(|place| *place >= read || ours[*place] != theirs[*place]) {
                let found = if place < read { theirs[place] } else { 0 };
                let what = "byte of the backup that is not the store's";
                return Ok(Some(Damage::new(at + place as u64, what, found, ours[place])));
            }
            at += most as u64;
        }
        Ok(None)
    }
}
