//! The calls of a disk, carried out on the tree of names.

use super::MemoryDisk;
use super::file::{MemoryDirectFile, MemoryFile};
use super::names::{ChangeKind, Entry};
use super::node::Node;
use crate::disk::{Access, DirEntry, DirectFile, Disk, EntryKind, File, Lock, Taken};
use std::any::Any;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What [`Disk::try_lock`] writes as the process id: always the same, so that runs can be repeated.
const PROCESS: &[u8] = b"1\n";

impl Disk for MemoryDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let mut tree = self.0.tree.lock();
        if tree.names.find(path)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = self.make(&mut tree, path);
        Ok(Arc::new(MemoryFile { node, access: Access::ReadWrite }))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let node = Arc::clone(self.0.tree.lock().names.file(path)?);
        Ok(Arc::new(MemoryFile { node, access }))
    }

    fn open_direct(&self, path: &str) -> io::Result<Option<Arc<dyn DirectFile>>> {
        let node = Arc::clone(self.0.tree.lock().names.file(path)?);
        let opens = self.0.common.direct.load(Ordering::SeqCst);
        Ok(opens.then(|| Arc::new(MemoryDirectFile(node)) as Arc<dyn DirectFile>))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut tree = self.0.tree.lock();
        let node = Arc::clone(tree.names.file(from)?);
        let replaced = match tree.names.find(to)? {
            Some(Entry::Directory) => return Err(io::ErrorKind::IsADirectory.into()),
            Some(Entry::File(replaced)) if Arc::ptr_eq(replaced, &node) => return Ok(()),
            Some(Entry::File(replaced)) => Some(Arc::clone(replaced)),
            None => None,
        };
        node.named(to);
        let kind = ChangeKind::Renamed { from: from.to_owned(), to: to.to_owned(), node };
        tree.change(self.0.common.next(), kind);
        if let Some(replaced) = replaced {
            replaced.unnamed();
        }
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut tree = self.0.tree.lock();
        let node = Arc::clone(tree.names.file(path)?);
        node.unnamed();
        tree.change(self.0.common.next(), ChangeKind::Removed { path: path.to_owned(), node });
        Ok(())
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        let mut tree = self.0.tree.lock();
        if tree.names.find(path)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let kind = ChangeKind::Created { path: path.to_owned(), entry: Entry::Directory };
        tree.change(self.0.common.next(), kind);
        Ok(())
    }

    fn list(&self, path: &str) -> io::Result<Vec<DirEntry>> {
        let tree = self.0.tree.lock();
        let entries = tree.names.directory(path)?.iter().map(|(name, entry)| match entry {
            Entry::File(node) => {
                DirEntry { name: name.clone(), kind: EntryKind::File, length: node.length() }
            }
            Entry::Directory => DirEntry { name: name.clone(), kind: EntryKind::Directory, length: 0 },
        });
        Ok(entries.collect())
    }

    fn take_from(&self, from: &dyn Disk, source: &str, to: &str, link: bool) -> io::Result<Option<Taken>> {
        let other = from.backing().and_then(|backing| backing.downcast_ref::<MemoryDisk>());
        let Some(other) = other.filter(|_| link && self.0.common.linkable.load(Ordering::SeqCst)) else {
            return Ok(None);
        };
        let node = Arc::clone(other.0.tree.lock().names.file(source)?);
        let mut tree = self.0.tree.lock();
        if tree.names.find(to)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let linked = Node::new(&self.0.common, node.frozen(to)?);
        let kind = ChangeKind::Created { path: to.to_owned(), entry: Entry::File(Arc::clone(&linked)) };
        tree.change(self.0.common.next(), kind);
        Ok(Some(Taken::Linked))
    }

    fn backing(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let mut tree = self.0.tree.lock();
        tree.names.directory(path)?;
        tree.sync(path);
        self.0.common.commit();
        Ok(())
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        let mut tree = self.0.tree.lock();
        let node = match tree.names.file(path) {
            Ok(node) => Arc::clone(node),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tree.names.find(path)?;
                self.make(&mut tree, path)
            }
            Err(error) => return Err(error),
        };
        if !self.0.locks.lock().insert(path.to_owned()) {
            return Ok(None);
        }
        // Best effort, as on a real disk: a full disk must not keep a store from being opened.
        let file = MemoryFile { node, access: Access::ReadWrite };
        if file.set_len(0).is_ok() {
            let _ = file.write_at(&[IoSlice::new(PROCESS)], 0);
        }
        Ok(Some(Box::new(MemoryLock { disk: self.clone(), path: path.to_owned() })))
    }

    fn is_locked(&self, path: &str) -> io::Result<bool> {
        Ok(self.0.locks.lock().contains(path))
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

#[derive(Debug)]
struct MemoryLock {
    disk: MemoryDisk,
    path: String,
}

impl Lock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.disk.0.locks.lock().remove(&self.path);
    }
}
