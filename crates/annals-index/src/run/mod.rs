//! An immutable part of the index, in a file.

mod lists;
mod lookup;
mod merging;
mod pages;
mod scan;
mod steps;
mod window;

use crate::key::{IdKey, TermKey};
use crate::postings::Postings;
use annals_format::run::{
    RUN_HEADER_BYTES, RUN_TRAILER_BYTES, RunHeader, RunParts, RunTrailer, TermKind, page_table_checksum,
};
use annals_format::{Damage, FormatError, StoreId};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Uuid};
use annals_vfs::Mapping;
pub(crate) use merging::ReadAhead;
use pages::Pages;
use std::fmt;
use std::ops::Range;
pub use steps::Lookup;
pub(crate) use window::IDS_TOGETHER;

/// What tells a run from all other files: what the manifest says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunIdentity {
    /// Its number.
    pub run_id: u64,
    /// The first position that it covers.
    pub first_position: Position,
    /// How many positions it covers.
    pub count: u64,
    /// Length of the file.
    pub length: u64,
    /// The checksum in its trailer, which stands for the whole file.
    pub trailer_checksum: u32,
}

/// A run, read through a mapping.
///
/// Opening it reads its header, its trailer and its page checksums. Everything else is verified page by page
/// when it is first touched, so every answer may be a [`Damage`], which names the offset in the file.
///
/// The questions are those of a [`MemoryIndex`](crate::MemoryIndex).
pub struct Run {
    pages: Pages,
    trailer: RunTrailer,
    parts: RunParts,
    /// The positions that count, relative to the first of the file.
    window: Range<u64>,
}

impl Run {
    /// Opens the run that `entry` of the manifest stands for.
    ///
    /// The checks, in order: the length of the file; the header, and that it is the one of this run and
    /// store; the trailer, and that it is the one that the manifest knows; the page checksums. Takes time in
    /// proportion to the page checksums, a thousandth of the file.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn open(mapping: Mapping, store_id: &StoreId, entry: &RunIdentity) -> Result<Run, FormatError> {
        let length = mapping.len();
        if length != entry.length {
            return Err(Damage::new(length.min(entry.length), "length of a run", length, entry.length).into());
        }
        let header: Option<&[u8; RUN_HEADER_BYTES]> =
            mapping.bytes(0..RUN_HEADER_BYTES as u64).and_then(<[u8]>::first_chunk);
        let trailer_start = length.saturating_sub(RUN_TRAILER_BYTES as u64);
        let trailer: Option<&[u8; RUN_TRAILER_BYTES]> =
            mapping.bytes(trailer_start..length).and_then(<[u8]>::first_chunk);
        let (Some(header), Some(trailer)) = (header, trailer) else {
            let least = (RUN_HEADER_BYTES + RUN_TRAILER_BYTES) as u64;
            return Err(Damage::new(length, "length of a run", length, least).into());
        };
        check_header(&RunHeader::decode(header)?, store_id, entry)?;
        let found = RunTrailer::stored_checksum(trailer);
        let trailer = RunTrailer::decode(trailer, length)?;
        check_trailer(&trailer, found, trailer_start, entry)?;

