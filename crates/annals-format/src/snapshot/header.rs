//! The header of a file of snapshots.

use crate::FORMAT_VERSION;
use crate::binding::{Binding, StoreId};
use crate::damage::{Damage, FormatError};
use crate::wire::{put_u32, put_u64, u32_at, u64_at};
use crc32fast::Hasher;

const MAGIC: [u8; 8] = *b"ANNALSNP";
const VERSION: usize = 8;
const CHECKSUM: usize = 12;
const STORE_ID: usize = 16;
const FILE_ID: usize = 32;
const SALT: usize = 40;
const REPLACED_COUNT: usize = 48;
const REPLACED_CHECKSUM: usize = 52;
const KIND: usize = 56;
const RESERVED: usize = 57;
const END: usize = 63;

/// The last byte of the first part of every header. A crash leaves zero in its place if it has lost the end of the first write.
const END_MARK: u8 = 0xFF;

/// The first version of the format that has snapshots.
const VERSION_MIN: u32 = 3;
/// Length of the part of the header that every file has; the numbers of the files that it replaces follow.
pub const SNAPSHOT_HEADER_BYTES: usize = 64;
/// Most files that one file may replace.
pub const REPLACED_MAX: usize = 4096;

const _: () = assert!(RESERVED + 6 == END && END + 1 == SNAPSHOT_HEADER_BYTES);

/// What a file of snapshots is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotFileKind {
    /// Records in the order in which they were put, as far as they have been written.
    Written,
    /// Records in the order of their keys, with an index behind them. It was complete before it got its name.
    Sorted,
}

impl SnapshotFileKind {
    const fn code(self) -> u8 {
        match self {
            SnapshotFileKind::Written => 1,
            SnapshotFileKind::Sorted => 2,
        }
    }
}

/// The header of a file of snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFileHeader {
    /// The store it belongs to.
    pub store_id: StoreId,
    /// Its number.
    pub file_id: u64,
    /// Random number that goes into the checksums of its records.
    pub salt: u64,
    /// What it is made of.
    pub kind: SnapshotFileKind,
    /// The numbers of the files whose place it takes, ascending and below its own. Where such a file is still there, a crash
    /// came before its removal, and it counts for nothing.
    pub replaced: Vec<u64>,
}

/// The first bytes of a header, from which its length is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFilePreamble {
    header: SnapshotFileHeader,
    replaced_count: usize,
    replaced_checksum: u32,
}

impl SnapshotFileHeader {
    /// The seed of the checksums of the file.
    #[must_use]
    pub fn binding(&self) -> Binding {
        Binding::new(&self.store_id, self.file_id, self.salt)
    }

    /// Length of the header as bytes, a multiple of 8; the records begin behind it.
    #[must_use]
    pub fn length(&self) -> usize {
        SNAPSHOT_HEADER_BYTES + self.replaced.len() * 8
    }

    /// The header as bytes. Of more than [`REPLACED_MAX`] files only the first are told.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        debug_assert!(self.replaced.len() <= REPLACED_MAX);
        let count = self.replaced.len().min(REPLACED_MAX);
        let list: Vec<u8> = self.replaced[..count].iter().flat_map(|id| id.to_le_bytes()).collect();
        let mut bytes = vec![0; SNAPSHOT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        put_u32(&mut bytes, VERSION, FORMAT_VERSION);
        bytes[STORE_ID..FILE_ID].copy_from_slice(&self.store_id);
        put_u64(&mut bytes, FILE_ID, self.file_id);
        put_u64(&mut bytes, SALT, self.salt);
        put_u32(&mut bytes, REPLACED_COUNT, count as u32);
        put_u32(&mut bytes, REPLACED_CHECKSUM, crc32fast::hash(&list));
        bytes[KIND] = self.kind.code();
        bytes[END] = END_MARK;
        let checksum = preamble_checksum(&bytes);
        put_u32(&mut bytes, CHECKSUM, checksum);
        bytes.extend_from_slice(&list);
        bytes
    }
}

impl SnapshotFilePreamble {
    /// Whether the first write of a file has not come as far as the end of the first part of the header, as after a crash.
    #[must_use]
    pub fn is_unfinished(bytes: &[u8; SNAPSHOT_HEADER_BYTES]) -> bool {
        bytes[END] == 0
    }

