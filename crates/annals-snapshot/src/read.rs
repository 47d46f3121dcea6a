//! One snapshot, read at the place that an entry gives.

use crate::file::AnyFile;
use annals_format::Damage;
use annals_format::snapshot::{
    PayloadChecksum, SNAPSHOT_HEAD_BYTES_MAX, SnapshotEntry, SnapshotHead, SnapshotKey,
};
use annals_vfs::read_up_to;
use std::borrow::Cow;
use std::io;

/// The header of the record that an entry leads to, and what was read with it. The record has been compared with the entry.
pub(crate) struct ReadHead<'a> {
    pub(crate) head: SnapshotHead<'static>,
    /// The first bytes of the record; of a sorted file all of them.
    bytes: Cow<'a, [u8]>,
}

/// Reads the header of a record.
///
/// # Errors
/// What the system says; inside, what is damaged.
pub(crate) fn read_head<'a>(
    file: &'a AnyFile,
    entry: &SnapshotEntry,
    seed: u64,
) -> io::Result<Result<ReadHead<'a>, Damage>> {
    let records = file.records();
    let end = entry.offset.saturating_add(entry.length);
    if entry.offset < records.start || end > records.end {
        return Ok(Err(Damage::new(entry.offset.min(records.end), "place of a snapshot", end, records.end)));
    }
    let bytes = match file {
        AnyFile::Sorted(file) => Cow::Borrowed(file.mapping.bytes(entry.offset..end).unwrap_or_default()),
        AnyFile::Written(file) => {
            let mut bytes = vec![0; (entry.length as usize).min(SNAPSHOT_HEAD_BYTES_MAX)];
            let read = read_up_to(&*file.file, &mut bytes, entry.offset)?;
            bytes.truncate(read);
            Cow::Owned(bytes)
        }
    };
    let head = match SnapshotHead::decode(&bytes, entry.offset, file.binding()) {
        Ok(head) => head.into_owned(),
        Err(damage) => return Ok(Err(damage)),
    };
    let same = head.record_length() == entry.length
        && head.version == entry.version
        && head.sequence == entry.sequence
        && head.occurred_max == entry.occurred_max
        && SnapshotKey::new(&head.stream, &head.tag, seed) == entry.key;
    if !same {
        let what = "snapshot that is not the one in the index";
        return Ok(Err(Damage::new(entry.offset, what, head.sequence, entry.sequence)));
    }
    Ok(Ok(ReadHead { head, bytes }))
}

impl ReadHead<'_> {
    /// The payload of the record.
    ///
    /// # Errors
    /// What the system says; inside, what is damaged.
    pub(crate) fn payload(
        &self,
        file: &AnyFile,
        entry: &SnapshotEntry,
    ) -> io::Result<Result<Vec<u8>, Damage>> {
        let start = self.head.head_length() as usize;
        let length = self.head.payload_length as usize;
        let offset = entry.offset + start as u64;
        if let AnyFile::Sorted(sorted) = file {
            sorted.mapping.prefetch(offset..offset + length as u64);
        }
        let payload = match (self.bytes.get(start..start + length), file) {
            (Some(held), _) => held.to_vec(),
            (None, AnyFile::Sorted(_)) => Vec::new(),
            (None, AnyFile::Written(written)) => {
                let mut payload = vec![0; length];
                let read = read_up_to(&*written.file, &mut payload, offset)?;
                payload.truncate(read);
                payload
            }
        };
        if payload.len() < length {
            let found = payload.len() as u64;
            return Ok(Err(Damage::new(offset, "room for the payload of a snapshot", found, length as u64)));
        }
        let (found, expected) = (PayloadChecksum::of(&payload), self.head.payload_checksum);
        if found != expected {
            return Ok(Err(Damage::new(offset, "checksum of a payload", found, expected)));
        }
        Ok(Ok(payload))
    }
}
