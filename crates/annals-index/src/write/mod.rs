//! Into a file: from memory, and what merging needs for the same.

mod buckets;
mod builder;
mod scratch;
mod sink;
mod spool;
mod tables;

use crate::memory::MemoryIndex;
use crate::merge::MergeError;
use crate::run::RunIdentity;
use annals_format::StoreId;
use annals_format::run::{BLOCK_POSITIONS, TableShape, TermKind, TermList, id_hash};
use annals_types::Version;
use annals_types::planted::{Bug, planted};
use buckets::Buckets;
pub(crate) use buckets::{HashOrder, Pair, bucket_bits, bucket_of};
pub(crate) use builder::{RunBuilder, RunScope};
pub(crate) use scratch::Scratch;
pub use scratch::ScratchFiles;
use std::io;
pub(crate) use tables::Tables;

/// Writes `memory` as a run through `sink`, which gets consecutive bytes, and returns what the manifest
/// needs to know of it.
///
/// The same index, numbers and seed always give the same bytes. `hash_seed` is random and not known outside;
/// the id tables of runs that have the same one can be merged without reading the log.
///
/// # Errors
/// What `sink` says; then the bytes it got so far are of no use.
pub fn write_run(
    memory: &MemoryIndex,
    store_id: &StoreId,
    run_id: u64,
    hash_seed: u64,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<RunIdentity> {
    let scope = RunScope {
        store_id: *store_id,
        run_id,
        first_position: memory.first_position(),
        count: memory.event_count(),
        hash_seed,
        terms_max: TermKind::ALL.iter().map(|kind| memory.term_count(*kind)).sum(),
        memory_bytes: usize::MAX,
    };
    let mut builder = RunBuilder::new(&scope, Scratch::none(), sink)?;
    for kind in TermKind::ALL {
        for term in memory.sorted_terms(kind) {
            let anew = planted(Bug::VersionsBeginAnewInRuns) && kind == TermKind::Stream;
            let first_version = if anew { Version::FIRST } else { term.first_version };
            let (name, count) = (term.name, term.count);
            let mut buffer = [0; BLOCK_POSITIONS];
            let list = write_list(&mut builder, count, term.positions(), &mut buffer)?;
            builder.term(kind, name, first_version, list)?;
        }
    }
    let mut ids = Buckets::new(memory.id_count(), usize::MAX);
    for (id, relative) in memory.all_ids() {
        ids.push((id_hash(id, hash_seed), relative.into()), &mut Scratch::none())?;
    }
    let mut tables = builder.end(ids, TableShape::of_ids(memory.id_count(), memory.event_count()))?;
    loop {
        match tables.step() {
            Ok(Some(identity)) => return Ok(identity),
            Ok(None) => {}
            Err(MergeError::Io(error)) => return Err(error),
            // Nothing was read that could be wrong.
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

/// Takes a list of positions. One of blocks is written at once, a short one is left in `buffer`.
fn write_list<'b, S: FnMut(&[u8]) -> io::Result<()>>(
    builder: &mut RunBuilder<S>,
    count: u64,
    mut positions: impl Iterator<Item = u64>,
    buffer: &'b mut [u64; BLOCK_POSITIONS],
) -> io::Result<TermList<'b>> {
    let mut fill = |places: &mut [u64]| {
        // More positions than their count says would be a mistake of ours, and so would be fewer.
        places.iter_mut().for_each(|place| *place = positions.next().expect("a list has all its positions"));
    };
    if count <= BLOCK_POSITIONS as u64 {
        let short = &mut buffer[..count as usize];
        fill(short);
        return Ok(if count == 1 { TermList::One(short[0]) } else { TermList::Short(short) });
    }
    let mut left = count;
    while left > 0 {
        let block = &mut buffer[..left.min(BLOCK_POSITIONS as u64) as usize];
        fill(block);
        builder.block(block)?;
        left -= block.len() as u64;
    }
    builder.end_blocks()
}
