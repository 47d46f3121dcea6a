//! Reading and checking every byte.

use crate::error::SnapshotError;
use crate::files::{check_owner, read_header};
use crate::sorted::Sorted;
use crate::walk::{Piece, Walk};
use crate::window::Source;
use crate::written::entry_of;
use annals_format::snapshot::{SnapshotEntry, SnapshotFileHeader, SnapshotFileKind, SnapshotKey};
use annals_format::{Corruption, Damage, FormatError, StoreId, names};
use annals_vfs::{Access, Disk, EntryKind, File, is_shortage};
use std::io;
use std::sync::Arc;

/// What was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Files that were read.
    pub files: u64,
    /// Snapshots that are sound, each as often as it is there.
    pub snapshots: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Files that only a newer program can read.
    pub newer: Vec<String>,
}

/// Reads every byte of all snapshots of a store, checks them, and hands each damage to `report`. Also beside a process that
/// writes. In files that are still appended to, or were when a process ended, only what had been durable can be damaged: what
/// lies behind may be the torn tail of a crash.
///
/// # Errors
/// [`SnapshotError::Io`] if the directory cannot be read, or there are not enough descriptors or not enough memory. A file
/// that cannot be read is told as damage of that file.
pub fn verify(
    disk: &dyn Disk,
    store_id: &StoreId,
    report: &mut dyn FnMut(Corruption),
) -> Result<Verified, SnapshotError> {
    let mut verified = Verified::default();
    let names = match disk.kinds(names::SNAPSHOT_DIR) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(verified),
        names => names.map_err(SnapshotError::io(format!("list {}", names::SNAPSHOT_DIR)))?,
    };
    for (name, kind) in names {
        let Some(id) = names::parse_snapshots(&name) else { continue };
        let path = names::snapshots(id);
        if kind != EntryKind::File {
            report(Damage::new(0, "not a file, where snapshots should be", 0u32, 0u32).in_file(path));
            continue;
        }
        let mut found = |damage: Damage| report(damage.in_file(path.as_str()));
        match verify_file(disk, store_id, id, &mut verified, &mut found) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if is_shortage(&error) => {
                return Err(SnapshotError::io(format!("read {path}"))(error));
            }
            Err(error) => {
                let what = format!("the file cannot be read ({error})");
                report(Corruption { file: path, offset: 0, what, found: 0, expected: 0 });
            }
            Ok(()) => {}
        }
    }
    Ok(verified)
}

fn verify_file(
    disk: &dyn Disk,
    store_id: &StoreId,
    id: u64,
    verified: &mut Verified,
    report: &mut dyn FnMut(Damage),
) -> io::Result<()> {
    let file = disk.open(&names::snapshots(id), Access::Read)?;
    let length = file.length()?;
    verified.files += 1;
    verified.bytes += length;
    let header = match read_header(&*file)? {
        // Nothing was written, or a crash has lost it.
        None => return Ok(()),
        Some(Ok(header)) => header,
        Some(Err(error)) => {
            tell(error, id, verified, report);
            return Ok(());
        }
    };
    if let Err(damage) = check_owner(&header, store_id, id) {
        report(damage);
        return Ok(());
    }
    match header.kind {
        SnapshotFileKind::Written => verified.snapshots += verify_written(&header, &file, length, report)?,
        SnapshotFileKind::Sorted => match Sorted::open(header, file.map(length)?) {
            Ok(sorted) => verified.snapshots += verify_sorted(&sorted, report)?,
            Err(error) => tell(error, id, verified, report),
        },
    }
    Ok(())
}

fn tell(error: FormatError, id: u64, verified: &mut Verified, report: &mut dyn FnMut(Damage)) {
    match error {
        FormatError::Newer { .. } => verified.newer.push(names::snapshots(id)),
        FormatError::Damaged(damage) => report(damage),
        FormatError::Foreign { .. } => {
            report(Damage::new(0, "magic number of a file of snapshots", 0u32, 0u32));
        }
    }
}

fn verify_written(
    header: &SnapshotFileHeader,
    file: &Arc<dyn File>,
    length: u64,
    report: &mut dyn FnMut(Damage),
) -> io::Result<u64> {
    let records = header.length() as u64..length;
    let mut walk = Walk::new(Source::File(Arc::clone(file)), records, header.binding());
    let (mut sound, mut durable, mut bad) = (0, 0, Vec::new());
    while let Some(piece) = walk.next()? {
        match piece {
            Piece::Record(offset, head) => {
                durable = durable.max(head.durable);
                let before = bad.len();
                bad.extend(walk.check_payload(offset, &head)?.err().map(|damage| (offset, damage)));
                sound += u64::from(bad.len() == before);
                bad.extend(walk.check_zeros(offset, &head)?.err().map(|damage| (offset, damage)));
            }
            Piece::Bad(range, damage) => bad.push((range.start, damage)),
        }
    }
    bad.into_iter().filter(|(offset, _)| *offset < durable).for_each(|(_, damage)| report(damage));
    Ok(sound)
}

