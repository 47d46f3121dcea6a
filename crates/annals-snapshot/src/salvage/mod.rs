//! What is sound of the snapshots of a damaged store, for whoever makes a new one of it.
//!
//! Records are read and nothing else: indexes and filters may be damaged or gone. Most is read through handles and not through
//! mappings, so that a disk that cannot read says so with an error and not with a signal; what lies behind is read all the same.

mod readable;

use crate::error::SnapshotError;
use crate::files::{check_owner, read_header, unusable};
use crate::merge::{Group, Input};
use crate::model::{Snapshot, Unusable};
use crate::window::Source;
use crate::written::Written;
use annals_format::snapshot::{
    SNAPSHOT_TRAILER_BYTES, SnapshotFileHeader, SnapshotFileKind, SnapshotHead, SnapshotTrailer,
};
use annals_format::{Corruption, Damage, FormatError, StoreId, names};
use annals_vfs::{Access, Disk, EntryKind, File, is_shortage, read_exact_at};
use readable::Readable;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

/// A snapshot that is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// The stream whose state it is.
    pub stream: String,
    /// The schema tag.
    pub tag: String,
    /// Everything else.
    pub snapshot: Snapshot,
}

/// An iterator over all snapshots of a store that are sound, whatever is damaged around them. Those of a stream and tag come one
/// behind the other, from the newest to the oldest. Of those with one stream, tag and version the one that was put last comes, if it
/// is sound; otherwise the one before it. What cannot be used is told as [`Unusable`], and the iterator goes on behind it.
///
/// Nothing is changed on the disk, and nobody may change anything meanwhile. It takes memory for one snapshot of each file, and some
/// hundred bytes for each one in a written file, of which there are a few.
#[derive(Debug)]
pub struct Salvage {
    files: Vec<Remains>,
    group: Group,
    /// What is to be told before the next one.
    told: VecDeque<Unusable>,
}

/// What is left of a file.
#[derive(Debug)]
struct Remains {
    path: String,
    file: Arc<Readable>,
    input: Input,
    /// Whether all that is no record is damage. It is not where nobody knows where the records end.
    bounded: bool,
}

/// A file whose header is sound.
struct Candidate {
    id: u64,
    file: Arc<Readable>,
    header: SnapshotFileHeader,
}

