//! The catalog of an archive: which objects make up the copy of a store's log in an object storage.

use crate::FORMAT_VERSION;
use crate::binding::StoreId;
use crate::damage::{Damage, FormatError};
use crate::wire::{put_i64, put_u32, put_u64, u32_at, u64_at};
use annals_types::{Position, Timestamp, Uuid};
use crc32fast::Hasher;

const MAGIC: [u8; 8] = *b"ANNALARC";
const VERSION: usize = 8;
const CHECKSUM: usize = 12;
const STORE_ID: usize = 16;
const SEQUENCE: usize = 32;
const SHIPPER: usize = 40;
const POSITION: usize = 56;
const RECORDED_AT: usize = 64;
const EVENT_ID: usize = 72;
const WRITTEN_AT: usize = 88;
const MANIFEST_BYTES: usize = 96;
const OBJECTS: usize = 104;
const HEADER_BYTES: usize = 112;
const OBJECT_BYTES: usize = 48;

/// A catalog. It is an object of its own, with a number; the one with the highest number counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveCatalog {
    /// The store whose log it is.
    pub store_id: StoreId,
    /// Its number, from 1.
    pub sequence: u64,
    /// Who wrote it: random for each process that ships.
    pub shipper: Uuid,
    /// The last position.
    pub position: Position,
    /// When the store took the event at that position; the smallest time if there is none.
    pub recorded_at: Timestamp,
    /// The id of that event; zero if there is none, or it cannot be told.
    pub event_id: Uuid,
    /// When it was written.
    pub written_at: Timestamp,
    /// The manifest of the log, as bytes: the segments that are open among them, and no runs.
    pub manifest: Vec<u8>,
    /// The objects that the segments consist of, each segment's in order.
    pub objects: Vec<ArchivedObject>,
}

/// A stretch of a segment's bytes as an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchivedObject {
    /// The number of the segment.
    pub segment_id: u64,
    /// The salt of the segment.
    pub salt: u64,
    /// Where it begins in the segment.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// Who wrote it. No two write an object of the same name.
    pub shipper: Uuid,
}

impl ArchivedObject {
    /// Its name, within the directory of objects.
    ///
    /// ```
    /// use annals_format::ArchivedObject;
    /// let object = ArchivedObject { segment_id: 7, salt: 255, from: 0, to: 64, shipper: Default::default() };
    /// let name = "000000000007-00000000000000ff-0-64-00000000000000000000000000000000";
    /// assert_eq!(object.name(), name);
    /// ```
    #[must_use]
    pub fn name(&self) -> String {
        let ArchivedObject { segment_id, salt, from, to, shipper } = self;
        format!("{segment_id:012}-{salt:016x}-{from}-{to}-{:032x}", shipper.as_u128())
    }
}

impl ArchiveCatalog {
    /// The catalog as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        put_u32(&mut bytes, VERSION, FORMAT_VERSION);
        bytes[STORE_ID..SEQUENCE].copy_from_slice(&self.store_id);
        put_u64(&mut bytes, SEQUENCE, self.sequence);
        bytes[SHIPPER..POSITION].copy_from_slice(self.shipper.as_bytes());
        put_u64(&mut bytes, POSITION, self.position.get());
        put_i64(&mut bytes, RECORDED_AT, self.recorded_at.as_nanos());
        bytes[EVENT_ID..WRITTEN_AT].copy_from_slice(self.event_id.as_bytes());
        put_i64(&mut bytes, WRITTEN_AT, self.written_at.as_nanos());
        put_u64(&mut bytes, MANIFEST_BYTES, self.manifest.len() as u64);
        put_u64(&mut bytes, OBJECTS, self.objects.len() as u64);
        bytes.extend_from_slice(&self.manifest);
        for object in &self.objects {
            for number in [object.segment_id, object.salt, object.from, object.to] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(object.shipper.as_bytes());
        }
        let sum = checksum(&bytes);
        put_u32(&mut bytes, CHECKSUM, sum);
        bytes
    }

    /// Reads a catalog. The checks, in order: magic, version, checksum, length, position, stretches.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() < HEADER_BYTES || bytes[..8] != MAGIC {
            return Err(FormatError::Foreign { expected: "the catalog of an archive" });
        }
        let version = u32_at(bytes, VERSION);
        if version > FORMAT_VERSION {
            return Err(FormatError::Newer { found: version, supported: FORMAT_VERSION });
        }
        let (found, expected) = (u32_at(bytes, CHECKSUM), checksum(bytes));
        if found != expected {
            return Err(Damage::new(CHECKSUM as u64, "checksum of the catalog", found, expected).into());
        }
        let (manifest, count) = (u64_at(bytes, MANIFEST_BYTES), u64_at(bytes, OBJECTS));
        let rest = (bytes.len() - HEADER_BYTES) as u64;
        let told = count.checked_mul(OBJECT_BYTES as u64).and_then(|objects| objects.checked_add(manifest));
        if told != Some(rest) {
            return Err(Damage::new(MANIFEST_BYTES as u64, "length of the catalog", manifest, rest).into());
        }
        let position = Position::new(u64_at(bytes, POSITION));
        if position > Position::MAX {
            let (found, most) = (position.get(), Position::MAX.get());
            return Err(Damage::new(POSITION as u64, "position of the catalog", found, most).into());
        }
        let objects_at = HEADER_BYTES + usize::try_from(manifest).unwrap_or(0);
        let objects: Vec<_> = bytes[objects_at..].chunks_exact(OBJECT_BYTES).map(object).collect();
        if let Some(wrong) = objects.iter().position(|object| object.from >= object.to) {
            let (at, object) = (objects_at + wrong * OBJECT_BYTES, objects[wrong]);
            return Err(Damage::new(at as u64, "stretch of an object", object.from, object.to).into());
        }
        let time = |at| Timestamp::from_nanos(u64_at(bytes, at).cast_signed());
        let mut store_id = [0; 16];
        store_id.copy_from_slice(&bytes[STORE_ID..SEQUENCE]);
        Ok(ArchiveCatalog {
            store_id,
            sequence: u64_at(bytes, SEQUENCE),
            shipper: uuid_at(bytes, SHIPPER),
            position,
            recorded_at: time(RECORDED_AT),
            event_id: uuid_at(bytes, EVENT_ID),
            written_at: time(WRITTEN_AT),
            manifest: bytes[HEADER_BYTES..objects_at].to_vec(),
            objects,
        })
    }
}

fn object(bytes: &[u8]) -> ArchivedObject {
    ArchivedObject {
        segment_id: u64_at(bytes, 0),
        salt: u64_at(bytes, 8),
        from: u64_at(bytes, 16),
        to: u64_at(bytes, 24),
        shipper: uuid_at(bytes, 32),
    }
}

fn uuid_at(bytes: &[u8], at: usize) -> Uuid {
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&bytes[at..at + 16]);
    Uuid::from_bytes(uuid)
}

/// Makes the checksum of a catalog right; see [`crate::reseal`].
pub fn reseal_catalog(bytes: &mut [u8]) {
    if bytes.len() >= HEADER_BYTES {
        let sum = checksum(bytes);
        put_u32(bytes, CHECKSUM, sum);
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&bytes[..CHECKSUM]);
    hasher.update(&bytes[STORE_ID..]);
    hasher.finalize()
}
