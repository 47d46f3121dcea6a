//! A disk in memory that knows what has been synced and can crash, for tests and simulations.
//!
//! It is strict: nothing is durable that [`crate::Disk`] does not promise. File contents need
//! [`File::sync_data`], names need [`Disk::sync_dir`], one does not bring the other.

mod content;
mod crash;
mod disk;
mod file;
mod journal;
mod names;
mod node;
mod operation;
mod ordered;
#[cfg(test)]
mod tests;

pub use crash::{Fate, Filling, Survival, Unsynced};

#[cfg(doc)]
use crate::disk::{DirectFile, Disk, File};
use content::Content;
use crash::Frozen;
use journal::Journal;
use names::{ChangeKind, Entry, Names, Tree};
use node::{Common, Node, State};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A disk in memory. Clones are the same disk.
///
/// ```
/// use annals_vfs::{Disk, MemoryDisk, Survival, write_all_at};
/// use std::io::IoSlice;
///
/// let disk = MemoryDisk::new();
/// let file = disk.create("file")?;
/// disk.sync_dir("")?;
/// write_all_at(&*file, &mut [IoSlice::new(b"durable")], 0)?;
/// file.sync_data()?;
/// write_all_at(&*file, &mut [IoSlice::new(b", lost")], 7)?;
///
/// let rebooted = disk.crash(Survival::Synced);
/// assert_eq!(rebooted.image()["file"], b"durable");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct MemoryDisk(Arc<Shared>);

struct Shared {
    tree: Mutex<Tree>,
    /// The paths of held locks.
    locks: Mutex<BTreeSet<String>>,
    common: Arc<Common>,
}

impl MemoryDisk {
    /// An empty disk without a limit.
    #[must_use]
    pub fn new() -> Self {
        let tree = Tree { names: Names::new(), durable: Names::new(), unsynced: Vec::new() };
        MemoryDisk::with(Common::new(0, u64::MAX), tree)
    }

    /// A disk with these files, by their paths, all of them durable.
    ///
    /// # Errors
    /// As for [`MemoryDisk::set_content`].
    pub fn from_image(image: BTreeMap<String, Vec<u8>>) -> io::Result<Self> {
        let disk = MemoryDisk::new();
        for (path, bytes) in image {
            disk.set_content(&path, bytes)?;
        }
        Ok(disk)
    }

    /// The present contents of all files with names, by their paths. Directories without files are not in
    /// it.
    #[must_use]
    pub fn image(&self) -> BTreeMap<String, Vec<u8>> {
        let tree = self.0.tree.lock();
        let bytes = |node: &Arc<Node>| node.state.lock().content.bytes(0..usize::MAX).to_vec();
        tree.names.files().map(|(path, node)| (path, bytes(node))).collect()
    }

    /// Gives a file these bytes and makes them, its name, and the directories above it durable, whatever
    /// was there: damage for tests. Handles of the file see the new bytes, mappings the old ones.
    ///
    /// # Errors
    /// `IsADirectory` if the path is a directory, `NotADirectory` if a file lies on the way to it,
    /// `InvalidInput` if it is not a path, `StorageFull` if there is no memory.
    pub fn set_content(&self, path: &str, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let mut content = Content::empty();
        content.write(0, bytes.as_ref())?;
        let mut tree = self.0.tree.lock();
        let node = match tree.names.file(path) {
            Ok(node) => Arc::clone(node),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let node = Node::new(&self.0.common, State::new(path, Content::empty(), Journal::default()));
                tree.names.put(path, Entry::File(Arc::clone(&node)));
                node.named(path);
                node
            }
            Err(error) => return Err(error),
        };
        node.replace(content);
        tree.durable.put(path, Entry::File(node));
        Ok(())
    }

    /// Limits what all files with names may have together; `None` for no limit. What would grow beyond it
    /// fails with `StorageFull` and changes nothing. Files without names are not counted.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.0.common.capacity.store(bytes.unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Says whether [`Disk::open_direct`] opens files. It does if nothing is said.
    pub fn set_direct(&self, direct: bool) {
        self.0.common.direct.store(direct, Ordering::SeqCst);
    }

    /// Says whether [`Disk::take_from`] gives files of other disks in memory a name on this one. It does if nothing is said.
    /// What is taken is a copy that does as a hard link does of a file that nobody writes any more: what is durable of the
    /// file is durable here, it takes no room, and a write to either of the two fails from then on with `PermissionDenied`.
    pub fn set_linkable(&self, linkable: bool) {
        self.0.common.linkable.store(linkable, Ordering::SeqCst);
    }

    /// Lets the `nth` call of [`File::sync_data`] from now on fail as a bad disk does: it says `EIO`, and
    /// what it should have written stays visible but never becomes durable, although later calls say `Ok`.
    /// Calls of [`DirectFile::write_durably_at`], which sync what they write, count as well.
    /// The first call is 1; 0 takes the order back.
    pub fn fail_sync(&self, nth: u64) {
        self.0.common.sync_failure.store(nth, Ordering::SeqCst);
    }

    /// The disk as it is found after a crash at this moment. It shares nothing with this one, which threads
    /// that the crash should have ended may go on using; and nobody holds a lock on it.
    ///
    /// # Panics
    /// If there is no memory for the copy.
    #[must_use]
    pub fn crash(&self, survival: Survival<'_>) -> MemoryDisk {
        let frozen = Frozen::new(&self.0.tree.lock(), &self.0.common);
        let survived = frozen.and_then(|frozen| frozen.survive(survival));
        let (common, tree) = survived.expect("memory for the copy of a disk");
        MemoryDisk::with(common, tree)
    }

    fn with(common: Arc<Common>, tree: Tree) -> Self {
        MemoryDisk(Arc::new(Shared { tree: Mutex::new(tree), locks: Mutex::default(), common }))
    }

    fn make(&self, tree: &mut Tree, path: &str) -> Arc<Node> {
        let node = Node::new(&self.0.common, State::new(path, Content::empty(), Journal::default()));
        let entry = Entry::File(Arc::clone(&node));
        tree.change(self.0.common.next(), ChangeKind::Created { path: path.to_owned(), entry });
        node.named(path);
        node
    }
}

impl Default for MemoryDisk {
    fn default() -> Self {
        MemoryDisk::new()
    }
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDisk").finish_non_exhaustive()
    }
}
