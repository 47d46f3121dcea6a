//! A merge, from its first record to the removal of its sources.

use super::Keep;
use super::copying::Copying;
use super::group::Group;
use super::index::{Indexing, Totals};
use super::input::Input;
use super::output::Output;
use super::sources::Sources;
use crate::cursor::{Cursor, START};
use crate::error::SnapshotError;
use crate::file::AnyFile;
use crate::read::read_head;
use crate::sorted::Sorted;
use crate::store::Snapshots;
use crate::written::Order;
use annals_format::names;
use annals_format::snapshot::{
    PayloadChecksum, SnapshotEntry, SnapshotFileHeader, SnapshotFileKind, SnapshotKey,
};
use annals_types::Version;
use annals_vfs::{Access, Disk};
use std::cmp::Reverse;
use std::io;
use std::sync::Arc;

/// Why files are made into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Written files are to be sorted. This comes before everything else.
    Sort,
    /// There are many sorted ones of a size.
    Merge,
    /// Much of a file is not wanted any more, or it is damaged.
    Rewrite,
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    More,
    Done,
}

/// A merge that is under way.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) sources: Vec<u64>,
    pub(super) header: SnapshotFileHeader,
    pub(super) inputs: Vec<Input>,
    beside: Vec<Cursor>,
    seed: u64,
    keep: Keep,
    pub(super) group: Group,
    pub(super) last_key: Option<SnapshotKey>,
    pub(super) output: Output,
    pub(super) copying: Option<Copying>,
    /// The input whose record was taken or left behind last, and which has not gone on yet.
    behind: Option<usize>,
    indexing: Option<Indexing>,
    pub(super) totals: Totals,
    /// Snapshots that were left behind because they are not wanted any more.
    pub(crate) dropped: u64,
    /// Records, or stretches where there may have been some, that were left behind because they are damaged.
    pub(crate) damaged: u64,
}

impl Job {
    /// Begins a merge, under the number `id`.
    ///
    /// # Errors
    /// What the system says. Nothing is left but, perhaps, a file under a temporary name.
    pub(crate) fn begin(
        store: &Snapshots,
        kind: Kind,
        id: u64,
        sources: &Sources,
        keep: Keep,
    ) -> Result<Self, SnapshotError> {
        let mut replaced = store.removal.doomed();
        let ids = sources.ids();
        replaced.extend(&ids);
        let mut salt = [0; 8];
        store.env.random.fill(&mut salt).map_err(SnapshotError::io("get random bytes"))?;
        let header = SnapshotFileHeader {
            store_id: store.store_id,
            file_id: id,
            salt: u64::from_le_bytes(salt),
            kind: SnapshotFileKind::Sorted,
            replaced: replaced.into_iter().collect(),
        };
        let begin = || {
            let inputs = sources.inputs()?;
            let path = names::snapshots_temporary(id);
            let mut output = Output::new(store.env.disk.create(&path)?);
            output.write(&header.encode())?;
            Ok((inputs, output))
        };
        let (inputs, output) = begin().map_err(|error| {
            store.removal.add_temporary(id);
            SnapshotError::io(format!("begin to write {}", names::snapshots_temporary(id)))(error)
        })?;
        let beside = sources.beside.iter().cloned().map(AnyFile::Sorted);
        Ok(Job {
            kind,
            id,
            sources: ids,
            header,
            inputs,
            beside: beside.filter_map(|file| Cursor::at(file, START).ok()).collect(),
            seed: store.seed,
            keep,
            group: Group::default(),
            last_key: None,
            output,
            copying: None,
            behind: None,
            indexing: None,
            totals: Totals::default(),
            dropped: 0,
            damaged: 0,
        })
    }

    /// Works on, until about so many bytes have been read and written, or everything is done. Then the new file has taken
    /// the place of its sources.
    ///
    /// # Errors
    /// What the system says. The merge cannot go on then.
    pub(crate) fn step(&mut self, store: &Snapshots, budget: u64) -> Result<Progress, SnapshotError> {
        let mut spent = 0;
        while spent < budget {
            match self.advance() {
                Ok(Some(bytes)) => spent += bytes,
                Ok(None) => {
                    self.finish(store)?;
                    return Ok(Progress::Done);
                }
                Err(error) => return Err(self.doing()(error)),
            }
        }
        Ok(Progress::More)
    }

    /// For `map_err`: what was to be done when the system refused.
    fn doing(&self) -> impl FnOnce(io::Error) -> SnapshotError + use<> {
        SnapshotError::io(format!("write {}", names::snapshots_temporary(self.id)))
    }

