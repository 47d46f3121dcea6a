//! The run files that there are: what they say of themselves, what of them counts, and whether they can be read.

use crate::error::OpenError;
use crate::open::present_files;
use annals_format::run::{RUN_HEADER_BYTES, RUN_TRAILER_BYTES, RunHeader, RunTrailer};
use annals_format::{Manifest, RunEntry, RunSpan, StoreId, names};
use annals_index::{Run, RunIdentity, TermKind};
use annals_types::EventRef;
use annals_vfs::{Access, Disk, File, Mapping, read_exact_at, read_up_to};

/// What a run file covers: where the manifest names it what it says, which may be several windows, and nothing where it knows of it and does
/// not name it; otherwise all that is in it.
pub(super) fn spans(identity: &RunIdentity, manifest: Option<&Manifest>) -> Vec<RunSpan> {
    match manifest.filter(|manifest| identity.run_id < manifest.next_file_id) {
        Some(manifest) => (manifest.runs.iter())
            .filter(|run| crate::part::identity(run) == *identity)
            .map(RunEntry::span)
            .collect(),
        None => vec![RunSpan { first_position: identity.first_position, count: identity.count }],
    }
}

/// What the files in `index/` that are runs of this store say of themselves.
pub(in super::super) fn identities(
    disk: &dyn Disk,
    store_id: &StoreId,
) -> Result<Vec<RunIdentity>, OpenError> {
    let mut ids: Vec<u64> = present_files(disk, names::INDEX_DIR, names::parse_run)?.into_iter().collect();
    ids.sort_unstable();
    Ok(ids.into_iter().filter_map(|id| identity(disk, store_id, id)).collect())
}

fn identity(disk: &dyn Disk, store_id: &StoreId, id: u64) -> Option<RunIdentity> {
    let file = disk.open(&names::run(id), Access::Read).ok()?;
    let length = file.length().ok()?;
    let (mut header, mut trailer) = ([0; RUN_HEADER_BYTES], [0; RUN_TRAILER_BYTES]);
    read_exact_at(&*file, &mut header, 0).ok()?;
    read_exact_at(&*file, &mut trailer, length.checked_sub(RUN_TRAILER_BYTES as u64)?).ok()?;
    let trailer_checksum = RunTrailer::stored_checksum(&trailer);
    let header = RunHeader::decode(&header).ok()?;
    let trailer = RunTrailer::decode(&trailer, length).ok()?;
    let same = header.store_id == *store_id && header.run_id == id;
    let RunTrailer { first_position, count, .. } = trailer;
    same.then_some(RunIdentity { run_id: id, first_position, count, length, trailer_checksum })
}

/// Maps a run, after it was read once: what the disk does not give is met here, as an error and not as a signal.
pub(super) fn whole(disk: &dyn Disk, identity: &RunIdentity) -> Option<Mapping> {
    let file = disk.open(&names::run(identity.run_id), Access::Read).ok()?;
    if file.length().ok()? != identity.length {
        return None;
    }
    read_through(&*file).then(|| file.map(identity.length).ok()).flatten()
}

fn read_through(file: &dyn File) -> bool {
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    loop {
        match read_up_to(file, &mut buffer, offset) {
            Ok(0) => return true,
            Ok(read) => offset += read as u64,
            Err(_) => return false,
        }
    }
}

/// Whether a run has an event's stream and version at its position.
pub(super) fn agrees(run: &Run, event: &EventRef<'_>) -> bool {
    if event.stream.is_empty() {
        return true;
    }
    let Ok(Some(postings)) = run.find(TermKind::Stream, event.stream) else { return false };
    let Some(ordinal) = event.version.get().checked_sub(postings.first_version().get()) else { return false };
    let mut found = Vec::new();
    run.positions(&postings, ordinal, 1, &mut found).is_ok() && found == [event.position]
}
