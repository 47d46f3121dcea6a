//! The manifest: which files make up the store. It is small, and always replaced as a whole.

use crate::FORMAT_VERSION;
use crate::backup::ManifestSum;
use crate::binding::{Binding, StoreId};
use crate::damage::{Damage, FormatError};
use crate::footer::TimeRange;
use crate::wire::{Reader, put_i64, put_u32, put_u64, u32_at, u64_at};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp};
use crc32fast::Hasher;

const MAGIC: [u8; 8] = *b"ANNALMAN";
const VERSION: usize = 8;
const CHECKSUM: usize = 12;
const STORE_ID: usize = 16;
const LENGTH: usize = 32;
const GENERATION: usize = 40;
const CREATED_AT: usize = 48;
const SEGMENT_BYTES: usize = 56;
const DURABLE: usize = 64;
const NEXT_FILE_ID: usize = 72;
const DURABILITY: usize = 80;
/// Reserved in version 1.
const FLAGS: usize = 81;
const HASH_SEED: usize = 88;
const HEADER_BYTES: usize = MANIFEST_HEADER_BYTES;

/// What counts up by one with every file and manifest gets nowhere near; so counting on cannot overflow.
const COUNTER_MAX: u64 = 1 << 62;

const SECTION_SEALED: u32 = 1;
const SECTION_OPEN: u32 = 2;
const SECTION_RUNS: u32 = 3;
const SECTION_CLEAN: u32 = 4;

/// The flag of a store in which event ids are not indexed.
const FLAG_IDS_NOT_INDEXED: u8 = 1;

/// Length of a manifest's header.
pub const MANIFEST_HEADER_BYTES: usize = 96;

/// The list of live files and what the store was told about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Names the store for its whole life.
    pub store_id: StoreId,
    /// Goes up by one with every manifest.
    pub generation: u64,
    /// When the store was created.
    pub created_at: Timestamp,
    /// At which size a segment is full.
    pub segment_bytes: u64,
    /// The default durability, as a code that the store defines.
    pub durability: u8,
    /// Whether events can be found by their ids. It was chosen when the store was created; stores of version 1 of the
    /// format have all their ids in the index.
    pub ids_indexed: bool,
    /// A position up to which the log was durable when the manifest was written. It stays true for ever, so
    /// a log that ends below it has lost acknowledged events.
    pub durable: Position,
    /// Number of the next segment or run to be made.
    pub next_file_id: u64,
    /// The seed of the hashes in the index, random and the store's own: nobody can choose names that fall into
    /// one place, and all runs of a store agree on the places.
    pub hash_seed: u64,
    /// Sealed segments, in order of positions.
    pub sealed: Vec<SealedSegment>,
    /// Segments that may have frames but no footer yet, and those prepared for later, in order of use.
    pub open: Vec<OpenSegment>,
    /// Index runs, in order of positions.
    pub runs: Vec<RunEntry>,
    /// Where the log ended when the store was last closed in good order.
    pub clean: Option<CleanMark>,
}

/// A segment that will not change any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSegment {
    /// Its number.
    pub id: u64,
    /// Its salt.
    pub salt: u64,
    /// Position of its first event.
    pub first_position: Position,
    /// How many events it has.
    pub count: u64,
    /// Where its frames end.
    pub frames_end: u64,
    /// Length of the file.
    pub length: u64,
    /// Range of recorded_at.
    pub recorded: TimeRange,
    /// Range of occurred_at.
    pub occurred: TimeRange,
}

impl SealedSegment {
    /// The seed of the segment's checksums.
    #[must_use]
    pub fn binding(&self, store_id: &StoreId) -> Binding {
        Binding::new(store_id, self.id, self.salt)
    }

    /// Position of its last event.
    #[must_use]
    pub fn last_position(&self) -> Position {
        self.first_position.plus(self.count).previous()
    }
}

/// A segment that is being written, waits for its footer, or waits to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSegment {
    /// Its number.
    pub id: u64,
    /// Its salt.
    pub salt: u64,
}