/// All damage in a sorted file; says how many of its snapshots are sound.
pub(crate) fn verify_sorted(file: &Sorted, report: &mut dyn FnMut(Damage)) -> io::Result<u64> {
    file.check_pages(report);
    for gap in file.gaps() {
        let bytes = file.mapping.bytes(gap.clone()).unwrap_or_default();
        if let Some(at) = bytes.iter().position(|byte| *byte != 0) {
            report(Damage::new(gap.start + at as u64, "zeros in a file of snapshots", bytes[at], 0u32));
        }
    }
    let source = Source::Mapped(Arc::clone(&file.mapping));
    let mut walk = Walk::new(source, file.records(), file.binding);
    let mut compared = Compared::new(file);
    let mut sound = 0;
    while let Some(piece) = walk.next()? {
        match piece {
            Piece::Record(offset, head) => {
                match walk.check_payload(offset, &head)? {
                    Ok(()) => sound += 1,
                    Err(damage) => report(damage),
                }
                walk.check_zeros(offset, &head)?.unwrap_or_else(&mut *report);
                compared.record(&entry_of(&head, offset, &file.header), report);
            }
            Piece::Bad(_, damage) => {
                compared.records_damaged = true;
                report(damage);
            }
        }
    }
    compared.end(report);
    Ok(sound)
}

/// The index of a file beside its records.
struct Compared<'a> {
    file: &'a Sorted,
    number: u64,
    last: Option<SnapshotEntry>,
    keys: u64,
    last_sequence: u64,
    /// Whether records are missing to compare entries with.
    records_damaged: bool,
    /// Whether the index cannot be read, which was told before.
    index_damaged: bool,
}

impl<'a> Compared<'a> {
    fn new(file: &'a Sorted) -> Self {
        let (number, last, keys, last_sequence) = (0, None, 0, 0);
        Compared { file, number, last, keys, last_sequence, records_damaged: false, index_damaged: false }
    }

    fn record(&mut self, wanted: &SnapshotEntry, report: &mut dyn FnMut(Damage)) {
        let order = |entry: &SnapshotEntry| entry.order();
        if self.last.as_ref().is_some_and(|last| order(last) >= order(wanted)) {
            report(Damage::new(wanted.offset, "order of the snapshots in a sorted file", self.number, 0u64));
        }
        self.keys += u64::from(self.last.is_none_or(|last| last.key != wanted.key));
        self.last_sequence = self.last_sequence.max(wanted.sequence);
        self.last = Some(*wanted);
        self.filter(&wanted.key, wanted.offset, report);
        loop {
            match self.file.entry(self.number) {
                Ok(Some(entry)) if entry == *wanted => self.number += 1,
                // The record that it leads to was damaged.
                Ok(Some(entry)) if self.records_damaged && entry.offset < wanted.offset => {
                    self.number += 1;
                    continue;
                }
                Ok(entry) => {
                    let found = entry.map_or(u64::MAX, |entry| entry.offset);
                    report(Damage::new(
                        wanted.offset,
                        "entry of a snapshot in the index",
                        found,
                        wanted.offset,
                    ));
                    self.number += 1;
                }
                Err(_) => {
                    self.index_damaged = true;
                    self.number += 1;
                }
            }
            return;
        }
    }

    fn filter(&mut self, key: &SnapshotKey, offset: u64, report: &mut dyn FnMut(Damage)) {
        match self.file.may_contain(key) {
            Ok(true) => {}
            Ok(false) => report(Damage::new(offset, "snapshot that the filter denies", 0u32, 1u32)),
            Err(_) => self.index_damaged = true,
        }
    }

    /// Compares the totals, if everything could be read that they are made of.
    fn end(self, report: &mut dyn FnMut(Damage)) {
        if self.records_damaged || self.index_damaged {
            return;
        }
        let trailer = &self.file.trailer;
        for (what, found, expected) in [
            ("number of snapshots in the trailer", trailer.count, self.number),
            ("number of keys in the trailer", trailer.keys, self.keys),
            ("last sequence in the trailer", trailer.last_sequence, self.last_sequence),
        ] {
            if found != expected {
                report(Damage::new(self.file.gaps()[2].end, what, found, expected));
            }
        }
    }
}
