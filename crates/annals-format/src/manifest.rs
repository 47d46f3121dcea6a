//! The manifest: which files make up the store. It is small, and always replaced as a whole.

mod compaction;
mod decode;
mod runs;
mod segments;

pub use compaction::{CompactionEntry, ERASURES_UNDER_WAY_MAX, ErasedRange, Erasures, REASONS, Removed};
pub use runs::{RunEntry, RunSpan};
pub use segments::{OpenSegment, Rewritten, SealedSegment};

use crate::FORMAT_VERSION;
use crate::backup::ManifestSum;
use crate::binding::StoreId;
use crate::wire::{put_i64, put_u32, put_u64, u32_at, u64_at};
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

const SECTION_SEALED: u32 = 1;
const SECTION_OPEN: u32 = 2;
const SECTION_RUNS: u32 = 3;
const SECTION_CLEAN: u32 = 4;
const SECTION_REWRITTEN: u32 = 5;
const SECTION_REMOVED: u32 = 6;
const SECTION_COMPACTIONS: u32 = 7;
const SECTION_ERASURES: u32 = 8;
const SECTION_WINDOWS: u32 = 9;

/// The sections of a closed log, of what was removed and of erasures have one entry; the others have as many as there are.
const fn has_one_entry(section: u32) -> bool {
    matches!(section, SECTION_CLEAN | SECTION_REMOVED | SECTION_ERASURES)
}

/// The flag of a store in which event ids are not indexed.
const FLAG_IDS_NOT_INDEXED: u8 = 1;
/// The flag of a store that may have rules of retention in its log.
const FLAG_RULES: u8 = 2;

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
    /// Whether there may be rules of retention in the log. It is set before the first one is written, so that a store without any
    /// need not be searched for them, also where what would have to be searched is damaged.
    pub has_rules: bool,
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
    /// What compaction has removed so far; `None` in a store in which it never wrote a segment anew.
    pub removed: Option<Removed>,
    /// Compactions that are not in the ledger yet, in order.
    pub compactions: Vec<CompactionEntry>,
    /// What was asked to be erased; `None` in a store in which nothing ever was.
    pub erasures: Option<Erasures>,
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
        bytes[FLAGS] |= if self.has_rules { FLAG_RULES } else { 0 };
        put_u64(&mut bytes, HASH_SEED, self.hash_seed);
        section(&mut bytes, SECTION_SEALED, &self.sealed, |out, segment| segment.encode(out));
        section(&mut bytes, SECTION_OPEN, &self.open, |out, segment| out.extend([segment.id, segment.salt]));
        section(&mut bytes, SECTION_RUNS, &self.runs, |out, run| run.encode(out));
        if let Some(clean) = &self.clean {
            section(&mut bytes, SECTION_CLEAN, std::slice::from_ref(clean), |out, clean| {
                out.extend([clean.segment_id, clean.frames_end]);
            });
        }
        let rewritten: Vec<(u64, Rewritten)> =
            self.sealed.iter().filter_map(|segment| Some((segment.id, segment.rewritten?))).collect();
        section(&mut bytes, SECTION_REWRITTEN, &rewritten, |out, (id, rewritten)| {
            out.push(*id);
            rewritten.encode(out);
        });
        section(&mut bytes, SECTION_REMOVED, self.removed.as_slice(), |out, removed| removed.encode(out));
        section(&mut bytes, SECTION_COMPACTIONS, &self.compactions, |out, entry| entry.encode(out));
        section(&mut bytes, SECTION_ERASURES, self.erasures.as_slice(), |out, erasures| erasures.encode(out));
        let windows: Vec<RunEntry> = self.runs.iter().filter(|run| run.file.is_some()).copied().collect();
        section(&mut bytes, SECTION_WINDOWS, &windows, |out, run| run.encode_window(out));
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
