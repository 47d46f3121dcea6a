//! What lies behind the dictionary of a run: group table, hash tables, filters, page checksums, trailer.

use super::buckets::{Buckets, HashOrder, Pair};
use super::builder::COPY_BYTES;
use super::sink::PageSink;
use super::spool::Spool;
use crate::merge::MergeError;
use crate::run::RunIdentity;
use annals_format::run::{FilterBlock, FilterShape, RunTrailer, TableShape, put_directory_word};
use std::io;

/// Alignment of parts, and of filters.
const PART_ALIGNMENT: u64 = 8;
const FILTER_ALIGNMENT: u64 = 64;

/// Writes the parts in steps. A hash table is read three times from its buckets: its directory and its filter need the
/// hashes in no order within a bucket, its entries are sorted.
pub(crate) struct Tables<S, I> {
    out: PageSink<S>,
    run_id: u64,
    trailer: RunTrailer,
    groups: Spool,
    terms: Buckets,
    ids: I,
    next: Step,
    /// Entries in the buckets before.
    counted: u64,
    /// The last block of the bucket before: the next one may add to it.
    last_block: Option<(u64, FilterBlock)>,
    pairs: Vec<Pair>,
    bytes: Vec<u8>,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Groups,
    /// A bucket of a part.
    Bucket(Part, usize),
    PageTable,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    TermDirectory,
    TermEntries,
    IdDirectory,
    IdEntries,
    TermFilter,
    IdFilter,
}

impl Part {
    /// In the order in which they lie in the file.
    const ALL: [Part; 6] = [
        Part::TermDirectory,
        Part::TermEntries,
        Part::IdDirectory,
        Part::IdEntries,
        Part::TermFilter,
        Part::IdFilter,
    ];

    fn next(self) -> Option<Part> {
        Part::ALL.get(self as usize + 1).copied()
    }
}