impl OpenSegment {
    /// The seed of the segment's checksums.
    #[must_use]
    pub fn binding(&self, store_id: &StoreId) -> Binding {
        Binding::new(store_id, self.id, self.salt)
    }
}

/// A run of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEntry {
    /// Its number.
    pub id: u64,
    /// The first position that it covers.
    pub first_position: Position,
    /// How many positions it covers.
    pub count: u64,
    /// Length of the file.
    pub length: u64,
    /// The checksum in its trailer, so that a stale file of the same name is never taken for it.
    pub trailer_checksum: u32,
}

/// Where the log ended when the store was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanMark {
    /// The segment that was written.
    pub segment_id: u64,
    /// Where its frames ended.
    pub frames_end: u64,
}

impl Manifest {
    /// The manifest as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        put_u32(&mut bytes, VERSION, FORMAT_VERSION);
        bytes[STORE_ID..LENGTH].copy_from_slice(&self.store_id);
        put_u64(&mut bytes, GENERATION, self.generation);
        put_i64(&mut bytes, CREATED_AT, self.created_at.as_nanos());
        put_u64(&mut bytes, SEGMENT_BYTES, self.segment_bytes);
        put_u64(&mut bytes, DURABLE, self.durable.get());
        put_u64(&mut bytes, NEXT_FILE_ID, self.next_file_id);
        bytes[DURABILITY] = self.durability;
        bytes[FLAGS] = if self.ids_indexed { 0 } else { FLAG_IDS_NOT_INDEXED };
        put_u64(&mut bytes, HASH_SEED, self.hash_seed);
        section(&mut bytes, SECTION_SEALED, &self.sealed, |out, segment| {
            out.extend([segment.id, segment.salt, segment.first_position.get(), segment.count]);
            out.extend([segment.frames_end, segment.length]);
            for range in [segment.recorded, segment.occurred] {
                out.extend([range.min, range.max].map(|time| time.as_nanos().cast_unsigned()));
            }
        });
        section(&mut bytes, SECTION_OPEN, &self.open, |out, segment| out.extend([segment.id, segment.salt]));
        section(&mut bytes, SECTION_RUNS, &self.runs, |out, run| {
            out.extend([
                run.id,
                run.first_position.get(),
                run.count,
                run.length,
                run.trailer_checksum.into(),
            ]);
        });
        if let Some(clean) = &self.clean {
            section(&mut bytes, SECTION_CLEAN, std::slice::from_ref(clean), |out, clean| {
                out.extend([clean.segment_id, clean.frames_end]);
            });
        }
        let length = bytes.len() as u64;
        put_u64(&mut bytes, LENGTH, length);
        let checksum = manifest_checksum(&bytes);
        put_u32(&mut bytes, CHECKSUM, checksum);
        bytes
    }

    /// The same, and what tells it from all others.
    #[must_use]
    pub fn encode_with_sum(&self) -> (Vec<u8>, ManifestSum) {
        let bytes = self.encode();
        let sum = ManifestSum { generation: self.generation, checksum: u32_at(&bytes, CHECKSUM) };
        (bytes, sum)
    }

    /// Reads a manifest. The checks, in order: magic, checksum, version, length, reserved bytes, sections.
    ///
    /// The checksum comes before the version and covers the whole file in every version of the format.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() < HEADER_BYTES || bytes[..8] != MAGIC {
            return Err(FormatError::Foreign { expected: "the manifest of an Annals store" });
        }
        let (found, expected) = (u32_at(bytes, CHECKSUM), manifest_checksum(bytes));
        if found != expected && !planted(Bug::ManifestChecksumNotVerified) {
            return Err(Damage::new(CHECKSUM as u64, "manifest checksum", found, expected).into());
        }
        let version = u32_at(bytes, VERSION);
        if version > FORMAT_VERSION {
            return Err(FormatError::Newer { found: version, supported: FORMAT_VERSION });
        }
        let length = u64_at(bytes, LENGTH);
        if length != bytes.len() as u64 {
            return Err(Damage::new(LENGTH as u64, "manifest length", length, bytes.len() as u64).into());
        }
        let flags = bytes[FLAGS];
        let known = |at: usize| if at == FLAGS && version >= 2 { FLAG_IDS_NOT_INDEXED } else { 0 };
        if let Some(at) = (FLAGS..HASH_SEED).find(|at| bytes[*at] & !known(*at) != 0) {
            return Err(Damage::new(at as u64, "reserved bytes of the manifest", bytes[at], 0u32).into());
        }
        let mut reader = Reader::new(&bytes[STORE_ID..], STORE_ID as u64);
        let mut manifest = Manifest {
            store_id: reader.take(16, "store id")?.try_into().unwrap_or_default(),
            generation: {
                reader.u64("length")?;
                reader.u64("generation")?
            },
            created_at: Timestamp::from_nanos(reader.i64("creation time")?),
            segment_bytes: reader.u64("segment size")?,
            durable: Position::new(reader.u64("durable position")?),
            next_file_id: reader.u64("next file number")?,
            durability: reader.u8("durability")?,
            ids_indexed: flags & FLAG_IDS_NOT_INDEXED == 0,
            hash_seed: {
                reader.take(HASH_SEED - DURABILITY - 1, "reserved bytes")?;
                reader.u64("hash seed")?
            },
            sealed: Vec::new(),
            open: Vec::new(),
            runs: Vec::new(),
            clean: None,
        };
        while reader.remaining() > 0 {
            manifest.decode_section(&mut reader)?;
        }
        manifest.check()?;
        Ok(manifest)
    }

    fn decode_section(&mut self, reader: &mut Reader<'_>) -> Result<(), FormatError> {
        let at = reader.offset();
        let kind = reader.u32("section kind")?;
        let words = reader.u32("section entry size")? as usize;
        let count = reader.u64("section entry count")?;
        let wanted = match kind {
            SECTION_SEALED => 10,
            SECTION_OPEN | SECTION_CLEAN => 2,
            SECTION_RUNS => 5,
            // Kinds are only added together with a new format version, which was looked at before.
            _ => return Err(Damage::new(at, "kind of a manifest section", kind, SECTION_CLEAN).into()),
        };
        if words != wanted {
            return Err(Damage::new(
                at + 4,
                "words in an entry of the manifest",
                words as u64,
                wanted as u64,
            )
            .into());
        }
        let most = (reader.remaining() / (8 * wanted)) as u64;
        if count > most {
            return Err(Damage::new(at + 8, "entries in a manifest section", count, most).into());
        }
        for _ in 0..count {
            match kind {
                SECTION_SEALED => self.sealed.push(sealed_segment(reader)?),
                SECTION_OPEN => {
                    self.open.push(OpenSegment { id: reader.u64("segment")?, salt: reader.u64("salt")? });
                }
                SECTION_RUNS => self.runs.push(run_entry(reader)?),
                _ => {
                    let (segment_id, frames_end) = (reader.u64("segment")?, reader.u64("end of frames")?);
                    self.clean = Some(CleanMark { segment_id, frames_end });
                }
            }
        }
        Ok(())
    }

    /// What must hold between the parts: segments follow each other without gaps, numbers ascend, and there is room to
    /// count on.
    fn check(&self) -> Result<(), Damage> {
        for (at, what, counter) in [
            (GENERATION, "generation of the manifest", self.generation),
            (NEXT_FILE_ID, "next file number of the manifest", self.next_file_id),
        ] {
            if counter > COUNTER_MAX {
                return Err(Damage::new(at as u64, what, counter, COUNTER_MAX));
            }
        }
        let mut next = self.sealed.first().map_or(Position::FIRST, |segment| segment.first_position);
        let mut last_id = 0;
        for segment in &self.sealed {
            if segment.first_position != next || segment.count == 0 || segment.count > u64::from(u32::MAX) {
                let (found, expected) = (segment.first_position.get(), next.get());
                return Err(Damage::new(
                    HEADER_BYTES as u64,
                    "positions of the sealed segments",
                    found,
                    expected,
                ));
            }
            next = next.plus(segment.count);
        }
        if next > Position::MAX.next() {
            let (found, most) = (next.get(), Position::MAX.get());
            return Err(Damage::new(
                HEADER_BYTES as u64,
                "last position of the sealed segments",
                found,
                most,
            ));
        }
        for id in
            self.sealed.iter().map(|segment| segment.id).chain(self.open.iter().map(|segment| segment.id))
        {
            if id <= last_id || id >= self.next_file_id {
                return Err(Damage::new(HEADER_BYTES as u64, "order of the segments", id, last_id));
            }
            last_id = id;
        }
        Ok(())
    }

    /// The position that follows the sealed segments.
    #[must_use]
    pub fn sealed_end(&self) -> Position {
        self.sealed.last().map_or(Position::FIRST, |segment| segment.last_position().next())
    }
}

