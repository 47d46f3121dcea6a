//! From memory to a file.

mod builder;
mod sink;

use crate::memory::MemoryIndex;
use crate::run::RunIdentity;
use annals_format::StoreId;
use annals_format::run::TermKind;
use annals_types::Version;
use annals_types::planted::{Bug, planted};
use builder::{RunBuilder, RunScope};
use std::io;

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
        first_position: memory.first_position(),
        count: memory.event_count(),
        hash_seed,
        terms_max: TermKind::ALL.iter().map(|kind| memory.term_count(*kind)).sum(),
        ids: memory.id_count(),
    };
    let mut builder = RunBuilder::new(store_id, run_id, &scope, sink)?;
    for kind in TermKind::ALL {
        for term in memory.sorted_terms(kind) {
            let anew = planted(Bug::VersionsBeginAnewInRuns) && kind == TermKind::Stream;
            let first_version = if anew { Version::FIRST } else { term.first_version };
            builder.term(kind, term.name, first_version, term.count, term.positions())?;
        }
    }
    memory.all_ids().for_each(|(id, relative)| builder.id(id, relative.into()));
    builder.finish()
}