    /// Reads the first part of a header. The checks, in order: magic, checksum, version, kind, number of replaced files,
    /// end mark, reserved bytes.
    ///
    /// # Errors
    /// The first check that fails. A header that was never written is `Foreign`.
    pub fn decode(bytes: &[u8; SNAPSHOT_HEADER_BYTES]) -> Result<Self, FormatError> {
        if bytes[..8] != MAGIC {
            return Err(FormatError::Foreign { expected: "a file of snapshots of an Annals store" });
        }
        let (found, expected) = (u32_at(bytes, CHECKSUM), preamble_checksum(bytes));
        if found != expected {
            return Err(Damage::new(CHECKSUM as u64, "snapshot file header checksum", found, expected).into());
        }
        check_version(u32_at(bytes, VERSION), VERSION as u64)?;
        let kind = match bytes[KIND] {
            1 => SnapshotFileKind::Written,
            2 => SnapshotFileKind::Sorted,
            other => return Err(Damage::new(KIND as u64, "kind of a file of snapshots", other, 2u32).into()),
        };
        let count = u32_at(bytes, REPLACED_COUNT);
        if count as usize > REPLACED_MAX {
            let what = "number of files that a file of snapshots replaces";
            return Err(Damage::new(REPLACED_COUNT as u64, what, count, REPLACED_MAX as u64).into());
        }
        if bytes[END] != END_MARK {
            let what = "end of the snapshot file header";
            return Err(Damage::new(END as u64, what, bytes[END], END_MARK).into());
        }
        let reserved = (u64_at(bytes, KIND) << 8) >> 16;
        if reserved != 0 {
            let what = "reserved bytes of the snapshot file header";
            return Err(Damage::new(RESERVED as u64, what, reserved, 0u64).into());
        }
        let mut store_id = [0; 16];
        store_id.copy_from_slice(&bytes[STORE_ID..FILE_ID]);
        let (file_id, salt) = (u64_at(bytes, FILE_ID), u64_at(bytes, SALT));
        Ok(SnapshotFilePreamble {
            header: SnapshotFileHeader { store_id, file_id, salt, kind, replaced: Vec::new() },
            replaced_count: count as usize,
            replaced_checksum: u32_at(bytes, REPLACED_CHECKSUM),
        })
    }

    /// How many bytes follow that belong to the header: at most 32 KiB.
    #[must_use]
    pub fn rest_length(&self) -> usize {
        self.replaced_count * 8
    }

    /// The header, given the bytes behind its first part. The checks, in order: their number, checksum, order of the numbers.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn complete(mut self, rest: &[u8]) -> Result<SnapshotFileHeader, FormatError> {
        let at = SNAPSHOT_HEADER_BYTES as u64;
        let Some(list) = rest.get(..self.rest_length()) else {
            let (found, expected) = (rest.len() as u64, self.rest_length() as u64);
            return Err(Damage::new(at, "length of the list of replaced files", found, expected).into());
        };
        let (found, expected) = (crc32fast::hash(list), self.replaced_checksum);
        if found != expected {
            return Err(Damage::new(at, "checksum of the list of replaced files", found, expected).into());
        }
        self.header.replaced = list.as_chunks().0.iter().map(|id| u64::from_le_bytes(*id)).collect();
        let mut least = 0;
        for (index, id) in self.header.replaced.iter().enumerate() {
            if *id < least || *id >= self.header.file_id {
                let at = at + index as u64 * 8;
                return Err(Damage::new(at, "number of a replaced file", *id, least).into());
            }
            least = id + 1;
        }
        Ok(self.header)
    }
}

/// Whether a file of a version is read. `at` is where in the file it was found.
pub(super) fn check_version(found: u32, at: u64) -> Result<(), FormatError> {
    match found {
        0..VERSION_MIN => {
            Err(Damage::new(at, "version of a file of snapshots, too old", found, VERSION_MIN).into())
        }
        VERSION_MIN..=FORMAT_VERSION => Ok(()),
        _ => Err(FormatError::Newer { found, supported: FORMAT_VERSION }),
    }
}

/// See [`crate::reseal`].
pub(super) fn reseal_header(bytes: &mut [u8]) {
    if bytes.len() < SNAPSHOT_HEADER_BYTES {
        return;
    }
    let length = (u32_at(bytes, REPLACED_COUNT) as usize).saturating_mul(8);
    if let Some(list) = bytes[SNAPSHOT_HEADER_BYTES..].get(..length) {
        let checksum = crc32fast::hash(list);
        put_u32(bytes, REPLACED_CHECKSUM, checksum);
    }
    let checksum = preamble_checksum(&bytes[..SNAPSHOT_HEADER_BYTES]);
    put_u32(bytes, CHECKSUM, checksum);
}

/// Not bound, so that a header can be read without knowing the store.
fn preamble_checksum(bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&bytes[..CHECKSUM]);
    hasher.update(&bytes[STORE_ID..]);
    hasher.finalize()
}
