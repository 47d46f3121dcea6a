//! Verifying what was taken, before anything says that it counts.

use super::error::BackupError;
use super::files::Copier;
use crate::verify::{Runs, Sealed, Verification, open_run};
use annals_format::{CleanMark, Corruption, Manifest, RunEntry, SealedSegment};
use annals_types::{EventRef, Position, Timestamp, Uuid};
use annals_vfs::{Disk, Env};
use annals_wal::{Mode, RecoveryInput, Segment, recover};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What is verified, and what was found that is no reason to stop.
pub(super) struct Checks<'a> {
    to: &'a Env,
    pub(super) verify: bool,
    pub(super) verified_bytes: u64,
    pub(super) notes: Vec<String>,
    /// The manifest of the store without its lists.
    bare: Manifest,
}

/// With what a copy of the log ends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ending {
    /// When the last event that is there was recorded.
    pub(super) recorded_at: Option<Timestamp>,
    /// The id of the event at the last position, if it is there.
    pub(super) event_id: Option<Uuid>,
}

impl Ending {
    fn with(event: &EventRef<'_>) -> Self {
        Ending { recorded_at: Some(event.recorded_at), event_id: Some(event.id) }
    }
}

impl<'a> Checks<'a> {
    pub(super) fn new(to: &'a Env, verify: bool, manifest: &Manifest) -> Self {
        let bare = Manifest {
            sealed: Vec::new(),
            open: Vec::new(),
            runs: Vec::new(),
            clean: None,
            ..manifest.clone()
        };
        Checks { to, verify, verified_bytes: 0, notes: Vec::new(), bare }
    }

    /// A sealed segment: header, frames, footer.
    pub(super) fn sealed(
        &mut self,
        entry: &SealedSegment,
        copier: &mut Copier<'_>,
    ) -> Result<(), BackupError> {
        if !self.verify {
            return Ok(());
        }
        let copied = self.look_at_sealed(copier.to, entry);
        self.verified_bytes = self.verified_bytes.saturating_add(copied.bytes);
        copier.progress.add(copied.bytes);
        let Some(of_copy) = first_wrong(copied)? else { return Ok(()) };
        // Whose damage it is.
        match first_wrong(self.look_at_sealed(copier.from, entry))? {
            Some(of_original) => Err(BackupError::Corrupt(of_original)),
            None => Err(BackupError::BadCopy { path: self.path(), corruption: of_copy }),
        }
    }

    fn look_at_sealed(&self, disk: &dyn Disk, entry: &SealedSegment) -> Verification {
        let mut found = Verification::default();
        let mut last_recorded = Timestamp::MIN;
        let mut runs = Runs::new(disk, &self.bare);
        Sealed { disk, manifest: &self.bare, entry }.check(&mut runs, &mut last_recorded, &mut found);
        found
    }

    /// A run, byte for byte. Gives what is wrong with it.
    pub(super) fn run(&mut self, entry: &RunEntry, copier: &mut Copier<'_>) -> Option<Corruption> {
        if !self.verify {
            return None;
        }
        let mut found = Verification::default();
        let _ = open_run(copier.to, &self.bare.store_id, entry, &mut found);
        self.verified_bytes = self.verified_bytes.saturating_add(found.bytes);
        copier.progress.add(found.bytes);
        first(found)
    }

    /// Opens the log that a new manifest of the copy names, as who opens the copy would, and looks where it ends.
    pub(super) fn end(&self, manifest: &Manifest, position: Position) -> Result<Ending, BackupError> {
        let disk = &self.to.disk;
        let input = RecoveryInput {
            store_id: &manifest.store_id,
            open: &manifest.open,
            next: manifest.sealed_end(),
            durable: position,
            last_recorded: manifest.sealed.last().map_or(Timestamp::MIN, |entry| entry.recorded.max),
            segment_bytes: manifest.segment_bytes,
            room_left: 0,
            clean: manifest.clean,
            cut: manifest.clean,
            direct: false,
        };
        let mut last = None;
        let recovered = recover(&**disk, Mode::Observe, &input, &mut |_, events| {
            last = events.last().map(Ending::with).or(last);
            Ok(())
        });
        let recovered = recovered.map_err(|error| BackupError::of_copy(&self.path(), error.into()))?;
        if recovered.next.previous() != position {
            let corruption = Corruption {
                file: annals_format::names::LOG_DIR.into(),
                offset: 0,
                what: "last position of the copied log".into(),
                found: recovered.next.previous().get(),
                expected: position.get(),
            };
            return Err(BackupError::BadCopy { path: self.path(), corruption });
        }
        if let Some(last) = last {
            return Ok(last);
        }
        let Some(entry) = manifest.sealed.last() else { return Ok(Ending::default()) };
        let segment = Segment::sealed(Arc::clone(disk), &manifest.store_id, entry.clone());
        // Compaction leaves the newest segment something, but not always its last event.
        let last = segment.last_position_up_to(entry.last_position());
        let event = last.and_then(|last| last.map_or(Ok(None), |last| segment.event(last)));
        let event = event.map_err(|error| BackupError::of_copy(&self.path(), error.into()))?;
        let Some(event) = event else { return Ok(Ending::default()) };
        let at_end = event.position == entry.last_position();
        Ok(Ending { event_id: at_end.then_some(event.id), ..Ending::with(&event) })
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(self.to.disk.describe())
    }
}

/// The mark of the end of a log.
pub(super) fn clean_mark((segment_id, frames_end): (u64, u64)) -> CleanMark {
    CleanMark { segment_id, frames_end }
}

/// The first thing that is wrong. What the system refused to give may well be right, and is no damage.
fn first_wrong(found: Verification) -> Result<Option<Corruption>, BackupError> {
    if let Some(refused) = found.findings.iter().find(|finding| finding.refused) {
        let source = io::Error::other(refused.what.clone());
        return Err(BackupError::io(format!("verify {}", refused.file))(source));
    }
    Ok(first(found))
}

fn first(found: Verification) -> Option<Corruption> {
    let finding = found.findings.into_iter().next()?;
    let offset = finding.offset.unwrap_or(0);
    Some(Corruption { file: finding.file, offset, what: finding.what, found: 0, expected: 0 })
}
