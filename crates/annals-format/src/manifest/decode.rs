//! Reading a manifest: what each field and section says, and what must hold between them.

use super::compaction::{self, CompactionEntry, Erasures, Removed};
use super::segments::{OpenSegment, Rewritten, SealedSegment};
use super::{
    CHECKSUM, CleanMark, DURABILITY, FLAG_IDS_NOT_INDEXED, FLAG_RULES, FLAGS, GENERATION, HASH_SEED,
    HEADER_BYTES, LENGTH, MAGIC, Manifest, NEXT_FILE_ID, RunEntry, SECTION_CLEAN, SECTION_COMPACTIONS,
    SECTION_ERASURES, SECTION_OPEN, SECTION_REMOVED, SECTION_REWRITTEN, SECTION_RUNS, SECTION_SEALED,
    SECTION_WINDOWS, STORE_ID, VERSION, has_one_entry, manifest_checksum,
};
use crate::FORMAT_VERSION;
use crate::damage::{Damage, FormatError};
use crate::wire::{Reader, u32_at, u64_at};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp};

/// What counts up by one with every file and manifest gets nowhere near; so counting on cannot overflow.
const COUNTER_MAX: u64 = 1 << 62;

impl Manifest {
    /// Reads a manifest. The checks, in order: magic, checksum, version, length, reserved bytes, sections, and what must hold
    /// between these.
    ///
    /// The checksum comes before the version and covers the whole file in every version of the format.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let version = check_envelope(bytes)?;
        let mut reader = Reader::new(&bytes[STORE_ID..], STORE_ID as u64);
        let mut manifest = decode_header(&mut reader, bytes[FLAGS])?;
        while reader.remaining() > 0 {
            manifest.decode_section(&mut reader, version)?;
        }
        manifest.check()?;
        Ok(manifest)
    }

    fn decode_section(&mut self, reader: &mut Reader<'_>, version: u32) -> Result<(), FormatError> {
        let at = reader.offset();
        let kind = reader.u32("section kind")?;
        let words = reader.u32("section entry size")? as usize;
        let count = reader.u64("section entry count")?;
        let Some(wanted) = words_of(kind, version) else {
            // Kinds are only added together with a new format version, which was looked at before.
            return Err(Damage::new(at, "kind of a manifest section", kind, SECTION_WINDOWS).into());
        };
        if words != wanted {
            let (found, expected) = (words as u64, wanted as u64);
            return Err(Damage::new(at + 4, "words in an entry of the manifest", found, expected).into());
        }
        let room = (reader.remaining() / (8 * wanted)) as u64;
        let most = if has_one_entry(kind) { room.min(1) } else { room };
        if count > most {
            return Err(Damage::new(at + 8, "entries in a manifest section", count, most).into());
        }
        for _ in 0..count {
            self.decode_entry(reader, kind)?;
        }
        Ok(())
    }

    fn decode_entry(&mut self, reader: &mut Reader<'_>, kind: u32) -> Result<(), Damage> {
        match kind {
            SECTION_SEALED => self.sealed.push(SealedSegment::decode(reader)?),
            SECTION_OPEN => {
                self.open.push(OpenSegment { id: reader.u64("segment")?, salt: reader.u64("salt")? });
            }
            SECTION_RUNS => self.runs.push(RunEntry::decode(reader)?),
            SECTION_REWRITTEN => self.decode_rewritten(reader)?,
            SECTION_REMOVED => self.removed = Some(Removed::decode(reader)?),
            SECTION_COMPACTIONS => self.compactions.push(CompactionEntry::decode(reader)?),
            SECTION_ERASURES => self.erasures = Some(Erasures::decode(reader)?),
            SECTION_WINDOWS => RunEntry::decode_window(&mut self.runs, reader)?,
            _ => {
                let (segment_id, frames_end) = (reader.u64("segment")?, reader.u64("end of frames")?);
                self.clean = Some(CleanMark { segment_id, frames_end });
            }
        }
        Ok(())
    }

    fn decode_rewritten(&mut self, reader: &mut Reader<'_>) -> Result<(), Damage> {
        let at = reader.offset();
        let id = reader.u64("rewritten segment")?;
        let rewritten = Rewritten::decode(reader)?;
        // The segments are in the order of their numbers, which is checked at the end; out of order some are not found.
        match self.sealed.binary_search_by_key(&id, |segment| segment.id) {
            Ok(place) if self.sealed[place].rewritten.is_none() => {
                self.sealed[place].rewritten = Some(rewritten);
                Ok(())
            }
            _ => Err(Damage::new(at, "number of a rewritten segment", id, 0u64)),
        }
    }

    /// What must hold between the parts: segments follow each other, without gaps unless something was removed, numbers
    /// ascend, and there is room to count on.
    fn check(&self) -> Result<(), Damage> {
        for (at, what, counter) in [
            (GENERATION, "generation of the manifest", self.generation),
            (NEXT_FILE_ID, "next file number of the manifest", self.next_file_id),
        ] {
            if counter > COUNTER_MAX {
                return Err(Damage::new(at as u64, what, counter, COUNTER_MAX));
            }
        }
        self.check_positions()?;
        self.check_compactions()?;
        let sealed = self.sealed.iter().map(|segment| segment.id);
        let mut last_id = 0;
        for id in sealed.chain(self.open.iter().map(|segment| segment.id)) {
            if id <= last_id || id >= self.next_file_id {
                return Err(between_sections("order of the segments", id, last_id));
            }
            last_id = id;
        }
        Ok(())
    }

    /// Sums saturate; what they come to then is beyond the last position that there can be.
    fn check_positions(&self) -> Result<(), Damage> {
        let mut next = self.sealed.first().map_or(Position::FIRST, |segment| segment.first_position);
        for segment in &self.sealed {
            let first = segment.first_position;
            // What lies between two segments was removed, so it is not behind the highest position that ever was.
            let gap = self.removed.is_some_and(|removed| first > next && first.previous() <= removed.through);
            let sparse = segment.count < segment.positions();
            let may_be_sparse = self.removed.is_some_and(|removed| first <= removed.through);
            if (first != next && !gap) || !segment.is_plausible() || (sparse && !may_be_sparse) {
                return Err(between_sections("positions of the sealed segments", first.get(), next.get()));
            }
            next = segment.last_position().next();
        }
        let most = Position::MAX;
        if next > most.next() || self.removed.is_some_and(|removed| removed.through > most) {
            return Err(between_sections("last position of the sealed segments", next.get(), most.get()));
        }
        Ok(())
    }

    fn check_compactions(&self) -> Result<(), Damage> {
        let last = self.removed.map_or(0, |removed| removed.compaction);
        let mut number = 0;
        for entry in &self.compactions {
            if entry.number <= number || entry.number > last {
                return Err(between_sections("number of a compaction", entry.number, last));
            }
            if !entry.erased.is_plausible() {
                let (first, last) = (entry.erased.first.get(), entry.erased.last.get());
                return Err(between_sections("positions of what was erased", first, last));
            }
            number = entry.number;
        }
        if last > COUNTER_MAX {
            return Err(between_sections("number of the last compaction", last, COUNTER_MAX));
        }
        match self.erasures {
            Some(erasures) if !erasures.is_plausible() || erasures.requested > COUNTER_MAX => {
                Err(between_sections("number of the last erasure", erasures.finished, erasures.requested))
            }
            _ => Ok(()),
        }
    }
}