        let parts = trailer.parts();
        let table = mapping.bytes(parts.page_table.start..parts.trailer.start).unwrap_or_default();
        let found = page_table_checksum(table);
        if found != trailer.pages_checksum {
            let at = parts.page_table.start;
            return Err(Damage::new(at, "checksum of the page table", found, trailer.pages_checksum).into());
        }
        let window = 0..trailer.count;
        Ok(Run { pages: Pages::new(mapping, parts.page_table.clone()), trailer, parts, window })
    }

    /// Where a term is, `None` if it does not occur.
    ///
    /// # Errors
    /// What is damaged on the way to it.
    pub fn find(&self, kind: TermKind, key: &str) -> Result<Option<Postings>, Damage> {
        self.find_key(&TermKey::new(kind, key, self.trailer.hash_seed))
    }

    /// As [`Run::find`], with the hash computed before: for who asks many runs for the same term.
    ///
    /// # Errors
    /// What is damaged on the way to it.
    pub fn find_key(&self, key: &TermKey<'_>) -> Result<Option<Postings>, Damage> {
        self.find_term(key)
    }

    /// Has the processor fetch what [`Run::find_key`] looks at first. Only a hint, which reads nothing from the disk.
    #[inline]
    pub fn prefetch_key(&self, key: &TermKey<'_>) {
        self.prefetch_term(key);
    }

    /// Appends to `out` the positions of the ordinals `from..from + limit`, as far as there are, ascending.
    ///
    /// # Errors
    /// What is damaged in the list; then `out` is as it was.
    pub fn positions(
        &self,
        postings: &Postings,
        from: u64,
        limit: usize,
        out: &mut Vec<Position>,
    ) -> Result<(), Damage> {
        let before = out.len();
        let result = self.read_positions(postings, postings.ordinals(from, limit), out);
        let result = result.and_then(|()| self.check_inside(postings, &out[before..]));
        if result.is_err() {
            out.truncate(before);
        }
        result
    }

    /// How many of the positions lie at or before `position`.
    ///
    /// # Errors
    /// What is damaged in the list.
    pub fn rank(&self, postings: &Postings, position: Position) -> Result<u64, Damage> {
        if position < self.trailer.first_position {
            return Ok(0);
        }
        let rank = self.rank_relative(postings, position.events_since(self.trailer.first_position))?;
        Ok(rank.saturating_sub(postings.before).min(postings.count))
    }

    /// Appends to `out` the positions that may have an id, ascending. The log says whether they do.
    ///
    /// # Errors
    /// What is damaged in the table of ids; then `out` is as it was.
    pub fn find_id(&self, id: Uuid, out: &mut Vec<Position>) -> Result<(), Damage> {
        self.find_id_key(&IdKey::new(id, self.trailer.hash_seed), out)
    }

    /// As [`Run::find_id`], with the hash computed before.
    ///
    /// # Errors
    /// What is damaged in the table of ids; then `out` is as it was.
    pub fn find_id_key(&self, key: &IdKey, out: &mut Vec<Position>) -> Result<(), Damage> {
        let before = out.len();
        let result = self.find_id_candidates(key, out);
        if result.is_err() {
            out.truncate(before);
        }
        result
    }

    /// The terms of a kind that begin with `prefix`, in the order of their bytes, strictly after `after` if
    /// given; at most `limit`, with their postings.
    ///
    /// # Errors
    /// What is damaged in the dictionary on the way.
    pub fn terms(
        &self,
        kind: TermKind,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Postings)>, Damage> {
        self.scan_terms(kind, prefix, after, limit)
    }

    /// How many terms of a kind there are in the file.
    #[must_use]
    pub fn term_count(&self, kind: TermKind) -> u64 {
        self.trailer.terms[kind.index()]
    }

    /// How many events of the file have an id that their producer gave.
    #[must_use]
    pub fn id_count(&self) -> u64 {
        self.trailer.id_table.entries
    }

    /// How many positions the run covers.
    #[must_use]
    pub fn event_count(&self) -> u64 {
        self.window.end - self.window.start
    }

    /// The first position that the run covers.
    #[must_use]
    pub fn first_position(&self) -> Position {
        self.trailer.first_position.plus(self.window.start)
    }

    /// The last position that the run covers; the one before its first if it covers none.
    #[must_use]
    pub fn last_position(&self) -> Position {
        self.trailer.first_position.plus(self.window.end).previous()
    }

    /// The seed of its hashes, random and not known outside the store.
    #[must_use]
    pub fn hash_seed(&self) -> u64 {
        self.trailer.hash_seed
    }

    /// Verifies every page, also those that were found sound before.
    ///
    /// # Errors
    /// The first page that is not as written.
    pub fn check_all(&self) -> Result<(), Damage> {
        self.pages.check_all()
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("trailer", &self.trailer)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

fn check_header(header: &RunHeader, store_id: &StoreId, entry: &RunIdentity) -> Result<(), Damage> {
    if planted(Bug::RunIdentityNotChecked) {
        return Ok(());
    }
    if header.store_id != *store_id {
        let number = |id: &StoreId| (u128::from_be_bytes(*id) >> 64) as u64;
        return Err(Damage::new(16, "store of a run", number(&header.store_id), number(store_id)));
    }
    if header.run_id != entry.run_id {
        return Err(Damage::new(32, "number of a run", header.run_id, entry.run_id));
    }
    Ok(())
}

fn check_trailer(trailer: &RunTrailer, checksum: u32, at: u64, entry: &RunIdentity) -> Result<(), Damage> {
    if planted(Bug::RunIdentityNotChecked) {
        return Ok(());
    }
    if checksum != entry.trailer_checksum {
        let expected = entry.trailer_checksum;
        return Err(Damage::new(at, "run trailer known to the manifest", checksum, expected));
    }
    if trailer.first_position != entry.first_position {
        let (found, expected) = (trailer.first_position.get(), entry.first_position.get());
        return Err(Damage::new(at, "first position of a run", found, expected));
    }
    if trailer.count != entry.count {
        return Err(Damage::new(at, "positions of a run", trailer.count, entry.count));
    }
    Ok(())
}
