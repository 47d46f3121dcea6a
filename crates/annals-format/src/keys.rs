//! The key file: the keys of payloads, apart from the log.
//!
//! A header, and records behind each other. A record is written once, at the end; all that ever changes of it is that its
//! secret (key and name) is overwritten with zeros when the key is destroyed. So the secret has a checksum of its own, and a record
//! that says that the key is destroyed comes first: whatever a crash leaves of the secret then counts for nothing.

use crate::binding::Binding;
use crate::damage::{Damage, FormatError};
use crate::payload::Key;
use crate::wire::{i64_at, put_i64, put_u32, u16_at, u32_at};
use annals_types::{Timestamp, Uuid};

const FILE_MAGIC: &[u8; 8] = b"ANNALKEY";
/// Version of the key file that this build writes and reads.
pub const KEY_FILE_VERSION: u32 = 1;
/// Length of the header of a key file.
pub const KEY_FILE_HEADER_BYTES: usize = 48;
const VERSION: usize = 8;
const FILE_CHECKSUM: usize = 12;
const FILE_ID: usize = 16;
const FILE_CREATED: usize = 32;
const FILE_RESERVED: usize = 40;

const RECORD_MAGIC: &[u8; 4] = b"AKEY";
/// Length of a record of a key file without its secret.
pub const KEY_RECORD_HEADER_BYTES: usize = 48;
const CHECKSUM: usize = 4;
const LENGTH: usize = 8;
const KIND: usize = 12;
const NAME_LENGTH: usize = 14;
const ID: usize = 16;
const TIME: usize = 32;
const SECRET_CHECKSUM: usize = 40;
const INDEX: usize = 44;

const CREATED: u8 = 1;
const DESTROYED: u8 = 2;
const DESTROYED_ELSEWHERE: u8 = 3;
const SYNCED: u8 = 4;

/// Most bytes of the name of a key.
pub const KEY_NAME_BYTES_MAX: usize = 1024;
/// Records begin at multiples of this.
pub const KEY_RECORD_ALIGNMENT: usize = 8;
/// Most bytes of a record.
pub const KEY_RECORD_BYTES_MAX: usize = KEY_RECORD_HEADER_BYTES + 32 + KEY_NAME_BYTES_MAX;

/// The header of a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFileHeader {
    /// Random; the checksums of the records are bound to it.
    pub id: [u8; 16],
    /// When the file was made.
    pub created_at: Timestamp,
}

impl KeyFileHeader {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; KEY_FILE_HEADER_BYTES] {
        let mut bytes = [0; KEY_FILE_HEADER_BYTES];
        bytes[..VERSION].copy_from_slice(FILE_MAGIC);
        put_u32(&mut bytes, VERSION, KEY_FILE_VERSION);
        bytes[FILE_ID..FILE_CREATED].copy_from_slice(&self.id);
        put_i64(&mut bytes, FILE_CREATED, self.created_at.as_nanos());
        let checksum = file_checksum(&bytes);
        put_u32(&mut bytes, FILE_CHECKSUM, checksum);
        bytes
    }

    /// Reads it. Checks: magic, checksum, version, reserved bytes.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn decode(bytes: &[u8; KEY_FILE_HEADER_BYTES]) -> Result<Self, FormatError> {
        if !bytes.starts_with(FILE_MAGIC) {
            return Err(FormatError::Foreign { expected: "a key file" });
        }
        let (found, expected) = (u32_at(bytes, FILE_CHECKSUM), file_checksum(bytes));
        if found != expected {
            return Err(Damage::new(FILE_CHECKSUM as u64, "checksum of a key file", found, expected).into());
        }
        let version = u32_at(bytes, VERSION);
        if version > KEY_FILE_VERSION {
            return Err(FormatError::Newer { found: version, supported: KEY_FILE_VERSION });
        }
        if version == 0 || bytes[FILE_RESERVED..].iter().any(|byte| *byte != 0) {
            return Err(Damage::new(FILE_RESERVED as u64, "reserved bytes of a key file", 1u64, 0u64).into());
        }
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[FILE_ID..FILE_CREATED]);
        Ok(KeyFileHeader { id, created_at: Timestamp::from_nanos(i64_at(bytes, FILE_CREATED)) })
    }
}

