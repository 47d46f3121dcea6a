//! What there is of the original: its segments in order, by its manifest where that is sound, otherwise by their own
//! headers; its runs; and what is proven to have been durable.

use super::editions::{self, choose};
use super::evidence::{durable_in, reached_in};
use super::found::{Found, is_of_another_store, put_right, store_of};
use super::plausible::{Reach, records_in};
use super::presence::stretches_of;
use super::report::Cause;
use crate::catalog::read_manifest;
use crate::error::OpenError;
use crate::open::check_foreign;
use annals_format::{
    Binding, FOOTER_TRAILER_BYTES, Footer, FormatError, Manifest, OpenSegment, SealedSegment, SegmentHeader,
    StoreId, names,
};
use annals_types::Position;
use annals_vfs::{Disk, File};
use annals_wal::Window;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The original, as far as it can be told before its frames are read.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) store_id: StoreId,
    /// `None` if there is none, or none that is sound.
    pub(super) manifest: Option<Manifest>,
    /// Whether events may have been removed.
    pub(super) compacted: bool,
    /// Whether the manifest is there, and is not one of before a compaction.
    pub(super) current: bool,
    /// In order of positions.
    pub(super) segments: Vec<SourceSegment>,
    /// The last position that is proven to have been durable.
    pub(super) evidence: Position,
    /// Bytes of all segments.
    pub(super) bytes: u64,
    pub(super) notes: Vec<String>,
}

/// One segment that there is or should be.
#[derive(Debug)]
pub(super) struct SourceSegment {
    pub(super) id: u64,
    /// Its file, relative to the store's directory.
    pub(super) name: String,
    /// `None` if the file is not there or holds something else.
    pub(super) file: Option<Arc<dyn File>>,
    pub(super) binding: Binding,
    /// Position of its first event, if that is known.
    pub(super) first: Option<Position>,
    /// The position behind its last event, if that is known.
    pub(super) end: Option<Position>,
    /// Where its frames end, if that is known.
    pub(super) frames_end: Option<u64>,
    /// How many events it has, if that is known.
    pub(super) count: Option<u64>,
    /// How long the manifest says that its file is.
    pub(super) length: Option<u64>,
    /// Whether it was written anew, so that positions may be missing.
    pub(super) sparse: bool,
    /// Whether a manifest that is current says all this.
    pub(super) named: bool,
    /// What is to be said of it if its events cannot be found.
    pub(super) missing: Cause,
}

impl Source {
    pub(super) fn survey(disk: &dyn Disk, path: &Path) -> Result<Source, OpenError> {
        let mut notes = Vec::new();
        refuse_unfinished(disk, path)?;
        let (mut manifest, trouble) = manifest_of(disk, &mut notes)?;
        let mut files = choose(disk, manifest.as_ref(), &mut notes)?;
        if manifest.as_ref().is_some_and(|manifest| is_of_another_store(manifest, &files)) {
            notes.push(
                "the MANIFEST is that of another store; the segments were taken by their own headers".into(),
            );
            manifest = None;
            // It did not have a say in which editions are the right ones either.
            files = choose(disk, None, &mut Vec::new())?;
        }
        let store_id = match &manifest {
            Some(manifest) => manifest.store_id,
            None => match store_of(&files, path)? {
                Some(store_id) => store_id,
                None => {
                    check_foreign(disk, false, path)?;
                    return Err(trouble.unwrap_or(OpenError::NotFound { path: path.to_owned() }));
                }
            },
        };
        put_right(store_id, manifest.as_ref(), &mut files, &mut notes);
        let outdated =
            manifest.as_ref().is_some_and(|manifest| editions::is_outdated(manifest, store_id, &files));
        if outdated {
            notes.push("the MANIFEST is older than files that compaction has written".into());
        }
        let mut segments = named(manifest.as_ref(), outdated, &mut files);
        segments.extend(unnamed(store_id, manifest.as_ref(), files, &mut notes));
        leave_out_parts(&mut segments, &mut notes);
        let removed = manifest.as_ref().is_some_and(|manifest| manifest.removed.is_some());
        let compacted = removed || outdated || segments.iter().any(|segment| segment.sparse);
        let current = manifest.is_some() && !outdated;
        let reach = Reach::of(&mut segments, manifest.as_ref(), &mut notes);
        let bytes = segments.iter().map(SourceSegment::file_length).sum();
        let evidence = Position::ZERO;
        let mut source = Source { store_id, manifest, compacted, current, segments, evidence, bytes, notes };
        source.evidence = source.weigh(disk, reach)?;
        Ok(source)
    }

