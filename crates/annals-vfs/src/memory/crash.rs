//! What is left of a disk after a crash.
//!
//! The moment of the crash is one cut through all files: everything is copied under all locks at once, so
//! that never a later write is there and an earlier sync is not. What survives is decided afterwards, on the
//! copies.

use super::content::Content;
use super::names::{Change, Names, Tree};
use super::node::{Common, Node, State};
use super::operation::Operation;
use super::ordered::InOrder;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What survives a crash.
pub enum Survival<'a> {
    /// The process is killed and the system runs on: everything is there. What was not durable still is not,
    /// so a loss of power later can take it away.
    All,
    /// Power is lost, and with it everything that was not made durable.
    Synced,
    /// Power is lost; the function decides about everything that was not made durable, one operation after
    /// the other, in the order in which they were done.
    Chosen(&'a mut dyn FnMut(&Unsynced<'_>) -> Fate),
    /// The same, as a file system with a journal in order does it (ext4 with `data=ordered`): changes to names and
    /// lengths survive in the order in which they were made, up to the first one that the function does not keep;
    /// every sync has committed all that were made before it; a file grows only together with the bytes that make it
    /// grow; and nobody sees rubbish.
    Ordered(&'a mut dyn FnMut(&Unsynced<'_>) -> Fate),
}

impl std::fmt::Debug for Survival<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Survival::All => "All",
            Survival::Synced => "Synced",
            Survival::Chosen(_) => "Chosen",
            Survival::Ordered(_) => "Ordered",
        })
    }
}

/// An operation that was not made durable before the crash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsynced<'a> {
    /// Bytes were written.
    Write {
        /// The name that the file had.
        path: &'a str,
        /// Where in the file.
        offset: u64,
        /// What.
        bytes: &'a [u8],
    },
    /// The file was cut, extended, or had space reserved.
    SetLength {
        /// The name that the file had.
        path: &'a str,
        /// The new length.
        length: u64,
    },
    /// A file was created.
    Created {
        /// Its path.
        path: &'a str,
    },
    /// A directory was created.
    DirectoryCreated {
        /// Its path.
        path: &'a str,
    },
    /// The name of a file was removed.
    Removed {
        /// Its path.
        path: &'a str,
    },
    /// A file got a new name.
    Renamed {
        /// The old path.
        from: &'a str,
        /// The new path.
        to: &'a str,
    },
}

/// What becomes of an operation. Only writes can be kept in part: for the others everything but
/// [`Fate::Kept`] means that they are lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It survives.
    Kept,
    /// It never happened.
    Lost,
    /// The first bytes of the write survive, the rest never happened.
    Torn {
        /// How many bytes survive.
        kept: usize,
    },
    /// Some sectors of the write survive, the others never happened.
    Sectors {
        /// Bytes in a sector. Sectors start at multiples of it in the file, so the first and the last one of
        /// a write may be covered in part.
        size: usize,
        /// Bit `i` says whether the `i`-th sector that the write touches survives; repeats after 64.
        kept: u64,
    },
    /// Some sectors of the write survive, as with [`Fate::Sectors`]. The others are rubbish where there was nothing but
    /// zeros before, and stay as they were where there was something.
    Filled {
        /// Bytes in a sector.
        size: usize,
        /// Bit `i` says whether the `i`-th sector that the write touches survives; repeats after 64.
        kept: u64,
        /// What the rubbish is.
        with: Filling,
    },
    /// The file has the length, but zeros in place of the bytes.
    Zeros,
    /// The file has the length, but rubbish in place of the bytes.
    Garbage,
}

/// Bytes that nobody wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filling {
    /// All bits set.
    Ones,
    /// Any bytes, decided by a number.
    Random(u64),
}

/// A disk at the moment of the crash.
pub(super) struct Frozen {
    names: Names,
    durable: Names,
    unsynced: Vec<Change>,
    /// By the numbers of the files.
    files: BTreeMap<u64, State>,
    capacity: u64,
    /// Every operation before this one has been committed by some sync.
    committed: u64,
}

impl Frozen {
    /// Copies a disk at one moment. Nobody changes names meanwhile, since the caller holds the tree.
    ///
    /// # Errors
    /// `StorageFull` if there is no memory for it.
    pub(super) fn new(tree: &Tree, common: &Common) -> io::Result<Self> {
        let named = tree.names.files().chain(tree.durable.files()).map(|(_, node)| node);
        let changed = tree.unsynced.iter().filter_map(Change::node);
        let nodes: BTreeMap<u64, &Arc<Node>> = named.chain(changed).map(|node| (node.id, node)).collect();
        // Everybody else holds the lock of at most one file, and asks for no other while holding it.
        let locked: Vec<_> = nodes.iter().map(|(id, node)| (*id, node.state.lock())).collect();
        let files = locked.iter().map(|(id, state)| Ok((*id, state.copy()?))).collect::<io::Result<_>>()?;
        Ok(Frozen {
            names: tree.names.clone(),
            durable: tree.durable.clone(),
            unsynced: tree.unsynced.clone(),
            files,
            capacity: common.capacity.load(Ordering::SeqCst),
            committed: common.committed.load(Ordering::SeqCst),
        })
    }

