//! The file `BACKUP`: what makes a directory the backup of a store, and what it held when it was made.

use crate::FORMAT_VERSION;
use crate::binding::StoreId;
use crate::damage::{Damage, FormatError};
use crate::manifest::CleanMark;
use crate::wire::{put_i64, put_u32, put_u64, u32_at, u64_at};
use annals_types::{Position, Timestamp, Uuid};
use crc32fast::Hasher;

const MAGIC: [u8; 8] = *b"ANNALBAK";
const VERSION: usize = 8;
const CHECKSUM: usize = 12;
const STORE_ID: usize = 16;
const COUNT: usize = 32;
const RESERVED: usize = 36;
const HEADER_BYTES: usize = 40;

const GENERATION: usize = 0;
const MANIFEST_CHECKSUM: usize = 8;
const STATE_RESERVED: usize = 12;
const POSITION: usize = 16;
const RECORDED_AT: usize = 24;
const EVENT_ID: usize = 32;
const TAKEN_AT: usize = 48;
const TAIL_SEGMENT: usize = 56;
const TAIL_END: usize = 64;
const STATE_BYTES: usize = 72;

/// The one that the directory holds, and the one that is being made of it.
const STATES_MAX: usize = 2;

/// Most bytes of a file `BACKUP`.
pub const BACKUP_BYTES_MAX: usize = HEADER_BYTES + STATES_MAX * STATE_BYTES;

/// The contents of a file `BACKUP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupMark {
    /// The store that it is a backup of.
    pub store_id: StoreId,
    /// What the directory may hold: none while the first backup is made, one afterwards, two while and after the next is
    /// made. The one whose manifest is there counts.
    pub states: Vec<BackupState>,
}

/// One state of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupState {
    /// Which manifest it has.
    pub manifest: ManifestSum,
    /// The last position.
    pub position: Position,
    /// When the store took the event at that position; the smallest time if there is none, or it cannot be told.
    pub recorded_at: Timestamp,
    /// The id of that event; zero if there is none, or it cannot be told.
    pub event_id: Uuid,
    /// When the backup was made.
    pub taken_at: Timestamp,
    /// Where the log ends: what lies behind belongs to a backup that was begun later and did not come to its end. Number 0 if
    /// no segment is open.
    pub tail: CleanMark,
}

/// What tells a manifest from all others of its store, copies included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestSum {
    /// Its generation.
    pub generation: u64,
    /// Its checksum.
    pub checksum: u32,
}

impl BackupMark {
    /// The file's bytes. Of more than two states the last two are written.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let states = &self.states[self.states.len().saturating_sub(STATES_MAX)..];
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        put_u32(&mut bytes, VERSION, FORMAT_VERSION);
        bytes[STORE_ID..COUNT].copy_from_slice(&self.store_id);
        put_u32(&mut bytes, COUNT, u32::try_from(states.len()).unwrap_or(0));
        for state in states {
            bytes.extend(state.encode());
        }
        let sum = checksum(&bytes);
        put_u32(&mut bytes, CHECKSUM, sum);
        bytes
    }

    /// Reads the file. The checks, in order: magic, version, length, checksum, reserved bytes, positions.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() < HEADER_BYTES || bytes[..8] != MAGIC {
            return Err(FormatError::Foreign { expected: "the mark of a backup of an Annals store" });
        }
        let version = u32_at(bytes, VERSION);
        if version > FORMAT_VERSION {
            return Err(FormatError::Newer { found: version, supported: FORMAT_VERSION });
        }
        let count = u32_at(bytes, COUNT) as usize;
        if count > STATES_MAX || bytes.len() != HEADER_BYTES + count * STATE_BYTES {
            let (found, most) = (bytes.len() as u64, BACKUP_BYTES_MAX as u64);
            return Err(Damage::new(COUNT as u64, "length of the file BACKUP", found, most).into());
        }
        let (found, expected) = (u32_at(bytes, CHECKSUM), checksum(bytes));
        if found != expected {
            return Err(Damage::new(CHECKSUM as u64, "checksum of the file BACKUP", found, expected).into());
        }
        let reserved = u32_at(bytes, RESERVED);
        if reserved != 0 {
            let at = RESERVED as u64;
            return Err(Damage::new(at, "reserved bytes of the file BACKUP", reserved, 0u32).into());
        }
        let mut store_id = [0; 16];
        store_id.copy_from_slice(&bytes[STORE_ID..COUNT]);
        let states = bytes[HEADER_BYTES..].chunks_exact(STATE_BYTES).enumerate();
        let states = states
            .map(|(index, bytes)| BackupState::decode(bytes, (HEADER_BYTES + index * STATE_BYTES) as u64));
        Ok(BackupMark { store_id, states: states.collect::<Result<_, _>>()? })
    }

    /// The state that a manifest stands for, if it is one of these.
    #[must_use]
    pub fn state_of(&self, manifest: ManifestSum) -> Option<&BackupState> {
        self.states.iter().find(|state| state.manifest == manifest)
    }
}

impl BackupState {
    fn encode(&self) -> [u8; STATE_BYTES] {
        let mut bytes = [0; STATE_BYTES];
        put_u64(&mut bytes, GENERATION, self.manifest.generation);
        put_u32(&mut bytes, MANIFEST_CHECKSUM, self.manifest.checksum);
        put_u64(&mut bytes, POSITION, self.position.get());
        put_i64(&mut bytes, RECORDED_AT, self.recorded_at.as_nanos());
        bytes[EVENT_ID..TAKEN_AT].copy_from_slice(self.event_id.as_bytes());
        put_i64(&mut bytes, TAKEN_AT, self.taken_at.as_nanos());
        put_u64(&mut bytes, TAIL_SEGMENT, self.tail.segment_id);
        put_u64(&mut bytes, TAIL_END, self.tail.frames_end);
        bytes
    }

    fn decode(bytes: &[u8], at: u64) -> Result<Self, Damage> {
        let reserved = u32_at(bytes, STATE_RESERVED);
        if reserved != 0 {
            let at = at + STATE_RESERVED as u64;
            return Err(Damage::new(at, "reserved bytes of the file BACKUP", reserved, 0u32));
        }
        let position = Position::new(u64_at(bytes, POSITION));
        if position > Position::MAX {
            let (found, most) = (position.get(), Position::MAX.get());
            return Err(Damage::new(at + POSITION as u64, "position of a backup", found, most));
        }
        let mut event_id = [0; 16];
        event_id.copy_from_slice(&bytes[EVENT_ID..TAKEN_AT]);
        let time = |offset| Timestamp::from_nanos(u64_at(bytes, offset).cast_signed());
        Ok(BackupState {
            manifest: ManifestSum {
                generation: u64_at(bytes, GENERATION),
                checksum: u32_at(bytes, MANIFEST_CHECKSUM),
            },
            position,
            recorded_at: time(RECORDED_AT),
            event_id: Uuid::from_bytes(event_id),
            taken_at: time(TAKEN_AT),
            tail: CleanMark { segment_id: u64_at(bytes, TAIL_SEGMENT), frames_end: u64_at(bytes, TAIL_END) },
        })
    }
}

/// Makes the checksum of a file `BACKUP` right; see [`crate::reseal`].
pub fn reseal_backup_mark(bytes: &mut [u8]) {
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
