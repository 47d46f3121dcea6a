//! Which files are there, against those that the manifest names: missing ones, newer ones, and those that are left over.

use crate::error::OpenError;
use annals_format::{Manifest, SEGMENT_HEADER_BYTES, names};
use annals_types::planted::{Bug, planted};
use annals_vfs::{Access, Disk, EntryKind, read_up_to};
use std::collections::BTreeSet;
use std::io;

/// The number and the edition of a segment's file.
pub(super) type Edition = (u64, u64);

/// Missing segments are found at once, by one look at the directory; the files themselves are opened when
/// they are read. Gives those that are there. In a backup there may be newer ones, of the next backup that did not
/// come to its end: its mark proves that the manifest is the right one.
pub(super) fn check_present(
    disk: &dyn Disk,
    manifest: &Manifest,
    backup: bool,
) -> Result<BTreeSet<Edition>, OpenError> {
    let present = present_files(disk, names::LOG_DIR, names::parse_edition)?;
    let missing = manifest.sealed.iter().find(|segment| !present.contains(&(segment.id, segment.edition())));
    if let Some(missing) = missing.filter(|_| !planted(Bug::MissingSegmentNotNoticed)) {
        let what = "sealed segment that is not there";
        let damage = annals_format::Damage::new(0, what, 0u64, 0u64);
        return Err(OpenError::Corrupt(damage.in_file(missing.path())));
    }
    if backup {
        return Ok(present);
    }
    match newest_unnamed(disk, manifest, &present)? {
        None => Ok(present),
        Some(_) if planted(Bug::OlderManifestAccepted) => Ok(present),
        Some(segment) => {
            let what = "next file number of the manifest, which is older than the log,";
            let damage =
                annals_format::Damage::new(0, what, manifest.next_file_id, segment.saturating_add(1));
            Err(OpenError::Corrupt(damage.in_file(names::MANIFEST)))
        }
    }
}

/// The newest segment with something in it that is newer than the manifest. A segment is written only after the
/// manifest that names it is durable, so there is none after any crash, but there is if an old manifest was put in
/// the place of the last one. What the log has gained since would be taken for rubbish.
pub(crate) fn newest_unnamed(
    disk: &dyn Disk,
    manifest: &Manifest,
    present: &BTreeSet<Edition>,
) -> Result<Option<u64>, OpenError> {
    let mut newest = None;
    // What compaction writes has a number that the manifest knows.
    let unnamed = present.iter().filter(|(id, edition)| *id >= manifest.next_file_id && *edition == 0);
    for id in unnamed.map(|(id, _)| *id) {
        let name = names::segment(id);
        let mut header = [0; SEGMENT_HEADER_BYTES];
        let read = disk.open(&name, Access::Read).and_then(|file| read_up_to(&*file, &mut header, 0));
        match read {
            // A writer that goes on meanwhile may have removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => drop(other.map_err(OpenError::io(format!("read {name}")))?),
        }
        if header.iter().any(|byte| *byte != 0) {
            newest = newest.max(Some(id));
        }
    }
    Ok(newest)
}

/// The numbers of the files in a directory, in order: what is done with them is done in the same order every time.
pub(crate) fn present_files<N: Ord>(
    disk: &dyn Disk,
    directory: &str,
    parse: impl Fn(&str) -> Option<N>,
) -> Result<BTreeSet<N>, OpenError> {
    match disk.kinds(directory) {
        // What is no plain file is nothing of the store's, whatever it is called.
        Ok(entries) => {
            let files = entries.iter().filter(|(_, kind)| *kind == EntryKind::File);
            Ok(files.filter_map(|(name, _)| parse(name)).collect())
        }
        // Derived files may be deleted, directory and all.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(OpenError::io(format!("list {directory}"))(error)),
    }
}

/// Removes what crashes left behind: files that the manifest, which is durable, does not name.
pub(super) fn remove_orphans(
    disk: &dyn Disk,
    manifest: &Manifest,
    present: &BTreeSet<Edition>,
) -> Result<(), OpenError> {
    if let Err(error) = disk.remove(names::MANIFEST_TEMPORARY)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(OpenError::io("remove MANIFEST.tmp")(error));
    }
    // The index may be deleted, and directories without files are easily lost when a store is copied.
    for name in [names::LOG_DIR, names::INDEX_DIR, names::SNAPSHOT_DIR] {
        match disk.create_dir(name) {
            Ok(()) => disk.sync_dir("").map_err(OpenError::io("sync the store's directory"))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(OpenError::io(format!("create {name}"))(error)),
        }
    }
    let open = manifest.open.iter().filter(|_| !planted(Bug::OpenSegmentsTakenForOrphans));
    let sealed = manifest.sealed.iter().map(|segment| (segment.id, segment.edition()));
    let segments: BTreeSet<Edition> = sealed.chain(open.map(|segment| (segment.id, 0))).collect();
    for (id, edition) in present.difference(&segments) {
        let name = names::edition(*id, *edition);
        disk.remove(&name).map_err(OpenError::io(format!("remove {name}")))?;
    }
    for (id, part) in present_files(disk, names::INDEX_DIR, names::parse_scratch)? {
        let name = names::scratch(id, part);
        disk.remove(&name).map_err(OpenError::io(format!("remove {name}")))?;
    }
    let runs: BTreeSet<u64> = manifest.runs.iter().map(|run| run.id).collect();
    for id in present_files(disk, names::INDEX_DIR, names::parse_run)? {
        if !runs.contains(&id) {
            disk.remove(&names::run(id)).map_err(OpenError::io(format!("remove {}", names::run(id))))?;
        }
    }
    Ok(())
}