    /// Does the next piece of work, and says how many bytes it was; `None` when everything is written.
    fn advance(&mut self) -> io::Result<Option<u64>> {
        if let Some(copying) = self.copying.take() {
            return self.copy(copying).map(Some);
        }
        if let Some(index) = self.behind.take() {
            self.inputs[index].advance()?;
        }
        if let Some(indexing) = &mut self.indexing {
            return indexing.advance(&mut self.output, &self.header);
        }
        let next = self.inputs.iter().enumerate().filter_map(|(index, input)| {
            let (entry, _) = input.current.as_ref()?;
            Some((entry.order(), index))
        });
        match next.min() {
            Some((_, index)) => self.take(index).map(Some),
            None if self.totals.count == 0 => Ok(None),
            None => {
                self.indexing = Some(Indexing::new(&mut self.output, &self.header, self.totals)?);
                Ok(Some(0))
            }
        }
    }

    /// Takes the next record of an input, or leaves it behind.
    fn take(&mut self, index: usize) -> io::Result<u64> {
        let Some((entry, head)) = self.inputs[index].current.take() else { return Ok(0) };
        self.behind = Some(index);
        self.look_beside(&entry)?;
        let length = head.head_length();
        let forgotten = self.keep.forget.as_ref().is_some_and(|forget| forget.has(&entry.key, head.version));
        if forgotten || !self.group.wants(&head.stream, &head.tag, head.version, self.keep.newest) {
            self.dropped += 1;
            return Ok(length);
        }
        let at = entry.offset + length;
        let end = at + u64::from(head.payload_length);
        let checksum = PayloadChecksum::default();
        self.copying = Some(Copying { input: index, entry, head, at, end, checksum, verified: false });
        Ok(length)
    }

    /// Has the snapshots that come before one in the order, and stay in other files, count for their key.
    fn look_beside(&mut self, entry: &SnapshotEntry) -> io::Result<()> {
        let place: Order = (entry.key, Reverse(Version::new(u64::MAX)), Reverse(u64::MAX));
        if self.group.enter(entry.key) {
            // A damaged index has nothing to say; its file is made again by itself.
            self.beside.iter_mut().for_each(|cursor| cursor.seek(place).unwrap_or_default());
        }
        loop {
            let before = self.beside.iter_mut().filter_map(|cursor| {
                let order = cursor.current.as_ref()?.order();
                (order.0 == entry.key && order < entry.order()).then_some((order, cursor))
            });
            let Some((_, cursor)) = before.min_by_key(|(order, _)| *order) else { return Ok(()) };
            if let Some(other) = &cursor.current
                && let Ok(read) = read_head(&cursor.file, other, self.seed)?
            {
                self.group.take(&read.head.stream, &read.head.tag, read.head.version);
            }
            cursor.advance().unwrap_or_default();
        }
    }

    /// Puts the file in the place of its sources. The rename, once its directory is synced, is what decides.
    fn finish(&mut self, store: &Snapshots) -> Result<(), SnapshotError> {
        self.damaged += self.inputs.iter().map(|input| input.damaged).sum::<u64>();
        let new = match self.indexing.take() {
            Some(indexing) => {
                let completed = self.complete(&*store.env.disk, indexing);
                Some(completed.map_err(self.doing())?)
            }
            None => None,
        };
        if new.is_some() {
            let path = names::snapshots(self.id);
            let renamed = store.env.disk.rename(&names::snapshots_temporary(self.id), &path);
            store.removal.names_changed();
            if let Err(error) = renamed {
                // It may have the name all the same, and must not be found beside what is made of the sources next.
                store.removal.add(self.id);
                return Err(SnapshotError::io(format!("rename {path}"))(error));
            }
        } else {
            store.removal.add_temporary(self.id);
        }
        let empty = new.is_none();
        store.change_files(|files| files.replace(&self.sources, new));
        self.sources.iter().for_each(|id| store.removal.add(*id));
        store.removal.run(&*store.env.disk)?;
        // There is no file that would say of the sources that they do not count.
        if empty { store.removal.sync_names(&*store.env.disk) } else { Ok(()) }
    }

    /// Writes what is left of the file, makes it durable, and opens it.
    fn complete(&mut self, disk: &dyn Disk, indexing: Indexing) -> io::Result<Arc<Sorted>> {
        indexing.finish(&mut self.output, &self.header)?;
        self.output.file.sync_data()?;
        let file = disk.open(&names::snapshots_temporary(self.id), Access::Read)?;
        let sorted = Sorted::open(self.header.clone(), file.map(self.output.end())?);
        sorted.map(Arc::new).map_err(io::Error::other)
    }
}