    /// What is proven to have been durable: by the manifest, by segments that were begun behind it, by runs, and by
    /// frames.
    fn weigh(&mut self, disk: &dyn Disk, reach: Reach) -> Result<Position, OpenError> {
        let mut evidence = Position::ZERO;
        if let Some(manifest) = &self.manifest {
            evidence = manifest.sealed_end().previous().min(reach.end.previous());
            if manifest.durable < reach.end {
                evidence = evidence.max(manifest.durable);
            } else {
                self.notes.push(format!(
                    "the MANIFEST says that position {} was durable, for which its segments have no room: not believed",
                    manifest.durable
                ));
            }
        }
        let starts = self.segments.iter().filter_map(|segment| segment.first);
        evidence = starts.fold(evidence, |all, first| all.max(first.previous()));
        // Compaction writes nothing anew that was not durable.
        let rewritten = self.segments.iter().filter(|segment| segment.sparse);
        let ends = rewritten.filter_map(|segment| segment.end);
        evidence = ends.fold(evidence, |all, end| all.max(end.previous()));
        for run in super::known::identities(disk, &self.store_id)? {
            let last = run.first_position.plus(run.count).previous();
            // A run is made of sealed segments only, so that is proof of what was durable.
            if last < reach.before(run.run_id) {
                evidence = evidence.max(last);
            } else {
                let name = names::run(run.run_id);
                self.notes
                    .push(format!("{name} has position {last}, for which there was no room: not believed"));
            }
        }
        // Frames tell only of what lies before them, so those of the last segments are enough.
        let from = self.segments.iter().rposition(|segment| segment.first.is_some()).unwrap_or(0);
        for segment in &self.segments[from..] {
            if let Some(file) = segment.file.as_ref().filter(|_| segment.end.is_none()) {
                let failed = OpenError::io(format!("look at {}", segment.name));
                let mut window = Window::tolerant(&**file).map_err(failed)?;
                let durable = durable_in(&mut window, segment)?;
                evidence = evidence.max(if durable < reach.end { durable } else { Position::ZERO });
            }
        }
        Ok(evidence.min(Position::MAX))
    }
}

impl SourceSegment {
    /// How long its file is.
    pub(super) fn file_length(&self) -> u64 {
        self.file.as_ref().and_then(|file| file.length().ok()).unwrap_or(0)
    }

    fn new(id: u64, binding: Binding, found: Option<Found>) -> (Self, Option<SegmentHeader>) {
        let name = found.as_ref().map_or_else(|| names::segment(id), |found| found.name.clone());
        let sparse = found.as_ref().is_some_and(|found| found.edition > 0);
        let what = match &found {
            None => "the file is not there".into(),
            Some(found) => match &found.header {
                Ok(header) if header.binding() != binding && header.segment_id == id => {
                    "the file holds this segment of another store, or of a copy that was written on its own"
                        .into()
                }
                Ok(header) if header.binding() != binding => {
                    format!("the file holds segment {} of a store, and not this one", header.segment_id)
                }
                Ok(_) => "no frame where there were some".into(),
                Err(FormatError::Damaged(damage)) => damage.to_string(),
                Err(_) => "segment header".into(),
            },
        };
        let (file, header) = match found {
            Some(Found { header: Ok(header), .. }) if header.binding() != binding => (None, None),
            Some(Found { file, header, .. }) => (Some(file), header.ok()),
            None => (None, None),
        };
        let first = header.as_ref().map(|header| header.first_position);
        let missing = Cause { file: name.clone(), offset: 0, what };
        let segment = SourceSegment {
            id,
            name,
            file,
            binding,
            first,
            end: None,
            frames_end: None,
            count: None,
            length: None,
            sparse,
            named: false,
            missing,
        };
        (segment, header)
    }