/// A record of a key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The id of the key.
    pub id: Uuid,
    /// When it was created or destroyed, or the file was synced.
    pub at: Timestamp,
    /// Which one it is, from 0, of the records that were written at once. A record 0 is written when all before it are durable.
    pub index: u32,
    /// What it says.
    pub what: KeyFact,
}

/// What a record says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFact {
    /// It was created.
    Created {
        /// The key; `None` if it was overwritten, whole or in part.
        secret: Option<(Key, String)>,
    },
    /// It was destroyed.
    Destroyed,
    /// It was destroyed in another key file, and was never in this one.
    DestroyedElsewhere {
        /// When it was created.
        created_at: Timestamp,
    },
    /// Of no key: all records before are durable. The next record is written over it.
    Synced,
}

impl KeyRecord {
    /// The record as it stands at an offset of the file.
    ///
    /// # Panics
    /// If the name is longer than [`KEY_NAME_BYTES_MAX`].
    #[must_use]
    pub fn encode(&self, file: &KeyFileHeader, offset: u64) -> Vec<u8> {
        let mut bytes = vec![0; KEY_RECORD_HEADER_BYTES];
        let (kind, name_length) = match &self.what {
            KeyFact::Created { secret: Some((key, name)) } => {
                assert!(name.len() <= KEY_NAME_BYTES_MAX, "a name that was not checked");
                bytes.extend_from_slice(&key.0);
                bytes.extend_from_slice(name.as_bytes());
                (CREATED, name.len())
            }
            KeyFact::Created { secret: None } => (CREATED, 0),
            KeyFact::Destroyed => (DESTROYED, 0),
            KeyFact::Synced => (SYNCED, 0),
            KeyFact::DestroyedElsewhere { created_at } => {
                bytes.extend_from_slice(&created_at.as_nanos().to_le_bytes());
                (DESTROYED_ELSEWHERE, 0)
            }
        };
        bytes.resize(bytes.len().next_multiple_of(KEY_RECORD_ALIGNMENT), 0);
        let (length, secret) = (bytes.len(), crc32fast::hash(&bytes[KEY_RECORD_HEADER_BYTES..]));
        bytes[..CHECKSUM].copy_from_slice(RECORD_MAGIC);
        #[expect(clippy::cast_possible_truncation, reason = "bounded by KEY_RECORD_BYTES_MAX")]
        put_u32(&mut bytes, LENGTH, length as u32);
        bytes[KIND] = kind;
        #[expect(clippy::cast_possible_truncation, reason = "bounded by KEY_NAME_BYTES_MAX")]
        bytes[NAME_LENGTH..ID].copy_from_slice(&(name_length as u16).to_le_bytes());
        bytes[ID..TIME].copy_from_slice(self.id.as_bytes());
        put_i64(&mut bytes, TIME, self.at.as_nanos());
        put_u32(&mut bytes, SECRET_CHECKSUM, secret);
        put_u32(&mut bytes, INDEX, self.index);
        let checksum = record_checksum(&bytes, file, offset);
        put_u32(&mut bytes, CHECKSUM, checksum);
        bytes
    }

