//! The files of a store's snapshots, as one look at the directory finds them.

use crate::error::SnapshotError;
use crate::file::AnyFile;
use crate::model::Unusable;
use crate::sorted::Sorted;
use crate::written::Written;
use annals_format::snapshot::{
    SNAPSHOT_HEADER_BYTES, SNAPSHOT_TRAILER_BYTES, SnapshotFileHeader, SnapshotFileKind,
    SnapshotFilePreamble, SnapshotTrailer,
};
use annals_format::{Damage, FormatError, StoreId, names};
use annals_vfs::{Access, Disk, EntryKind, File, read_up_to};
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

/// How often a directory is read again whose files go away while they are opened.
const ATTEMPTS: usize = 16;

/// The files. A list does not change: who changes it makes a new one, and lookups go on in the one that they have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    pub(crate) sorted: Vec<Arc<Sorted>>,
    pub(crate) written: Vec<Arc<Written>>,
    pub(crate) broken: Vec<Broken>,
}

/// A file that nothing can be looked up in.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) id: u64,
    pub(crate) why: Unusable,
    /// What a writer may do with it.
    pub(crate) rest: Rest,
    /// Its length, if it could be found out.
    pub(crate) length: u64,
}

/// What is left of a file that nothing can be looked up in.
#[derive(Clone, Debug)]
pub(crate) enum Rest {
    /// Its header is sound: records can be taken out of it one by one.
    Records(SnapshotFileHeader, Arc<dyn File>),
    /// Nothing.
    Nothing,
    /// It is somebody else's: of another store, or of a newer program.
    Foreign,
}

/// What one look at the directory found.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) files: Files,
    /// Files that count for nothing: those that a sorted file replaces, and those in which nothing was written.
    pub(crate) leftover: BTreeSet<u64>,
    /// Files that have not taken their name.
    pub(crate) temporaries: BTreeSet<u64>,
    /// The highest number in use.
    pub(crate) last_id: u64,
}

enum Opened {
    Written(SnapshotFileHeader, Arc<dyn File>, u64),
    Sorted(Arc<Sorted>),
    Broken(Broken),
    /// Nothing was written yet, or a crash has lost it.
    Blank,
    /// It was removed meanwhile.
    Gone,
}

/// Looks at the directory. Files that are known from before are not read again.
///
/// # Errors
/// What the system says. Damage is none: it is in the list.
pub(crate) fn look(disk: &dyn Disk, store_id: &StoreId, before: &Files) -> Result<Seen, SnapshotError> {
    for _ in 1..ATTEMPTS {
        if let (seen, false) = look_once(disk, store_id, before)? {
            return Ok(seen);
        }
    }
    // Whoever makes and removes files so fast: what is missing costs replay.
    Ok(look_once(disk, store_id, before)?.0)
}

/// Also says whether a file was gone that the directory had named.
fn look_once(disk: &dyn Disk, store_id: &StoreId, before: &Files) -> Result<(Seen, bool), SnapshotError> {
    let mut seen = Seen::default();
    let names = match disk.kinds(names::SNAPSHOT_DIR) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((seen, false)),
        Err(error) => return Err(SnapshotError::io(format!("list {}", names::SNAPSHOT_DIR))(error)),
    };
    let mut ids = Vec::new();
    for (name, _) in names.iter().filter(|(_, kind)| *kind == EntryKind::File) {
        if let Some(id) = names::parse_snapshots_temporary(name) {
            seen.temporaries.insert(id);
            seen.last_id = seen.last_id.max(id);
        }
        ids.extend(names::parse_snapshots(name));
    }
    let (mut opened, mut gone) = (Vec::new(), false);
    for id in ids {
        seen.last_id = seen.last_id.max(id);
        let file = open(disk, store_id, id, before)
            .map_err(SnapshotError::io(format!("read {}", names::snapshots(id))))?;
        if let Opened::Sorted(sorted) = &file {
            seen.leftover.extend(&sorted.header.replaced);
        }
        opened.push((id, file));
    }
    for (id, file) in opened {
        if seen.leftover.contains(&id) {
            continue;
        }
        match file {
            Opened::Gone => gone = true,
            Opened::Blank => {
                seen.leftover.insert(id);
            }
            Opened::Sorted(file) => seen.files.sorted.push(file),
            Opened::Broken(broken) => seen.files.broken.push(broken),
            Opened::Written(header, file, length) => {
                let file = written(header, file, length, before)
                    .map_err(SnapshotError::io(format!("read {}", names::snapshots(id))))?;
                seen.files.written.push(file);
            }
        }
    }
    // Only those that are there are left over; of the others the lists of replaced files tell long after they went.
    let there: BTreeSet<u64> = names.iter().filter_map(|(name, _)| names::parse_snapshots(name)).collect();
    seen.leftover.retain(|id| there.contains(id));
    Ok((seen, gone))
}

/// A written file, read as far as it is not known from before.
fn written(
    header: SnapshotFileHeader,
    file: Arc<dyn File>,
    length: u64,
    before: &Files,
) -> io::Result<Arc<Written>> {
    let known = before.written.iter().find(|known| known.header == header);
    match known {
        Some(known) => {
            known.catch_up(length)?;
            Ok(Arc::clone(known))
        }
        None => Ok(Arc::new(Written::scan(header, file, length)?)),
    }
}