    fn sealed(store_id: &StoreId, entry: &SealedSegment, found: Option<Found>) -> Self {
        let is_missing = found.is_none();
        let (mut segment, _) = SourceSegment::new(entry.id, entry.binding(store_id), found);
        if is_missing {
            segment.name = entry.path();
            segment.missing.file = entry.path();
        }
        SourceSegment {
            first: Some(entry.first_position),
            end: Some(entry.last_position().next()),
            frames_end: Some(entry.frames_end),
            count: Some(entry.count),
            length: Some(entry.length),
            sparse: entry.rewritten.is_some(),
            named: true,
            ..segment
        }
    }

    /// A segment that its footer, if it has one, says more of than the manifest.
    fn open(store_id: &StoreId, entry: OpenSegment, found: Option<Found>) -> Self {
        let (mut segment, header) = SourceSegment::new(entry.id, entry.binding(store_id), found);
        let footer = segment.file.as_ref().and_then(|file| footer_of(&**file, segment.binding, None));
        match (footer, header) {
            (Some((footer, length)), Some(_)) => {
                let dense = footer.first_position.plus(footer.count);
                let last = || {
                    let file = segment.file.as_ref()?;
                    stretches_of(&**file, &footer, length, u32::MAX.into())?.last().map(|last| last.1.next())
                };
                let end = if segment.sparse { last() } else { Some(dense) };
                segment.first = Some(footer.first_position);
                segment.end = end.or_else(|| segment.reached());
                segment.frames_end = Some(footer.frames_end);
                segment.count = Some(footer.count);
            }
            (None, Some(_)) if segment.sparse => segment.end = segment.reached(),
            _ => {}
        }
        segment
    }

    /// The position behind the last one that a frame of it tells, where nothing else does.
    fn reached(&self) -> Option<Position> {
        let mut window = Window::tolerant(&**self.file.as_ref()?).ok()?;
        reached_in(&mut window, self.binding, self.first?).map(Position::next)
    }
}

fn refuse_unfinished(disk: &dyn Disk, path: &Path) -> Result<(), OpenError> {
    let entries = disk.list("").map_err(OpenError::io(format!("list {}", path.display())))?;
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    if has(names::REPAIR) && !has(names::MANIFEST) {
        let reason = "it is what an interrupted repair has left: repair the original again".into();
        return Err(OpenError::NotAStore { path: path.to_owned(), reason });
    }
    Ok(())
}

/// The manifest if it is sound. Otherwise, what is wrong with it.
fn manifest_of(
    disk: &dyn Disk,
    notes: &mut Vec<String>,
) -> Result<(Option<Manifest>, Option<OpenError>), OpenError> {
    let (what, error) = match read_manifest(disk) {
        Ok(Some(manifest)) => return Ok((Some(manifest), None)),
        Ok(None) => ("there is no MANIFEST".to_owned(), None),
        Err(OpenError::Corrupt(corruption)) => (corruption.to_string(), Some(OpenError::Corrupt(corruption))),
        // It is there and was opened: the disk does not give it.
        Err(OpenError::Io { what, source }) if what == "read MANIFEST" => {
            (format!("cannot {what}: {source}"), Some(OpenError::Io { what, source }))
        }
        Err(error) => return Err(error),
    };
    notes.push(format!(
        "{what}; the segments were taken by their own headers, and whether others followed cannot be told"
    ));
    Ok((None, error))
}

/// The segments of the manifest. Their files are taken out of `files`.
fn named(
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
fn unnamed(
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
fn leave_out_parts(segments: &mut Vec<SourceSegment>, notes: &mut Vec<String>) {
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

/// The footer that ends a file, or its first `length` bytes, if it is sound; and where it ends.
pub(super) fn footer_of(file: &dyn File, binding: Binding, length: Option<u64>) -> Option<(Footer, u64)> {
    let length = length.or_else(|| file.length().ok())?;
    let start = length.checked_sub(FOOTER_TRAILER_BYTES as u64)?;
    let mut trailer = [0; FOOTER_TRAILER_BYTES];
    let read: io::Result<()> = annals_vfs::read_exact_at(file, &mut trailer, start);
    read.ok()?;
    let footer = Footer::decode_trailer(&trailer, binding, length)
        .ok()
        .filter(|footer| footer.count > 0 && footer.count <= records_in(footer.frames_end));
    footer.map(|footer| (footer, length))
}
