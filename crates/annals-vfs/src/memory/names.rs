//! The names of a disk in memory: those that are there, those that are durable, and the way from the second
//! to the first.

use super::crash::Unsynced;
use super::node::Node;
use crate::disk::{parts, split};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    File(Arc<Node>),
    Directory,
}

/// Directories by their paths, and the names in each. A directory cannot be moved or removed, so its path
/// tells it from the others.
#[derive(Clone, Debug)]
pub(super) struct Names(BTreeMap<String, BTreeMap<String, Entry>>);

impl Names {
    /// Only the root.
    pub(super) fn new() -> Self {
        Names(BTreeMap::from([(String::new(), BTreeMap::new())]))
    }

    /// The names in a directory.
    ///
    /// # Errors
    /// `NotFound` if there is no such directory, `NotADirectory` if it is a file.
    pub(super) fn directory(&self, path: &str) -> io::Result<&BTreeMap<String, Entry>> {
        parts(path)?;
        self.0.get(path).ok_or_else(|| match self.find(path) {
            Ok(Some(_)) => io::ErrorKind::NotADirectory.into(),
            _ => io::ErrorKind::NotFound.into(),
        })
    }

    /// What a path stands for, `None` if the name is free.
    ///
    /// # Errors
    /// `NotFound` if there is no such directory, `NotADirectory` if it is a file.
    pub(super) fn find(&self, path: &str) -> io::Result<Option<&Entry>> {
        let (directory, name) = split(path)?;
        Ok(self.directory(directory)?.get(name))
    }