    /// The disk after the crash.
    ///
    /// # Errors
    /// `StorageFull` if there is no memory for it.
    pub(super) fn survive(self, survival: Survival<'_>) -> io::Result<(Arc<Common>, Tree)> {
        match survival {
            Survival::All => Ok(self.go_on()),
            Survival::Synced => self.lose_power(None, &mut |_| Fate::Lost),
            Survival::Chosen(choose) => self.lose_power(None, choose),
            Survival::Ordered(choose) => {
                let journal = InOrder::since(self.committed);
                self.lose_power(Some(journal), choose)
            }
        }
    }

    /// Everything as it was.
    fn go_on(self) -> (Arc<Common>, Tree) {
        // Numbers go on where they were, so that old and new operations keep their order.
        let operations = self.files.values().flat_map(|state| state.journal.operations());
        let changes = self.unsynced.iter().map(|change| change.sequence);
        let last = operations.map(|operation| operation.sequence).chain(changes).max();
        let common = Common::new(last.map_or(0, |last| last + 1), self.capacity);
        common.committed.store(self.committed, Ordering::SeqCst);
        let nodes = revive(&common, self.files);
        let file = |node: &Arc<Node>| nodes.get(&node.id).unwrap_or(node).clone();
        let tree = Tree {
            names: self.names.with_files(file),
            durable: self.durable.with_files(file),
            unsynced: self.unsynced.iter().map(|change| change.with_file(file)).collect(),
        };
        announce(&tree.names);
        (common, tree)
    }

    /// What is durable, and what of the rest is chosen; by a journal in order, if there is one.
    fn lose_power(
        self,
        mut journal: Option<InOrder>,
        choose: &mut dyn FnMut(&Unsynced<'_>) -> Fate,
    ) -> io::Result<(Arc<Common>, Tree)> {
        let mut names = self.durable;
        let mut contents = BTreeMap::new();
        for (id, state) in &self.files {
            contents.insert(*id, state.journal.durable(&state.content)?);
        }
        for step in in_order(&self.files, &self.unsynced) {
            match step {
                Step::File(id, operation) => {
                    let question = operation.question();
                    if let (Some(question), Some(content)) = (question, contents.get_mut(&id)) {
                        let fate = match &mut journal {
                            Some(journal) => journal.file(id, operation, || choose(&question)),
                            None => choose(&question),
                        };
                        operation.apply(content, fate)?;
                    }
                }
                Step::Name(change) => {
                    let question = change.question();
                    let fate = match &mut journal {
                        Some(journal) => journal.name(change.sequence, || choose(&question)),
                        None => choose(&question),
                    };
                    if fate == Fate::Kept && !change.leads_nowhere(&names) {
                        change.apply(&mut names);
                    }
                }
            }
        }
        names.drop_unreachable();
        let common = Common::new(0, self.capacity);
        let durable = |(id, content): (u64, Content)| {
            let frozen = self.files.get(&id).is_some_and(State::is_frozen);
            (id, State::durable(content, frozen))
        };
        let nodes = revive(&common, contents.into_iter().map(durable).collect());
        let names = names.with_files(|node| nodes.get(&node.id).unwrap_or(node).clone());
        announce(&names);
        Ok((common, Tree { durable: names.clone(), names, unsynced: Vec::new() }))
    }
}

/// One thing to decide.
enum Step<'a> {
    File(u64, &'a Operation),
    Name(&'a Change),
}

/// Everything that is not durable, in the order in which it was done.
fn in_order<'a>(files: &'a BTreeMap<u64, State>, unsynced: &'a [Change]) -> Vec<Step<'a>> {
    let operations = files.iter().flat_map(|(id, state)| {
        state.journal.operations().iter().map(|operation| (operation.sequence, Step::File(*id, operation)))
    });
    let changes = unsynced.iter().map(|change| (change.sequence, Step::Name(change)));
    let mut steps: Vec<_> = operations.chain(changes).collect();
    steps.sort_by_key(|(sequence, _)| *sequence);
    steps.into_iter().map(|(_, step)| step).collect()
}

/// New files by the numbers of the old ones.
fn revive(common: &Arc<Common>, files: BTreeMap<u64, State>) -> BTreeMap<u64, Arc<Node>> {
    files.into_iter().map(|(id, state)| (id, Node::new(common, state))).collect()
}

/// Tells the files their names.
fn announce(names: &Names) {
    for (path, node) in names.files() {
        node.named(&path);
    }
}
