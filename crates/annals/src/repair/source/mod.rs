//! What there is of the original: its segments in order, by its manifest where that is sound, otherwise by their own
//! headers; its runs; and what is proven to have been durable.

mod named;
mod segment;

pub(super) use segment::{SourceSegment, footer_of};

use super::editions::{self, choose};
use super::evidence::durable_in;
use super::found::{is_of_another_store, put_right, store_of};
use super::known::identities;
use super::plausible::Reach;
use crate::catalog::read_manifest;
use crate::error::OpenError;
use crate::open::check_foreign;
use annals_format::{Manifest, StoreId, names};
use annals_types::Position;
use annals_vfs::Disk;
use annals_wal::Window;
use named::{leave_out_parts, named, unnamed};
use std::path::Path;

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

impl Source {
    pub(super) fn survey(disk: &dyn Disk, path: &Path) -> Result<Source, OpenError> {
        let mut notes = Vec::new();
        refuse_unfinished(disk, path)?;
        let (mut manifest, trouble) = manifest_of(disk, &mut notes)?;
        let mut files = choose(disk, manifest.as_ref(), false, &mut notes)?;
        if manifest.as_ref().is_some_and(|manifest| is_of_another_store(manifest, &files)) {
            notes.push(
                "the MANIFEST is that of another store; the segments were taken by their own headers".into(),
            );
            manifest = None;
            // It did not have a say in which editions are the right ones either.
            files = choose(disk, None, false, &mut Vec::new())?;
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
            files = choose(disk, manifest.as_ref(), true, &mut Vec::new())?;
            put_right(store_id, manifest.as_ref(), &mut files, &mut Vec::new());
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

    /// Whether editions of different compactions may have met: a crash leaves files that were replaced beside those that replaced them,
    /// and no manifest tells which ones count.
    pub(super) fn may_mix_editions(&self) -> bool {
        self.compacted && !self.current
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
        for run in identities(disk, &self.store_id)? {
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