/// Writes a section: kind, words of an entry, count, entries.
fn section<T>(bytes: &mut Vec<u8>, kind: u32, entries: &[T], encode: impl Fn(&mut Vec<u64>, &T)) {
    let mut all = Vec::new();
    entries.iter().for_each(|entry| encode(&mut all, entry));
    let Some(words) = all.len().checked_div(entries.len()) else { return };
    bytes.extend_from_slice(&kind.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(words).unwrap_or(0).to_le_bytes());
    bytes.extend_from_slice(&(entries.len() as u64).to_le_bytes());
    all.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
}

fn sealed_segment(reader: &mut Reader<'_>) -> Result<SealedSegment, Damage> {
    Ok(SealedSegment {
        id: reader.u64("segment")?,
        salt: reader.u64("salt")?,
        first_position: Position::new(reader.u64("first position")?),
        count: reader.u64("event count")?,
        frames_end: reader.u64("end of frames")?,
        length: reader.u64("segment length")?,
        recorded: time_range(reader)?,
        occurred: time_range(reader)?,
    })
}

fn time_range(reader: &mut Reader<'_>) -> Result<TimeRange, Damage> {
    let min = Timestamp::from_nanos(reader.i64("time")?);
    Ok(TimeRange { min, max: Timestamp::from_nanos(reader.i64("time")?) })
}

