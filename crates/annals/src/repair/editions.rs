//! Which file is the one of a segment, where compaction has left several editions of it.
//!
//! A newer edition counts before an older one if it is whole: it may be that of an erasure, and what was erased must not come back.
//! One without a footer was not finished when the program that wrote it ended, unless the manifest names it. If it was, and has been
//! damaged since, an older one that is left over has all that it had, and what was removed since: see `beginnings`.

use super::found::{Found, look};
use super::source::footer_of;
use crate::error::OpenError;
use crate::open::present_files;
use annals_format::{Manifest, SealedSegment, SegmentHeader, StoreId, names};
use annals_types::planted::{Bug, planted};
use annals_vfs::Disk;
use std::collections::BTreeMap;

/// One file for each number of a segment. Says of the others why they are not used. Where the manifest is `outdated`, a newer edition that
/// is whole counts before the one that it names.
pub(super) fn choose(
    disk: &dyn Disk,
    manifest: Option<&Manifest>,
    outdated: bool,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<u64, Found>, OpenError> {
    let mut editions: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (id, edition) in present_files(disk, names::LOG_DIR, names::parse_edition)? {
        editions.entry(id).or_default().push(edition);
    }
    let mut files = BTreeMap::new();
    for (id, editions) in editions {
        let named = manifest.and_then(|manifest| named(manifest, id));
        let mut found =
            editions.iter().map(|edition| look(disk, id, *edition)).collect::<Result<Vec<_>, _>>()?;
        let exact = found.iter().position(|found| Some(found.edition) == named);
        let oldest = planted(Bug::RepairTakesOldestEdition).then_some(0);
        let newer = if exact.is_none() || outdated { newest(&found, id, named) } else { None };
        let Some(place) = oldest.or(newer).or(exact) else {
            notes.extend(found.iter().map(|found| {
                format!("{} was not used: the manifest names a newer edition of it", found.name)
            }));
            continue;
        };
        let chosen = found.remove(place);
        let why = if exact == Some(place) { "the manifest names" } else { "it was written anew as" };
        notes.extend(
            found
                .iter()
                .map(|other| format!("{} is left over and was not used: {why} {}", other.name, chosen.name)),
        );
        files.insert(id, chosen);
    }
    Ok(files)
}

/// The edition that the manifest names.
pub(super) fn named(manifest: &Manifest, id: u64) -> Option<u64> {
    let sealed = manifest.sealed.iter().find(|entry| entry.id == id).map(SealedSegment::edition);
    sealed.or_else(|| manifest.open.iter().any(|entry| entry.id == id).then_some(0))
}

/// The newest edition that is whole; if none is, the first one that says which segment it is. None that is older than the one that is
/// named: what was removed and erased since would come back.
fn newest(found: &[Found], id: u64, named: Option<u64>) -> Option<usize> {
    let may_be = |found: &&Found| named.is_none_or(|named| found.edition > named);
    let whole = found.iter().rposition(|found| may_be(&found) && is_whole(found, id));
    let begun = || found.iter().position(|found| header_of(found, id).is_some()).unwrap_or(0);
    whole.or_else(|| named.is_none().then(begun))
}

fn header_of(found: &Found, id: u64) -> Option<&SegmentHeader> {
    found.header.as_ref().ok().filter(|header| header.segment_id == id)
}

fn is_whole(found: &Found, id: u64) -> bool {
    header_of(found, id).is_some_and(|header| footer_of(&*found.file, header.binding(), None).is_some())
}

/// The store that a manifest is of, and whether it is older than what compaction has put in the place of what it names.
pub(super) fn is_outdated(manifest: &Manifest, store_id: StoreId, files: &BTreeMap<u64, Found>) -> bool {
    manifest.store_id == store_id
        && files.iter().any(|(id, found)| {
            let named = named(manifest, *id);
            found.edition > named.unwrap_or(0) && (named.is_some() || *id >= manifest.next_file_id)
        })
}
