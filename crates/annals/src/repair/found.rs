//! The files of segments that there are, and what they say of themselves, whatever a manifest says.

use super::source::footer_of;
use crate::error::OpenError;
use annals_format::{FormatError, Manifest, SEGMENT_HEADER_BYTES, SegmentHeader, StoreId, names};
use annals_vfs::{Access, Disk, File};
use annals_wal::Window;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What the file of a segment says of itself.
pub(super) struct Found {
    /// Its name, relative to the store's directory.
    pub(super) name: String,
    /// The edition that its name says.
    pub(super) edition: u64,
    pub(super) file: Arc<dyn File>,
    pub(super) header: Result<SegmentHeader, FormatError>,
    /// Whether there are only zeros where the header belongs.
    pub(super) blank: bool,
}

/// Opens a file and looks at its header.
pub(super) fn look(disk: &dyn Disk, id: u64, edition: u64) -> Result<Found, OpenError> {
    let name = names::edition(id, edition);
    let file = disk.open(&name, Access::Read).map_err(OpenError::io(format!("open {name}")))?;
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    let mut window = Window::tolerant(&*file).map_err(OpenError::io(format!("look at {name}")))?;
    let read = window.at(0, SEGMENT_HEADER_BYTES).map_err(OpenError::io(format!("read {name}")))?;
    let taken = read.len().min(SEGMENT_HEADER_BYTES);
    bytes[..taken].copy_from_slice(&read[..taken]);
    let header = SegmentHeader::decode(&bytes);
    if let Err(error @ FormatError::Newer { .. }) = header {
        return Err(OpenError::format(&name, error));
    }
    Ok(Found { name, edition, file, header, blank: bytes == [0; SEGMENT_HEADER_BYTES] })
}

/// Whether there are sound segments, and none of them is of the manifest's store.
pub(super) fn is_of_another_store(manifest: &Manifest, files: &BTreeMap<u64, Found>) -> bool {
    let mut headers = files.values().filter_map(|found| found.header.as_ref().ok()).peekable();
    headers.peek().is_some() && headers.all(|header| header.store_id != manifest.store_id)
}

/// The store that most segments belong to.
pub(super) fn store_of(files: &BTreeMap<u64, Found>, path: &Path) -> Result<Option<StoreId>, OpenError> {
    let mut votes: BTreeMap<StoreId, usize> = BTreeMap::new();
    for header in files.values().filter_map(|found| found.header.as_ref().ok()) {
        *votes.entry(header.store_id).or_default() += 1;
    }
    let most = votes.values().copied().max().unwrap_or(0);
    let mut first = votes.iter().filter(|(_, count)| **count == most).map(|(store_id, _)| *store_id);
    let chosen = first.next();
    if first.next().is_some() {
        let reason = "it has no sound MANIFEST, and segments of several stores: leave those of one".into();
        return Err(OpenError::NotAStore { path: path.to_owned(), reason });
    }
    Ok(chosen)
}

/// Files that were given the name of another segment get their own place, if that is free.
pub(super) fn put_right(
    store_id: StoreId,
    manifest: Option<&Manifest>,
    files: &mut BTreeMap<u64, Found>,
    notes: &mut Vec<String>,
) {
    let named = |id: u64| {
        let manifest = manifest?;
        let sealed = manifest.sealed.iter().map(|entry| (entry.id, entry.salt, entry.edition()));
        let mut entries = sealed.chain(manifest.open.iter().map(|entry| (entry.id, entry.salt, 0)));
        entries.find(|entry| entry.0 == id).map(|(_, salt, edition)| (salt, edition))
    };
    let is_misplaced = |id: u64, found: &Found| {
        found.header.as_ref().is_ok_and(|header| header.store_id == store_id && header.segment_id != id)
    };
    let ids: Vec<u64> =
        files.iter().filter(|(id, found)| is_misplaced(**id, found)).map(|(id, _)| *id).collect();
    let misplaced: Vec<_> = ids.into_iter().filter_map(|id| Some((id, files.remove(&id)?))).collect();
    for (id, mut found) in misplaced {
        let own = found.header.as_ref().ok().map(|header| (header.segment_id, header.salt));
        let place = own.filter(|(own, stated)| {
            !files.contains_key(own) && named(*own).is_none_or(|(salt, _)| salt == *stated)
        });
        if let Some((own, _)) = place {
            notes.push(format!("{} is segment {own} by its header and was taken for it", found.name));
            // Its name says the edition of another one.
            found.edition = named(own).map_or_else(|| edition_of(&found), |(_, edition)| edition);
        }
        files.insert(place.map_or(id, |(own, _)| own), found);
    }
}

/// What can be told of the edition of a file without its name: compaction has written it if positions are missing in it.
fn edition_of(found: &Found) -> u64 {
    let Ok(header) = &found.header else { return 0 };
    let footer = footer_of(&*found.file, header.binding(), None);
    u64::from(footer.is_some_and(|(footer, _)| footer.stretch_count() > 0))
}
