//! Backups of an open store.

use super::Store;
use crate::backup::{BackupError, BackupOptions, BackupProgress, BackupReport, Look, back_up, real_places};
use crate::catalog::read_manifest;
use crate::committer::Committer;
use crate::error::OpenError;
use annals_types::Position;
use annals_vfs::Env;
use std::io;
use std::path::Path;

impl Store {
    /// Makes a backup of the store in the directory `to`, which is created if it is not there, or makes the backup that is there
    /// one of now. Appends and reads go on meanwhile. The backup has everything that was durable at some moment while this ran,
    /// and nothing else: with a store that is open for writing all that was durable before the call.
    ///
    /// Files that do not change any more are taken once: linked where both directories are on one file system, cloned where the
    /// file system can, copied otherwise. Of the segment that is written what is new is copied. Then the manifest of the backup
    /// is replaced. Whatever happens on the way, the directory is the backup that it was before, or the new one.
    ///
    /// The directory is a store. It can be opened, verified and read like any other. Who opens it for writing makes a store of
    /// its own of it, to which no backup goes any more; [`restore`](crate::restore) makes one that leaves the backup as it is.
    ///
    /// Of a store that another process writes (open for reading only here) the backup has what is proven to be durable, which
    /// may be all but the last batches of a tenth of a second.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let (path, backup) = (directory.path().join("store"), directory.path().join("backup"));
    /// use annals::{BackupOptions, Expected, NewEvent, Store};
    /// let store = Store::open(&path)?;
    /// store.append("account-7", Expected::Any, &[NewEvent::json("opened", "{}")])?;
    /// let first = store.backup(&backup, &BackupOptions::new(), &mut |_| {})?;
    /// assert_eq!((first.position.get(), first.former), (1, None));
    ///
    /// store.append("account-7", Expected::Any, &[NewEvent::json("closed", "{}")])?;
    /// let next = store.backup(&backup, &BackupOptions::new(), &mut |_| {})?;
    /// assert_eq!((next.position.get(), next.former), (2, Some(first.position)));
    /// let reader = Store::options().read_only(true).open(&backup)?;
    /// assert_eq!(reader.last_position(), next.position);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`BackupError`] says. Then the backup that was there is as it was, unless the last step failed, of which it is not
    /// known whether it was done: then it is either as it was or the new one.
    pub fn backup(
        &self,
        to: impl AsRef<Path>,
        options: &BackupOptions,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<BackupReport, BackupError> {
        let to = real_places(&*self.0.core.env.disk, to.as_ref())?;
        self.backup_in(&to, options, progress)
    }

    /// As [`Store::backup`], to a disk of the caller's own, such as a simulated one.
    ///
    /// # Errors
    /// As [`Store::backup`].
    pub fn backup_in(
        &self,
        to: &Env,
        options: &BackupOptions,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<BackupReport, BackupError> {
        back_up(&*self.0.core.env.disk, to, options, &mut || self.look_for_copy(), progress)
    }

    /// What there is to be copied now.
    pub(crate) fn look_for_copy(&self) -> Result<Look, BackupError> {
        let core = &self.0.core;
        let Some(writing) = &self.0.writing else { return self.look_as_reader() };
        let refused = writing.deciding.refuse_own();
        refused.map_err(|error| OpenError::io("make a backup")(io::Error::other(error)))?;
        if core.watermark.visible() > core.watermark.durable() {
            // If this fails the store says so to whoever appends next; what is durable can be taken all the same.
            let _ = writing.queue.with_sink(Committer::sync);
        }
        let durable = core.watermark.durable();
        let manifest = if writing.closed.lock().is_some() {
            // Another process may have it open by now.
            return self.look_at_disk(durable);
        } else {
            core.catalog.lock().manifest().clone()
        };
        let position = durable.max(manifest.sealed_end().previous());
        Ok(Look { position, manifest, parts: core.parts.load_full(), settled: true })
    }

    fn look_as_reader(&self) -> Result<Look, BackupError> {
        self.take_in()?;
        self.look_at_disk(self.0.core.watermark.visible())
    }

    fn look_at_disk(&self, known: Position) -> Result<Look, BackupError> {
        let core = &self.0.core;
        let manifest = read_manifest(&*core.env.disk)?;
        let manifest = manifest.ok_or_else(|| OpenError::NotFound { path: self.0.path.clone() })?;
        // After a loss of power the manifest before this one may be back, for which a segment is open that this one calls sealed.
        let settled = core.env.disk.sync_dir("").is_ok();
        let position = known.max(manifest.sealed_end().previous());
        Ok(Look { position, manifest, parts: core.parts.load_full(), settled })
    }
}
