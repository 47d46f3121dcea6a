//! Files that the manifest does not name: newer than it is, or left over.

use super::Verification;
use crate::error::OpenError;
use crate::open::{newest_unnamed, present_files};
use annals_format::{Manifest, SealedSegment, names};
use annals_vfs::Disk;
use std::collections::BTreeSet;
use std::io;

pub(super) fn note_orphans(disk: &dyn Disk, manifest: &Manifest, backup: bool, found: &mut Verification) {
    let present = present_files(disk, names::LOG_DIR, names::parse_edition);
    match present.and_then(|present| newest_unnamed(disk, manifest, &present)) {
        Ok(None) => {}
        // Of the next backup, which did not come to its end.
        Ok(Some(_)) if backup => {}
        Ok(Some(segment)) => {
            let segment = names::segment(segment);
            let what = format!("the manifest is older than the log: it does not know of {segment}");
            found.finding(names::MANIFEST, None, what);
        }
        Err(OpenError::Io { what, source }) => found.refused(names::LOG_DIR, None, &what, &source),
        Err(error) => found.finding(names::LOG_DIR, None, error.to_string()),
    }
    let segments = manifest.sealed.iter().map(SealedSegment::path);
    let segments = segments.chain(manifest.open.iter().map(|segment| names::segment(segment.id)));
    let named: BTreeSet<String> =
        segments.chain(manifest.runs.iter().map(|run| names::run(run.id))).collect();
    for directory in [names::LOG_DIR, names::INDEX_DIR] {
        let entries = match disk.list(directory) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    found.refused(directory, None, "list", &error);
                }
                continue;
            }
        };
        for entry in entries {
            let name = format!("{directory}/{}", entry.name);
            if !named.contains(&name) {
                found.notes.push(format!("{name} does not belong to the store (left over, or not from it)"));
            }
        }
    }
}