    /// The file at a path.
    ///
    /// # Errors
    /// `NotFound` if there is none, `IsADirectory` if it is a directory.
    pub(super) fn file(&self, path: &str) -> io::Result<&Arc<Node>> {
        match self.find(path)? {
            Some(Entry::File(node)) => Ok(node),
            Some(Entry::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Every file with its path.
    pub(super) fn files(&self) -> impl Iterator<Item = (String, &Arc<Node>)> {
        self.0.iter().flat_map(|(directory, names)| {
            names.iter().filter_map(move |(name, entry)| match entry {
                Entry::File(node) => Some((join(directory, name), node)),
                Entry::Directory => None,
            })
        })
    }

    /// Puts an entry at a path, with the directories above it.
    pub(super) fn put(&mut self, path: &str, entry: Entry) {
        let (directory, _) = halves(path);
        if !self.0.contains_key(directory) {
            self.put(directory, Entry::Directory);
        }
        self.put_inside(path, entry);
    }

    /// Drops the directories that no name leads to.
    pub(super) fn drop_unreachable(&mut self) {
        // Parents come before their children, so one pass does.
        let mut reached = BTreeSet::from([String::new()]);
        for (directory, names) in &self.0 {
            if reached.contains(directory) {
                let inner = names.iter().filter(|(_, entry)| matches!(entry, Entry::Directory));
                reached.extend(inner.map(|(name, _)| join(directory, name)));
            }
        }
        self.0.retain(|directory, _| reached.contains(directory));
    }

    /// The same names with other files.
    pub(super) fn with_files(&self, file: impl Fn(&Arc<Node>) -> Arc<Node>) -> Self {
        let mut names = self.clone();
        for entry in names.0.values_mut().flat_map(BTreeMap::values_mut) {
            if let Entry::File(node) = entry {
                *node = file(node);
            }
        }
        names
    }

    /// Whether names lead from the root to a directory.
    fn reaches(&self, directory: &str) -> bool {
        if directory.is_empty() {
            return true;
        }
        let (parent, name) = halves(directory);
        let found = self.0.get(parent).and_then(|names| names.get(name));
        matches!(found, Some(Entry::Directory)) && self.reaches(parent)
    }

    fn holds(&self, path: &str, node: &Arc<Node>) -> bool {
        let (directory, name) = halves(path);
        let found = self.0.get(directory).and_then(|names| names.get(name));
        matches!(found, Some(Entry::File(found)) if Arc::ptr_eq(found, node))
    }

    fn take(&mut self, path: &str, node: &Arc<Node>) {
        if self.holds(path, node) {
            let (directory, name) = halves(path);
            self.0.entry(directory.to_owned()).or_default().remove(name);
        }
    }

    fn is_free(&self, path: &str) -> bool {
        let (directory, name) = halves(path);
        self.0.get(directory).is_none_or(|names| !names.contains_key(name))
    }

    /// Like [`Names::put`], but does not make the directories above: a name in a directory that is lost is
    /// lost with it.
    fn put_inside(&mut self, path: &str, entry: Entry) {
        let (directory, name) = halves(path);
        if matches!(entry, Entry::Directory) {
            self.0.entry(path.to_owned()).or_default();
        }
        self.0.entry(directory.to_owned()).or_default().insert(name.to_owned(), entry);
    }
}

/// One change of names.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Its place among all operations of the disk.
    pub(super) sequence: u64,
    pub(super) kind: ChangeKind,
}

#[derive(Clone, Debug)]
pub(super) enum ChangeKind {
    Created { path: String, entry: Entry },
    Removed { path: String, node: Arc<Node> },
    Renamed { from: String, to: String, node: Arc<Node> },
}

impl Change {
    /// Makes the change in names that may lack changes made before it. What can then not be is not done: a
    /// name is not given twice, and only the file that was meant loses its name.
    pub(super) fn apply(&self, names: &mut Names) {
        match &self.kind {
            ChangeKind::Created { path, entry } => {
                if names.is_free(path) {
                    names.put_inside(path, entry.clone());
                }
            }
            ChangeKind::Removed { path, node } => names.take(path, node),
            ChangeKind::Renamed { from, to, node } => {
                names.take(from, node);
                names.put_inside(to, Entry::File(Arc::clone(node)));
            }
        }
    }

    /// Whether it moves a file to a directory that has been lost. Such a rename is lost as well, instead of
    /// taking with it a file whose old name was durable.
    pub(super) fn leads_nowhere(&self, names: &Names) -> bool {
        let [from, to] = self.directories();
        from != to && !names.reaches(to)
    }

    /// What to ask about it.
    pub(super) fn question(&self) -> Unsynced<'_> {
        match &self.kind {
            ChangeKind::Created { path, entry: Entry::File(_) } => Unsynced::Created { path },
            ChangeKind::Created { path, entry: Entry::Directory } => Unsynced::DirectoryCreated { path },
            ChangeKind::Removed { path, .. } => Unsynced::Removed { path },
            ChangeKind::Renamed { from, to, .. } => Unsynced::Renamed { from, to },
        }
    }

    /// The file it is about.
    pub(super) fn node(&self) -> Option<&Arc<Node>> {
        match &self.kind {
            ChangeKind::Created { entry: Entry::Directory, .. } => None,
            ChangeKind::Created { entry: Entry::File(node), .. }
            | ChangeKind::Removed { node, .. }
            | ChangeKind::Renamed { node, .. } => Some(node),
        }
    }

    /// The same change of another file.
    pub(super) fn with_file(&self, file: impl Fn(&Arc<Node>) -> Arc<Node>) -> Self {
        let mut change = self.clone();
        match &mut change.kind {
            ChangeKind::Created { entry: Entry::Directory, .. } => {}
            ChangeKind::Created { entry: Entry::File(node), .. }
            | ChangeKind::Removed { node, .. }
            | ChangeKind::Renamed { node, .. } => *node = file(node),
        }
        change
    }

    /// The directories whose names it changes: two for a rename, possibly the same.
    fn directories(&self) -> [&str; 2] {
        match &self.kind {
            ChangeKind::Created { path, .. } | ChangeKind::Removed { path, .. } => [halves(path).0; 2],
            ChangeKind::Renamed { from, to, .. } => [halves(from).0, halves(to).0],
        }
    }
}

/// All names of a disk.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) names: Names,
    pub(super) durable: Names,
    /// From `durable` to `names`, in order.
    pub(super) unsynced: Vec<Change>,
}

impl Tree {
    /// Makes a change and remembers it.
    pub(super) fn change(&mut self, sequence: u64, kind: ChangeKind) {
        let change = Change { sequence, kind };
        change.apply(&mut self.names);
        self.unsynced.push(change);
    }

    /// Makes the names in a directory durable.
    pub(super) fn sync(&mut self, directory: &str) {
        // A rename between two directories becomes durable in both at once, and with it everything before it
        // in the other one; so the way back through the changes may find more directories.
        let mut directories = BTreeSet::from([directory.to_owned()]);
        let mut synced = Vec::new();
        for change in std::mem::take(&mut self.unsynced).into_iter().rev() {
            let touched = change.directories();
            if touched.iter().any(|touched| directories.contains(*touched)) {
                directories.extend(touched.map(str::to_owned));
                synced.push(change);
            } else {
                self.unsynced.push(change);
            }
        }
        self.unsynced.reverse();
        for change in synced.iter().rev() {
            change.apply(&mut self.durable);
        }
    }
}

fn halves(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}