    /// The record at the front of `bytes`, which begin at `offset` of the file, and its length. A secret that is not as it was
    /// written is none: whether that is right is for whoever knows whether the key was destroyed.
    ///
    /// # Errors
    /// The first check that fails: room, magic, checksum (bound to file and offset), kind, reserved bytes, lengths.
    pub fn decode(bytes: &[u8], file: &KeyFileHeader, offset: u64) -> Result<(Self, usize), Damage> {
        let damage = |at: usize, what, found: u64, expected: u64| {
            Err(Damage::new(offset + at as u64, what, found, expected))
        };
        if bytes.len() < KEY_RECORD_HEADER_BYTES {
            return damage(0, "room for a key", bytes.len() as u64, KEY_RECORD_HEADER_BYTES as u64);
        }
        if !bytes.starts_with(RECORD_MAGIC) {
            return damage(0, "magic of a key", 0, 1);
        }
        let (found, expected) = (u32_at(bytes, CHECKSUM), record_checksum(bytes, file, offset));
        if found != expected {
            return damage(CHECKSUM, "checksum of a key", found.into(), expected.into());
        }
        let (kind, name_length) = (bytes[KIND], usize::from(u16_at(bytes, NAME_LENGTH)));
        if !(CREATED..=SYNCED).contains(&kind) || bytes[KIND + 1] != 0 {
            return damage(KIND, "kind of a key", kind.into(), CREATED.into());
        }
        let length = u32_at(bytes, LENGTH) as usize;
        let has_secret = kind == CREATED;
        let secret_length = match kind {
            CREATED => 32 + name_length,
            DESTROYED | SYNCED => 0,
            _ => 8,
        };
        let expected = (KEY_RECORD_HEADER_BYTES + secret_length).next_multiple_of(KEY_RECORD_ALIGNMENT);
        if length != expected || name_length > KEY_NAME_BYTES_MAX || (has_secret == (name_length == 0)) {
            return damage(LENGTH, "length of a key", length as u64, expected as u64);
        }
        let Some(secret) = bytes.get(KEY_RECORD_HEADER_BYTES..length) else {
            return damage(LENGTH, "room for a key", length as u64, bytes.len() as u64);
        };
        let (found, expected) = (crc32fast::hash(secret), u32_at(bytes, SECRET_CHECKSUM));
        let what = match kind {
            CREATED => {
                KeyFact::Created { secret: secret_of(secret, name_length).filter(|_| found == expected) }
            }
            DESTROYED => KeyFact::Destroyed,
            SYNCED => KeyFact::Synced,
            _ if found != expected => {
                return damage(KEY_RECORD_HEADER_BYTES, "checksum of a key", found.into(), expected.into());
            }
            _ => KeyFact::DestroyedElsewhere { created_at: Timestamp::from_nanos(i64_at(secret, 0)) },
        };
        let id = Uuid::from_slice(&bytes[ID..TIME]).unwrap_or_default();
        let (at, index) = (Timestamp::from_nanos(i64_at(bytes, TIME)), u32_at(bytes, INDEX));
        Ok((KeyRecord { id, at, index, what }, length))
    }
}

fn secret_of(secret: &[u8], name_length: usize) -> Option<(Key, String)> {
    let (key, rest) = secret.split_first_chunk()?;
    let name = std::str::from_utf8(rest.get(..name_length)?).ok()?;
    Some((Key(*key), name.to_owned()))
}

fn file_checksum(bytes: &[u8; KEY_FILE_HEADER_BYTES]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..FILE_CHECKSUM]);
    hasher.update(&bytes[FILE_ID..]);
    hasher.finalize()
}

/// Of a record's header, without its secret, at its place in its file.
fn record_checksum(bytes: &[u8], file: &KeyFileHeader, offset: u64) -> u32 {
    Binding::new(&file.id, 0, offset)
        .checksum_of(&[&bytes[..CHECKSUM], &bytes[LENGTH..KEY_RECORD_HEADER_BYTES]])
}

/// See [`crate::reseal`].
pub fn reseal_key_file(bytes: &mut [u8]) {
    let Some(header) = bytes.first_chunk_mut::<KEY_FILE_HEADER_BYTES>() else { return };
    let checksum = file_checksum(header);
    put_u32(header, FILE_CHECKSUM, checksum);
    let mut id = [0; 16];
    id.copy_from_slice(&header[FILE_ID..FILE_CREATED]);
    let file = KeyFileHeader { id, created_at: Timestamp::EPOCH };
    let mut offset = KEY_FILE_HEADER_BYTES;
    while let Some(record) = bytes.get_mut(offset..).filter(|rest| rest.len() >= KEY_RECORD_HEADER_BYTES) {
        let length = u32_at(record, LENGTH) as usize;
        if let Some(secret) = record.get(KEY_RECORD_HEADER_BYTES..length) {
            let checksum = crc32fast::hash(secret);
            put_u32(record, SECRET_CHECKSUM, checksum);
        }
        let checksum = record_checksum(record, &file, offset as u64);
        put_u32(record, CHECKSUM, checksum);
        offset = offset.saturating_add(length.max(KEY_RECORD_HEADER_BYTES));
    }
}
