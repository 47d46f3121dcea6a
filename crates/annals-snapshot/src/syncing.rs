//! Making what was put durable.

use crate::error::SnapshotError;
use crate::store::Snapshots;
use crate::written::Written;
use annals_vfs::sync::atomic::Ordering;

impl Snapshots {
    /// Makes everything durable that was put before.
    ///
    /// What another process left in written files, or what was put before a write or sync failed, is first taken over into a
    /// sorted file: no sync brings back what one that failed has lost.
    ///
    /// # Errors
    /// [`SnapshotError::ReadOnly`]; [`SnapshotError::Io`], then nothing is known to be durable that was not before, and the
    /// next call tries again.
    pub fn sync(&self) -> Result<(), SnapshotError> {
        self.check_writable()?;
        loop {
            let files = self.files();
            if files.written.iter().all(|file| file.trusted.load(Ordering::Acquire)) {
                files.written.iter().try_for_each(|file| self.sync_written(file))?;
                return self.removal.sync_names(&*self.env.disk);
            }
            self.sort_written()?;
        }
    }

    fn sync_written(&self, file: &Written) -> Result<(), SnapshotError> {
        let end = file.end();
        if file.durable.load(Ordering::Acquire) >= end {
            return Ok(());
        }
        match file.file.sync_data() {
            Ok(()) => {
                file.durable.fetch_max(end, Ordering::AcqRel);
                Ok(())
            }
            Err(error) => {
                file.trusted.store(false, Ordering::Release);
                self.writer.lock().end_active_if(file.id);
                Err(SnapshotError::io(format!("sync {}", file.path()))(error))
            }
        }
    }

    /// Ends in good order: puts are refused from now on, and everything that was put is made into a sorted file, so that the
    /// next opening reads hardly anything. Lookups go on. What is dropped without this is found all the same.
    ///
    /// # Errors
    /// [`SnapshotError::Io`]; then the files stay as they are, which loses nothing of what was synced. May be called again.
    pub fn close(&self) -> Result<(), SnapshotError> {
        if !self.options.writable {
            return Ok(());
        }
        self.writer.lock().closed = true;
        self.sort_everything_written()
    }
}