impl Salvage {
    /// Looks at the files. A directory that is missing is one without snapshots.
    ///
    /// # Errors
    /// [`SnapshotError::Io`] if the directory cannot be read, or there are not enough descriptors or not enough memory. A file that
    /// cannot be read is told by the iterator.
    pub fn open(disk: &dyn Disk, store_id: &StoreId) -> Result<Self, SnapshotError> {
        let mut salvage = Salvage { files: Vec::new(), group: Group::default(), told: VecDeque::new() };
        let names = match disk.kinds(names::SNAPSHOT_DIR) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(salvage),
            names => names.map_err(SnapshotError::io(format!("list {}", names::SNAPSHOT_DIR)))?,
        };
        let files = names.iter().filter(|(_, kind)| *kind == EntryKind::File);
        let ids: BTreeSet<u64> = files.filter_map(|(name, _)| names::parse_snapshots(name)).collect();
        let mut candidates = Vec::new();
        for id in ids {
            let found = salvage.candidate(disk, store_id, id);
            candidates.extend(salvage.unless_refused(id, found)?.flatten());
        }
        // What a sorted file was made of counts for nothing beside it: something of that may have been dropped for good.
        let sorted = candidates.iter().filter(|candidate| candidate.header.kind == SnapshotFileKind::Sorted);
        let replaced: BTreeSet<u64> =
            sorted.flat_map(|candidate| candidate.header.replaced.iter().copied()).collect();
        for candidate in candidates.into_iter().filter(|candidate| !replaced.contains(&candidate.id)) {
            let id = candidate.id;
            let remains = salvage.remains(candidate);
            let remains = salvage.unless_refused(id, remains)?;
            salvage.files.extend(remains);
        }
        Ok(salvage)
    }

    /// What the system refuses is told, unless it says nothing of the file.
    fn unless_refused<T>(&mut self, id: u64, result: io::Result<T>) -> Result<Option<T>, SnapshotError> {
        let path = names::snapshots(id);
        match result {
            Err(error) if is_shortage(&error) => Err(SnapshotError::io(format!("read {path}"))(error)),
            Err(error) => {
                self.told.push_back(cannot_be_read(&path, 0, &error));
                Ok(None)
            }
            Ok(found) => Ok(Some(found)),
        }
    }

    fn candidate(&mut self, disk: &dyn Disk, store_id: &StoreId, id: u64) -> io::Result<Option<Candidate>> {
        let path = names::snapshots(id);
        let file = Arc::new(Readable::new(disk.open(&path, Access::Read)?)?);
        let header = match read_header(&*file)? {
            // Nothing was written, or a crash has lost it.
            None => return Ok(None),
            Some(Err(error)) => {
                self.told.push_back(unusable(&path, error));
                return Ok(None);
            }
            Some(Ok(header)) => header,
        };
        if let Err(damage) = check_owner(&header, store_id, id) {
            self.told.push_back(Unusable::damaged(&path, damage));
            return Ok(None);
        }
        Ok(Some(Candidate { id, file, header }))
    }

    fn remains(&mut self, Candidate { id, file, header }: Candidate) -> io::Result<Remains> {
        let (path, length) = (names::snapshots(id), file.length()?);
        let read: Arc<dyn File> = Arc::clone(&file) as _;
        let (input, bounded) = match header.kind {
            SnapshotFileKind::Written => {
                let written = Arc::new(Written::scan(header, Arc::clone(&read), length)?);
                self.told.extend(written.bad().into_iter().map(|damage| Unusable::damaged(&path, damage)));
                // Its records are not read in the order in which they lie. All of it could be read just now, or it cannot be mapped.
                let mapped = read.map(written.records().end);
                let source = mapped.map_or(Source::File(read), |mapping| Source::Mapped(Arc::new(mapping)));
                (Input::of_written_in(&written, source)?, true)
            }
            SnapshotFileKind::Sorted => {
                let end = records_end(&*file, &header, length)?;
                let bounded = end.is_ok();
                let end = end.unwrap_or_else(|error| {
                    self.told.push_back(unusable(&path, error));
                    length
                });
                (Input::of_rest(&header, &read, end)?, bounded)
            }
        };
        Ok(Remains { path, file, input, bounded })
    }

    /// Takes the next snapshot of a file; `None` if it is not the one that counts.
    fn take(&mut self, index: usize) -> Option<Result<Salvaged, Unusable>> {
        let remains = &mut self.files[index];
        let (entry, head) = remains.input.current.take()?;
        self.group.enter(entry.key);
        let taken = match self.group.wants(&head.stream, &head.tag, head.version, None) {
            false => None,
            true if head.flags != 0 => {
                Some(Err(Unusable::newer_flags(&remains.path, entry.offset, head.flags)))
            }
            true => match remains.input.walk.payload(entry.offset, &head) {
                Ok(Ok(payload)) => Some(Ok(salvaged(&head, payload))),
                Ok(Err(damage)) => Some(Err(Unusable::damaged(&remains.path, damage))),
                Err(error) => Some(Err(cannot_be_read(&remains.path, entry.offset, &error))),
            },
        };
        if matches!(taken, Some(Ok(_))) {
            self.group.take(&head.stream, &head.tag, head.version);
        }
        if let Err(error) = remains.input.advance() {
            self.told.push_back(cannot_be_read(&remains.path, entry.offset, &error));
        }
        taken
    }

    /// What was met in the files since the last snapshot.
    fn note_damage(&mut self) {
        for remains in &mut self.files {
            let Remains { path, file, input, bounded } = remains;
            let bad = input.bad.take().filter(|_| *bounded);
            self.told.extend(bad.map(|damage| Unusable::damaged(path, damage)));
            let unreadable = file.take_unreadable();
            self.told.extend(unreadable.map(|(offset, error)| cannot_be_read(path, offset, &error)));
        }
    }
}

impl Iterator for Salvage {
    type Item = Result<Salvaged, Unusable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.note_damage();
            if let Some(unusable) = self.told.pop_front() {
                return Some(Err(unusable));
            }
            let places = self.files.iter().enumerate();
            let places =
                places.filter_map(|(index, file)| Some((file.input.current.as_ref()?.0.order(), index)));
            let (_, index) = places.min()?;
            if let Some(item) = self.take(index) {
                return Some(item);
            }
        }
    }
}

fn salvaged(head: &SnapshotHead<'_>, payload: Vec<u8>) -> Salvaged {
    let (stream, tag) = (head.stream.as_ref().into(), head.tag.as_ref().into());
    Salvaged { stream, tag, snapshot: Snapshot::new(head, payload) }
}

fn cannot_be_read(path: &str, offset: u64, error: &io::Error) -> Unusable {
    let what = format!("the file cannot be read ({error})");
    Unusable::Damaged(Corruption { file: path.into(), offset, what, found: 0, expected: 0 })
}

/// Where the records of a sorted file end, by its trailer.
fn records_end(
    file: &dyn File,
    header: &SnapshotFileHeader,
    length: u64,
) -> io::Result<Result<u64, FormatError>> {
    let (own, least) = (header.length() as u64, SNAPSHOT_TRAILER_BYTES as u64);
    let Some(start) = length.checked_sub(least).filter(|start| *start >= own) else {
        let what = "length of a sorted file of snapshots";
        return Ok(Err(Damage::new(length, what, length, own + least).into()));
    };
    let mut bytes = [0; SNAPSHOT_TRAILER_BYTES];
    read_exact_at(file, &mut bytes, start)?;
    let trailer = SnapshotTrailer::decode(&bytes, own, length, header.binding());
    Ok(trailer.map(|trailer| trailer.records_end))
}