/// The checks of what is the same in every version, and of the bytes that are reserved; the version.
fn check_envelope(bytes: &[u8]) -> Result<u32, FormatError> {
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
    let known = |at: usize| match version {
        _ if at != FLAGS => 0,
        0 | 1 => 0,
        2 | 3 => FLAG_IDS_NOT_INDEXED,
        _ => FLAG_IDS_NOT_INDEXED | FLAG_RULES,
    };
    if let Some(at) = (FLAGS..HASH_SEED).find(|at| bytes[*at] & !known(*at) != 0) {
        return Err(Damage::new(at as u64, "reserved bytes of the manifest", bytes[at], 0u32).into());
    }
    Ok(version)
}

/// The header from the store id on, as a manifest without sections.
fn decode_header(reader: &mut Reader<'_>, flags: u8) -> Result<Manifest, Damage> {
    Ok(Manifest {
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
        has_rules: flags & FLAG_RULES != 0,
        hash_seed: {
            reader.take(HASH_SEED - DURABILITY - 1, "reserved bytes")?;
            reader.u64("hash seed")?
        },
        sealed: Vec::new(),
        open: Vec::new(),
        runs: Vec::new(),
        clean: None,
        removed: None,
        compactions: Vec::new(),
        erasures: None,
    })
}

/// How many words an entry of a section has; `None` if there is no such section in this version.
fn words_of(kind: u32, version: u32) -> Option<usize> {
    match kind {
        SECTION_SEALED => Some(10),
        SECTION_OPEN | SECTION_CLEAN => Some(2),
        SECTION_RUNS => Some(5),
        SECTION_REWRITTEN | SECTION_WINDOWS if version >= 4 => Some(4),
        SECTION_REMOVED if version >= 4 => Some(3),
        SECTION_COMPACTIONS if version >= 4 => Some(compaction::WORDS),
        SECTION_ERASURES if version >= 4 => Some(2),
        _ => None,
    }
}

/// What does not hold between sections lies in none of them.
fn between_sections(what: &'static str, found: u64, expected: u64) -> Damage {
    Damage::new(HEADER_BYTES as u64, what, found, expected)
}
