//! Puts the dictionary of a run together, term by term.

use super::buckets::{Buckets, HashOrder};
use super::scratch::Scratch;
use super::sink::PageSink;
use super::spool::Spool;
use super::tables::Tables;
use annals_format::StoreId;
use annals_format::run::{
    FilterShape, GROUP_TERMS, GroupBuilder, ID_HASH_BITS, RUN_HEADER_BYTES, RunHeader, RunTrailer,
    TableShape, TermKind, TermList, put_block, term_hash,
};
use annals_types::{Position, Version};
use std::io;

/// Bytes of a skip table or of the group table that are copied at a time.
pub(super) const COPY_BYTES: usize = 256 * 1024;

/// Terms go into the file as they come. What belongs behind them waits in spools and buckets, which overflow into
/// scratch files where memory is given for no more.
pub(crate) struct RunBuilder<S> {
    out: PageSink<S>,
    run_id: u64,
    trailer: RunTrailer,
    group: GroupBuilder,
    /// The hashes of the terms of the group.
    hashes: Vec<u64>,
    /// The place of each group.
    groups: Spool,
    /// Hash and place of each term.
    terms: Buckets,
    /// The skip table of the list that is being written, and how many positions that has.
    skip_table: Spool,
    list_count: u64,
    /// What is on its way out.
    piece: Vec<u8>,
}

/// What a run will be about.
pub(crate) struct RunScope {
    pub(crate) store_id: StoreId,
    pub(crate) run_id: u64,
    pub(crate) first_position: Position,
    pub(crate) count: u64,
    pub(crate) hash_seed: u64,
    /// Terms there will be, at most.
    pub(crate) terms_max: u64,
    /// Memory to use, about, in bytes.
    pub(crate) memory_bytes: usize,
}

impl<S: FnMut(&[u8]) -> io::Result<()>> RunBuilder<S> {
    pub(crate) fn new(scope: &RunScope, scratch: Scratch, sink: S) -> io::Result<Self> {
        let &RunScope { store_id, run_id, first_position, memory_bytes, .. } = scope;
        let mut out = PageSink::new(sink, scratch, memory_bytes / 8);
        out.write(&RunHeader { store_id, run_id, first_position }.encode())?;
        let trailer = RunTrailer {
            first_position,
            count: scope.count,
            terms: [0; 4],
            hash_seed: scope.hash_seed,
            dictionary_length: 0,
            term_table: TableShape::of_terms(0, 0),
            id_table: TableShape::of_ids(0, 0),
            term_filter: FilterShape::default(),
            id_filter: FilterShape::default(),
            pages_checksum: 0,
        };
        Ok(RunBuilder {
            out,
            run_id,
            trailer,
            group: GroupBuilder::default(),
            hashes: Vec::with_capacity(GROUP_TERMS),
            groups: Spool::new(memory_bytes / 16),
            terms: Buckets::new(scope.terms_max, memory_bytes / 2),
            skip_table: Spool::new(memory_bytes / 16),
            list_count: 0,
            piece: Vec::new(),
        })
    }

    /// Adds a term behind all others. The blocks of a long list were added before it.
    #[inline]
    pub(crate) fn term(
        &mut self,
        kind: TermKind,
        name: &str,
        first_version: Version,
        list: TermList<'_>,
    ) -> io::Result<()> {
        self.group.push(kind, name, first_version, list);
        self.hashes.push(term_hash(kind, name, self.trailer.hash_seed));
        self.trailer.terms[kind.index()] += 1;
        if self.group.is_full() { self.end_group() } else { Ok(()) }
    }

    /// Adds the next block of the list of the term to come: 128 positions, fewer only in the last one.
    pub(crate) fn block(&mut self, positions: &[u64]) -> io::Result<()> {
        self.piece.clear();
        let place = self.place();
        let entry = put_block(&mut self.piece, positions, place);
        self.list_count += positions.len() as u64;
        self.skip_table.put(&entry.encode(), self.out.scratch())?;
        self.out.write(&self.piece)
    }

    /// Ends the list of blocks.
    pub(crate) fn end_blocks(&mut self) -> io::Result<TermList<'static>> {
        let list = TermList::Blocks { count: std::mem::take(&mut self.list_count), place: self.place() };
        loop {
            self.skip_table.take(COPY_BYTES, &mut self.piece)?;
            if self.piece.is_empty() {
                self.skip_table.clear();
                return Ok(list);
            }
            self.out.write(&self.piece)?;
        }
    }

    /// Ends the dictionary. `ids` are the hashes of ids with their positions; `id_table` is the shape of their table.
    pub(crate) fn end<I: HashOrder>(mut self, ids: I, id_table: TableShape) -> io::Result<Tables<S, I>> {
        if !self.group.is_empty() {
            self.end_group()?;
        }
        let trailer = &mut self.trailer;
        trailer.dictionary_length = self.out.length() - RUN_HEADER_BYTES as u64;
        trailer.term_table = TableShape::of_terms(trailer.term_total(), trailer.dictionary_length);
        trailer.id_table = id_table;
        trailer.term_filter = FilterShape::new(trailer.term_total(), u64::BITS);
        trailer.id_filter = FilterShape::new(id_table.entries, ID_HASH_BITS);
        Ok(Tables::new(self.out, self.run_id, self.trailer, self.groups, self.terms, ids))
    }

    fn end_group(&mut self) -> io::Result<()> {
        let place = self.place();
        self.groups.put(&place.to_le_bytes(), self.out.scratch())?;
        for hash in self.hashes.drain(..) {
            self.terms.push((hash, place), self.out.scratch())?;
        }
        self.piece.clear();
        self.group.finish(&mut self.piece);
        self.out.write(&self.piece)
    }

    /// Where in the dictionary the next byte will be.
    fn place(&self) -> u64 {
        self.out.length() - RUN_HEADER_BYTES as u64
    }
}
