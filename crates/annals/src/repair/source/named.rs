//! Which files are segments of the log: those that the manifest names, and those that are newer than it. What else there is,
//! is left over.

use super::super::found::Found;
use super::SourceSegment;
use annals_format::{Manifest, OpenSegment, StoreId};
use annals_types::Position;
use std::collections::BTreeMap;

/// The segments of the manifest. Their files are taken out of `files`.
pub(super) fn named(
    manifest: Option<&Manifest>,
    outdated: bool,
    files: &mut BTreeMap<u64, Found>,
) -> Vec<SourceSegment> {
    let Some(manifest) = manifest else { return Vec::new() };
    let mut segments = Vec::new();
    for entry in &manifest.sealed {
        let found = files.remove(&entry.id);
        let segment = match newer_salt(found.as_ref(), entry.edition()) {
            Some(salt) => SourceSegment::open(&manifest.store_id, OpenSegment { id: entry.id, salt }, found),
            None => SourceSegment::sealed(&manifest.store_id, entry, found),
        };
        segments.push(segment);
    }
    for entry in &manifest.open {
        let found = files.remove(&entry.id);
        // Laid out and never begun, as far as is known here. If it was begun and its beginning is lost, its frames say so.
        let salt = newer_salt(found.as_ref(), 0).unwrap_or(entry.salt);
        segments.push(SourceSegment::open(&manifest.store_id, OpenSegment { salt, ..*entry }, found));
    }
    for segment in segments.iter_mut().filter(|_| outdated) {
        // What it names and is not there may have gone in the compaction.
        segment.sparse |= segment.file.is_none();
        segment.named = false;
    }
    segments
}

/// The salt of an edition that the manifest does not know of yet, which says all of itself.
fn newer_salt(found: Option<&Found>, named: u64) -> Option<u64> {
    let newer = found.filter(|found| found.edition > named)?;
    Some(newer.header.as_ref().ok()?.salt)
}

/// Segments that the manifest does not know of: all of them if there is no manifest, otherwise those that were begun
/// after it, which makes it an old one. Others are left over.
pub(super) fn unnamed(
    store_id: StoreId,
    manifest: Option<&Manifest>,
    files: BTreeMap<u64, Found>,
    notes: &mut Vec<String>,
) -> Vec<SourceSegment> {
    let mut segments = Vec::new();
    let from = manifest.map_or(0, |manifest| manifest.next_file_id);
    for (id, found) in files {
        let name = found.name.clone();
        if found.blank {
            continue;
        }
        let header = match &found.header {
            Ok(header) if header.store_id != store_id => {
                notes.push(format!("{name} belongs to another store and was not used"));
                continue;
            }
            Ok(header) if header.segment_id != id => {
                notes.push(format!("{name} is segment {} by its header and was not used", header.segment_id));
                continue;
            }
            Ok(_) if id < from => {
                notes.push(format!("{name} is left over and was not used: the manifest does not name it"));
                continue;
            }
            Ok(header) => header.clone(),
            Err(error) => {
                // Without the salt nothing in it can be told from rubbish.
                notes.push(format!("{name} was not used: {error}, and no manifest names it"));
                continue;
            }
        };
        let entry = OpenSegment { id, salt: header.salt };
        segments.push(SourceSegment::open(&store_id, entry, Some(found)));
    }
    if let (Some(manifest), [first, others @ ..]) = (manifest, segments.as_slice()) {
        let (name, generation) = (&first.name, manifest.generation);
        let others = if others.is_empty() { String::new() } else { format!(", as {} others", others.len()) };
        notes.push(format!(
            "{name} is newer than the manifest (generation {generation}), which is an old one{others}"
        ));
    }
    segments.sort_by_key(|segment| (segment.first, segment.id));
    segments
}

/// Takes out what became part of a segment that was written anew, where no manifest says so.
pub(super) fn leave_out_parts(segments: &mut Vec<SourceSegment>, notes: &mut Vec<String>) {
    let mut reached = Position::FIRST;
    let mut whole = String::new();
    segments.retain(|segment| {
        let part = !segment.named && segment.first.is_some_and(|first| first < reached);
        if part {
            notes.push(format!("{} is left over and was not used: it became part of {whole}", segment.name));
        } else if let Some(end) =
            segment.end.filter(|_| segment.sparse && !segment.named && segment.file.is_some())
        {
            reached = reached.max(end);
            whole.clone_from(&segment.name);
        }
        !part
    });
}
