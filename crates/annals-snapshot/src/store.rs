//! All snapshots of a store.

use crate::error::SnapshotError;
use crate::files::{Files, look};
use crate::maintenance::Maintenance;
use crate::options::SnapshotOptions;
use crate::put::Writer;
use crate::removal::Removal;
use annals_format::StoreId;
use annals_format::snapshot::snapshot_hash_seed;
use annals_vfs::Env;
use annals_vfs::sync::{Mutex, RwLock};
use std::sync::Arc;

/// The snapshots of a store. All calls take `&self`, from any number of threads at once: lookups wait for nobody; puts wait
/// for each other; what is done in the background waits for none of them for longer than it takes to exchange a list.
///
/// Only the process that holds the lock of the store may open them for writing, and only once at a time.
///
/// ```
/// use annals_snapshot::{NewSnapshot, SnapshotOptions, Snapshots};
/// use annals_types::{Position, Timestamp, Uuid, Version};
/// use annals_vfs::{Env, MemoryDisk};
/// use std::sync::Arc;
///
/// let env = Env::system(Arc::new(MemoryDisk::new()));
/// let snapshots = Snapshots::open(env, [7; 16], SnapshotOptions::writing())?;
/// snapshots.put(&NewSnapshot {
///     stream: "account-7",
///     tag: "balance/1",
///     version: Version::new(100),
///     position: Position::new(4711),
///     event_id: Uuid::from_u128(42),
///     recorded_at: Timestamp::EPOCH,
///     occurred_max: Timestamp::EPOCH,
///     codec: 0,
///     payload: b"5.00",
/// })?;
///
/// let found = snapshots.find("account-7", "balance/1", Version::new(120), None)?;
/// assert_eq!(found.snapshot.map(|snapshot| snapshot.payload), Some(b"5.00".to_vec()));
/// let found = snapshots.find("account-7", "balance/1", Version::new(99), None)?;
/// assert_eq!(found.snapshot, None);
/// # Ok::<(), annals_snapshot::SnapshotError>(())
/// ```
#[derive(Debug)]
pub struct Snapshots {
    pub(crate) env: Env,
    pub(crate) store_id: StoreId,
    pub(crate) seed: u64,
    pub(crate) options: SnapshotOptions,
    files: RwLock<Arc<Files>>,
    pub(crate) removal: Removal,
    // Locks are taken in this order: maintenance, writer, files.
    pub(crate) maintenance: Mutex<Maintenance>,
    pub(crate) writer: Mutex<Writer>,
}

impl Snapshots {
    /// Opens the snapshots of a store. A directory that is missing is one without snapshots; it is made by the first put.
    ///
    /// Reads the directory, the ends of sorted files, and all of the written ones, of which there are a few, of
    /// [`SnapshotOptions::file_bytes`] each. Nothing is changed on the disk.
    ///
    /// # Errors
    /// [`SnapshotError::Io`] with what the system says. Damage is no error: what cannot be read is passed over and told by
    /// lookups and [`verify`](crate::verify()).
    pub fn open(env: Env, store_id: StoreId, options: SnapshotOptions) -> Result<Self, SnapshotError> {
        let seen = look(&*env.disk, &store_id, &Files::default())?;
        let next_sequence = seen.files.last_sequence().saturating_add(1);
        Ok(Snapshots {
            seed: snapshot_hash_seed(&store_id),
            env,
            store_id,
            options: options.bounded(),
            writer: Mutex::new(Writer::new(seen.last_id + 1, next_sequence)),
            removal: Removal::new(seen.leftover, seen.temporaries),
            files: RwLock::new(Arc::new(seen.files)),
            maintenance: Mutex::new(Maintenance::default()),
        })
    }

    /// Looks at the directory again: for a reader beside a process that writes. Files that are known already are not read
    /// again, but for what was added to written ones. Does nothing where snapshots are open for writing, since nobody else
    /// changes them then.
    ///
    /// # Errors
    /// [`SnapshotError::Io`]; then everything is as it was.
    pub fn refresh(&self) -> Result<(), SnapshotError> {
        if self.options.writable {
            return Ok(());
        }
        let seen = look(&*self.env.disk, &self.store_id, &self.files())?;
        *self.files.write() = Arc::new(seen.files);
        Ok(())
    }

    /// The files as they are now.
    pub(crate) fn files(&self) -> Arc<Files> {
        Arc::clone(&self.files.read())
    }

    /// Puts another list in the place of the one that there is.
    pub(crate) fn change_files(&self, change: impl FnOnce(&mut Files)) {
        let mut files = self.files.write();
        let mut changed = Files::clone(&files);
        change(&mut changed);
        *files = Arc::new(changed);
    }
}