fn open(disk: &dyn Disk, store_id: &StoreId, id: u64, before: &Files) -> io::Result<Opened> {
    let path = names::snapshots(id);
    let file = match disk.open(&path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Opened::Gone),
        Err(error) => return Err(error),
    };
    let length = file.length()?;
    let broken = |why, rest| Ok(Opened::Broken(Broken { id, why, rest, length }));
    let header = match read_header(&*file)? {
        None => return Ok(Opened::Blank),
        Some(Ok(header)) => header,
        Some(Err(error)) => {
            let rest = if matches!(error, FormatError::Newer { .. }) { Rest::Foreign } else { Rest::Nothing };
            return broken(unusable(&path, error), rest);
        }
    };
    if let Err(damage) = check_owner(&header, store_id, id) {
        return broken(Unusable::damaged(&path, damage), Rest::Foreign);
    }
    if header.kind == SnapshotFileKind::Written {
        return Ok(Opened::Written(header, file, length));
    }
    if let Some(known) = before.sorted.iter().find(|known| known.header == header) {
        return Ok(Opened::Sorted(Arc::clone(known)));
    }
    match Sorted::open(header.clone(), file.map(length)?) {
        Ok(sorted) => Ok(Opened::Sorted(Arc::new(sorted))),
        Err(error @ FormatError::Newer { .. }) => broken(unusable(&path, error), Rest::Foreign),
        Err(error) => broken(unusable(&path, error), Rest::Records(header, file)),
    }
}

/// Reads the header of a file: `None` if none was written to its end, which a crash explains. It does not in a sorted file, which was
/// whole before it got its name.
pub(crate) fn read_header(file: &dyn File) -> io::Result<Option<Result<SnapshotFileHeader, FormatError>>> {
    let mut first = [0; SNAPSHOT_HEADER_BYTES];
    let read = read_up_to(file, &mut first, 0)?;
    if read < SNAPSHOT_HEADER_BYTES {
        return Ok(None);
    }
    if SnapshotFilePreamble::is_unfinished(&first) {
        let mut last = [0; SNAPSHOT_TRAILER_BYTES];
        let start = file.length()?.saturating_sub(SNAPSHOT_TRAILER_BYTES as u64);
        let read = read_up_to(file, &mut last, start)?;
        let sorted = SnapshotTrailer::may_be(&last[..read]);
        return Ok(sorted.then_some(Err(FormatError::Foreign { expected: "a sorted file of snapshots" })));
    }
    let preamble = match SnapshotFilePreamble::decode(&first) {
        Ok(preamble) => preamble,
        Err(error) => return Ok(Some(Err(error))),
    };
    let mut rest = vec![0; preamble.rest_length()];
    let read = read_up_to(file, &mut rest, SNAPSHOT_HEADER_BYTES as u64)?;
    Ok(Some(preamble.complete(&rest[..read])))
}

/// Whether a header is that of a store's file with a number.
pub(crate) fn check_owner(header: &SnapshotFileHeader, store_id: &StoreId, id: u64) -> Result<(), Damage> {
    if header.store_id != *store_id {
        let number = |id: &StoreId| (u128::from_be_bytes(*id) >> 64) as u64;
        return Err(Damage::new(
            16,
            "store of a file of snapshots",
            number(&header.store_id),
            number(store_id),
        ));
    }
    if header.file_id != id {
        return Err(Damage::new(32, "number of a file of snapshots", header.file_id, id));
    }
    Ok(())
}

/// What an error of a decoder means for whoever looks something up.
pub(crate) fn unusable(path: &str, error: FormatError) -> Unusable {
    match error {
        FormatError::Damaged(damage) => Unusable::damaged(path, damage),
        FormatError::Newer { found, .. } => {
            Unusable::Newer { file: path.into(), offset: 8, what: "format version", found: found.into() }
        }
        FormatError::Foreign { .. } => {
            Unusable::damaged(path, Damage::new(0, "magic number of a file of snapshots", 0u32, 0u32))
        }
    }
}

impl Files {
    /// All files that snapshots are found in.
    pub(crate) fn all(&self) -> impl Iterator<Item = AnyFile> + '_ {
        let written = self.written.iter().cloned().map(AnyFile::Written);
        written.chain(self.sorted.iter().cloned().map(AnyFile::Sorted))
    }

    /// The highest number that a snapshot has in the order of puts.
    pub(crate) fn last_sequence(&self) -> u64 {
        let sorted = self.sorted.iter().map(|file| file.trailer.last_sequence);
        sorted.chain(self.written.iter().map(|file| file.last_sequence())).max().unwrap_or(0)
    }

    /// Takes files out and puts one in.
    pub(crate) fn replace(&mut self, gone: &[u64], new: Option<Arc<Sorted>>) {
        self.sorted.retain(|file| !gone.contains(&file.id));
        self.written.retain(|file| !gone.contains(&file.id));
        self.broken.retain(|file| !gone.contains(&file.id));
        self.sorted.extend(new);
    }
}