impl<S: FnMut(&[u8]) -> io::Result<()>, I: HashOrder> Tables<S, I> {
    pub(super) fn new(
        out: PageSink<S>,
        run_id: u64,
        trailer: RunTrailer,
        groups: Spool,
        terms: Buckets,
        ids: I,
    ) -> Self {
        Tables {
            out,
            run_id,
            trailer,
            groups,
            terms,
            ids,
            next: Step::Groups,
            counted: 0,
            last_block: None,
            pairs: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Does a piece of the work: a bucket of one part, or some of the group table or of the page checksums. Says what the
    /// run is once all of it was handed on.
    pub(crate) fn step(&mut self) -> Result<Option<RunIdentity>, MergeError> {
        match self.next {
            Step::Groups => {
                self.out.align(PART_ALIGNMENT)?;
                self.groups.take(COPY_BYTES, &mut self.bytes)?;
                self.out.write(&self.bytes)?;
                if self.bytes.is_empty() {
                    self.next = Step::Bucket(Part::TermDirectory, 0);
                }
            }
            Step::Bucket(part, bucket) => {
                let bits = self.bucket(part, bucket)?;
                self.next = if bucket + 1 < 1 << bits {
                    Step::Bucket(part, bucket + 1)
                } else {
                    self.end_part(part)?;
                    part.next().map_or(Step::PageTable, |part| Step::Bucket(part, 0))
                };
            }
            Step::PageTable => {
                if let Some(checksum) = self.out.write_page_table()? {
                    return self.end(checksum).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// Writes what a bucket has to say in a part. Returns how many bits choose the bucket.
    fn bucket(&mut self, part: Part, bucket: usize) -> Result<u32, MergeError> {
        self.pairs.clear();
        self.bytes.clear();
        let trailer = &self.trailer;
        let (of_terms, table, filter) = match part {
            Part::TermDirectory | Part::TermEntries | Part::TermFilter => {
                (true, trailer.term_table, trailer.term_filter)
            }
            Part::IdDirectory | Part::IdEntries | Part::IdFilter => {
                (false, trailer.id_table, trailer.id_filter)
            }
        };
        let source: &mut dyn HashOrder = if of_terms { &mut self.terms } else { &mut self.ids };
        let bits = source.bits();
        let is_filter = matches!(part, Part::TermFilter | Part::IdFilter);
        if !is_filter || filter.blocks > 0 {
            source.load(bucket, &mut self.pairs)?;
        }
        match part {
            Part::TermDirectory | Part::IdDirectory => {
                if bucket == 0 {
                    self.out.align(PART_ALIGNMENT)?;
                }
                self.directory(table, bits, bucket);
            }
            Part::TermEntries | Part::IdEntries => self.entries(table),
            Part::TermFilter | Part::IdFilter if filter.blocks > 0 => {
                if bucket == 0 {
                    self.out.align(FILTER_ALIGNMENT)?;
                }
                self.filter(filter, bits, bucket);
            }
            Part::TermFilter | Part::IdFilter => {}
        }
        self.out.write(&self.bytes)?;
        Ok(bits)
    }

    /// The words of the directory whose buckets of the table begin in a bucket of ours.
    fn directory(&mut self, table: TableShape, bits: u32, bucket: usize) {
        let first_from = |bucket: usize| ((bucket as u64) << table.bucket_bits).div_ceil(1 << bits);
        let (first, end) = (first_from(bucket), first_from(bucket + 1));
        let mut counts = vec![0u64; (end - first) as usize];
        for (hash, _) in &self.pairs {
            let place =
                table.bucket(*hash).checked_sub(first).and_then(|place| counts.get_mut(place as usize));
            match place {
                Some(count) => *count += 1,
                // Of a bucket of the table that has begun before.
                None => self.counted += 1,
            }
        }
        for count in counts {
            put_directory_word(&mut self.bytes, self.counted);
            self.counted += count;
        }
    }

    fn entries(&mut self, table: TableShape) {
        for pair in &mut self.pairs {
            pair.0 = table.known(pair.0);
        }
        self.pairs.sort_unstable();
        for (hash, value) in &self.pairs {
            table.put_entry(&mut self.bytes, table.entry(*hash, *value));
        }
    }

    /// The blocks of a bucket but the last, and the last one of the bucket before.
    fn filter(&mut self, filter: FilterShape, bits: u32, bucket: usize) {
        let lowest = (bucket as u64).checked_shl(u64::BITS - bits).unwrap_or(0);
        let highest = lowest | u64::MAX.checked_shr(bits).unwrap_or(0);
        let (first, last) = (filter.block(lowest), filter.block(highest));
        let mut blocks = vec![FilterBlock::default(); (last - first + 1) as usize];
        match self.last_block.take() {
            Some((number, block)) if number == first => blocks[0] = block,
            Some((_, block)) => self.bytes.extend_from_slice(&block.encode()),
            None => {}
        }
        for (hash, _) in &self.pairs {
            blocks[(filter.block(*hash) - first) as usize].insert(*hash);
        }
        self.last_block = blocks.pop().map(|block| (last, block));
        self.bytes.extend(blocks.iter().flat_map(FilterBlock::encode));
    }

    /// What a part has behind its last bucket.
    fn end_part(&mut self, part: Part) -> io::Result<()> {
        match part {
            Part::TermDirectory | Part::IdDirectory => {
                self.bytes.clear();
                put_directory_word(&mut self.bytes, std::mem::take(&mut self.counted));
                self.out.write(&self.bytes)
            }
            Part::TermEntries | Part::IdEntries => Ok(()),
            Part::TermFilter => self.end_filter(),
            Part::IdFilter => {
                self.end_filter()?;
                self.out.align(PART_ALIGNMENT)?;
                self.out.end_pages()
            }
        }
    }

    fn end_filter(&mut self) -> io::Result<()> {
        self.last_block.take().map_or(Ok(()), |(_, block)| self.out.write(&block.encode()))
    }

    fn end(&mut self, pages_checksum: u32) -> Result<RunIdentity, MergeError> {
        self.trailer.pages_checksum = pages_checksum;
        let bytes = self.trailer.encode();
        let length = self.out.write_trailer(&bytes)?;
        debug_assert_eq!(length, self.trailer.parts().trailer.end);
        let RunTrailer { first_position, count, .. } = self.trailer;
        let trailer_checksum = RunTrailer::stored_checksum(&bytes);
        Ok(RunIdentity { run_id: self.run_id, first_position, count, length, trailer_checksum })
    }
}
