//! Puts a run together, term by term.

use super::sink::PageSink;
use crate::run::RunIdentity;
use annals_format::StoreId;
use annals_format::run::{
    BLOCK_POSITIONS, GROUP_TERMS, GroupBuilder, RUN_HEADER_BYTES, RunHeader, RunTrailer, TableShape,
    TermKind, TermList, id_hash, page_table_checksum, put_block, term_hash,
};
use annals_types::{Position, Uuid, Version};
use std::io;

/// Groups and long lists go straight into the file; only the tables behind them are gathered in memory.
pub(super) struct RunBuilder<'a> {
    out: PageSink<'a>,
    run_id: u64,
    trailer: RunTrailer,
    group: GroupBuilder,
    /// The place of each group.
    groups: Vec<u64>,
    /// Entries of the term table with numbers of groups for their places.
    term_entries: Vec<u64>,
    id_entries: Vec<u64>,
    /// What is on its way out.
    piece: Vec<u8>,
}

/// What a run will be about.
pub(super) struct RunScope {
    pub(super) first_position: Position,
    pub(super) count: u64,
    pub(super) hash_seed: u64,
    /// Terms there will be, at most.
    pub(super) terms_max: u64,
    /// Ids there will be.
    pub(super) ids: u64,
}

impl<'a> RunBuilder<'a> {
    pub(super) fn new(
        store_id: &StoreId,
        run_id: u64,
        scope: &RunScope,
        sink: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Self> {
        let mut out = PageSink::new(sink);
        let first_position = scope.first_position;
        out.write(&RunHeader { store_id: *store_id, run_id, first_position }.encode())?;
        let groups_max = scope.terms_max.div_ceil(GROUP_TERMS as u64);
        let trailer = RunTrailer {
            first_position,
            count: scope.count,
            terms: [0; 4],
            hash_seed: scope.hash_seed,
            dictionary_length: 0,
            term_table: TableShape::new(scope.terms_max, groups_max),
            id_table: TableShape::new(scope.ids, scope.count),
            pages_checksum: 0,
        };
        Ok(RunBuilder {
            out,
            run_id,
            trailer,
            group: GroupBuilder::default(),
            groups: Vec::new(),
            term_entries: Vec::new(),
            id_entries: Vec::new(),
            piece: Vec::new(),
        })
    }

    /// Adds a term behind all others, with `count` positions that ascend.
    pub(super) fn term(
        &mut self,
        kind: TermKind,
        name: &str,
        first_version: Version,
        count: u64,
        positions: impl Iterator<Item = u64>,
    ) -> io::Result<()> {
        let mut buffer = [0; BLOCK_POSITIONS];
        let list = self.list(count, positions, &mut buffer)?;
        self.group.push(kind, name, first_version, list);
        let hash = term_hash(kind, name, self.trailer.hash_seed);
        self.term_entries.push(self.trailer.term_table.entry(hash, self.groups.len() as u64));
        self.trailer.terms[kind.index()] += 1;
        if self.group.is_full() {
            self.end_group()?;
        }
        Ok(())
    }

    /// Adds an id, in any order.
    pub(super) fn id(&mut self, id: Uuid, relative: u64) {
        let hash = id_hash(id, self.trailer.hash_seed);
        self.id_entries.push(self.trailer.id_table.entry(hash, relative));
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> io::Result<RunIdentity> {
        if !self.group.is_empty() {
            self.end_group()?;
        }
        let trailer = &mut self.trailer;
        trailer.dictionary_length = self.out.length() - RUN_HEADER_BYTES as u64;
        let numbered = trailer.term_table;
        let placed = TableShape::new(trailer.term_total(), trailer.dictionary_length);
        trailer.term_table = TableShape { value_bits: placed.value_bits.max(numbered.value_bits), ..placed };
        for entry in &mut self.term_entries {
            let place = self.groups[numbered.value(*entry) as usize];
            *entry = trailer.term_table.entry(*entry, place);
        }

        self.out.align()?;
        words(&mut self.out, self.groups.iter().copied())?;
        for (shape, mut entries) in
            [(&trailer.term_table, self.term_entries), (&trailer.id_table, self.id_entries)]
        {
            entries.sort_unstable();
            words(&mut self.out, shape.directory(&entries))?;
            words(&mut self.out, entries.iter().copied())?;
        }
        let mut trailer_checksum = 0;
        let length = self.out.finish(|page_table| {
            trailer.pages_checksum = page_table_checksum(page_table);
            let bytes = trailer.encode();
            trailer_checksum = RunTrailer::stored_checksum(&bytes);
            bytes.to_vec()
        })?;
        debug_assert_eq!(length, trailer.parts().trailer.end);
        let RunTrailer { first_position, count, .. } = *trailer;
        Ok(RunIdentity { run_id: self.run_id, first_position, count, length, trailer_checksum })
    }

    /// Takes a list of positions. One of blocks is written at once, a short one is left in `buffer`.
    fn list<'b>(
        &mut self,
        count: u64,
        mut positions: impl Iterator<Item = u64>,
        buffer: &'b mut [u64; BLOCK_POSITIONS],
    ) -> io::Result<TermList<'b>> {
        let mut fill = |buffer: &mut [u64]| {
            // More positions than their count says would be a mistake of ours, and so would be fewer.
            buffer
                .iter_mut()
                .for_each(|place| *place = positions.next().expect("a list has all its positions"));
        };
        if count <= BLOCK_POSITIONS as u64 {
            let short = &mut buffer[..count as usize];
            fill(short);
            return Ok(if count == 1 { TermList::One(short[0]) } else { TermList::Short(short) });
        }
        let mut skip_table = Vec::new();
        let mut left = count;
        while left > 0 {
            let block = &mut buffer[..left.min(BLOCK_POSITIONS as u64) as usize];
            fill(block);
            self.piece.clear();
            let place = self.place();
            let entry = put_block(&mut self.piece, block, place);
            skip_table.extend_from_slice(&entry.encode());
            self.out.write(&self.piece)?;
            left -= block.len() as u64;
        }
        let place = self.place();
        self.out.write(&skip_table)?;
        Ok(TermList::Blocks { count, place })
    }

    fn end_group(&mut self) -> io::Result<()> {
        self.groups.push(self.place());
        self.piece.clear();
        self.group.finish(&mut self.piece);
        self.out.write(&self.piece)
    }

    /// Where in the dictionary the next byte will be.
    fn place(&self) -> u64 {
        self.out.length() - RUN_HEADER_BYTES as u64
    }
}

fn words(out: &mut PageSink<'_>, words: impl Iterator<Item = u64>) -> io::Result<()> {
    for word in words {
        out.write(&word.to_le_bytes())?;
    }
    Ok(())
}