fn run_entry(reader: &mut Reader<'_>) -> Result<RunEntry, Damage> {
    Ok(RunEntry {
        id: reader.u64("run")?,
        first_position: Position::new(reader.u64("first position")?),
        count: reader.u64("event count")?,
        length: reader.u64("run length")?,
        trailer_checksum: {
            let at = reader.offset();
            let word = reader.u64("run checksum")?;
            u32::try_from(word).map_err(|_| Damage::new(at, "run checksum", word, u32::MAX))?
        },
    })
}

/// See [`crate::reseal`]. The length is made right, too.
pub fn reseal_manifest(bytes: &mut [u8]) {
    if bytes.len() < HEADER_BYTES {
        return;
    }
    let length = bytes.len() as u64;
    put_u64(bytes, LENGTH, length);
    let checksum = manifest_checksum(bytes);
    put_u32(bytes, CHECKSUM, checksum);
}

/// The length that the header of a manifest states, which is at the same place in every version; `None` if the bytes do
/// not begin as a manifest does. Nothing is verified yet.
#[must_use]
pub fn manifest_length(header: &[u8]) -> Option<u64> {
    (header.len() >= HEADER_BYTES && header[..8] == MAGIC).then(|| u64_at(header, LENGTH))
}

/// What tells a manifest from others, from its first bytes; `None` if they do not begin as a manifest does. Nothing is
/// verified yet.
#[must_use]
pub fn manifest_sum(header: &[u8]) -> Option<ManifestSum> {
    let begins = header.len() >= HEADER_BYTES && header[..8] == MAGIC;
    begins.then(|| ManifestSum { generation: u64_at(header, GENERATION), checksum: u32_at(header, CHECKSUM) })
}

fn manifest_checksum(bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&bytes[..CHECKSUM]);
    hasher.update(&bytes[STORE_ID..]);
    hasher.finalize()
}
