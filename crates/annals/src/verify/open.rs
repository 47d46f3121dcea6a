//! The part of `verify` that is about segments without a footer: they are read as opening would read them, and where
//! opening would refuse them, all of them are surveyed.

use super::survey::survey;
use super::{Finding, Verification};
use crate::error::OpenError;
use crate::part::insert_stored;
use annals_format::{CleanMark, Manifest, names};
use annals_index::MemoryIndex;
use annals_types::{EventRef, Timestamp};
use annals_vfs::{Access, Disk, Env};
use annals_wal::{Case, LogError, Mode, Recovered, RecoveryInput, Segment, recover};

/// How long the open segments are; what is missing is found by who reads them.
pub(crate) fn open_bytes(disk: &dyn Disk, manifest: &Manifest) -> u64 {
    let length = |name: String| disk.open(&name, Access::Read).and_then(|file| file.length());
    let lengths = manifest.open.iter().filter_map(|segment| length(names::segment(segment.id)).ok());
    lengths.fold(0, u64::saturating_add)
}

/// The open segments, as opening would read them.
///
/// # Errors
/// [`OpenError::Newer`].
pub(crate) fn check_open(
    env: &Env,
    manifest: &Manifest,
    last_recorded: Timestamp,
    cut: Option<CleanMark>,
    found: &mut Verification,
) -> Result<(), OpenError> {
    let input = RecoveryInput {
        store_id: &manifest.store_id,
        open: &manifest.open,
        next: manifest.sealed_end(),
        durable: manifest.durable,
        last_recorded,
        segment_bytes: manifest.segment_bytes,
        room_left: 0,
        // Look behind the end even after a close in good order: every byte is to be read.
        clean: None::<CleanMark>,
        cut,
        direct: false,
    };
    let counted = (found.events, found.lost, found.last_position);
    let mut order = Order::default();
    let recovered = recover(&*env.disk, Mode::Observe, &input, &mut |segment, events| {
        events.iter().try_for_each(|event| {
            found.count(event);
            order.take(segment, event)
        })
    });
    found.bytes += open_bytes(&*env.disk, manifest);
    match recovered {
        Ok(recovered) => take(manifest, &recovered, cut, found),
        Err(error @ LogError::Newer { .. }) => return Err(error.into()),
        Err(error) => {
            (found.events, found.lost, found.last_position) = counted;
            let from = found.findings.len();
            survey(&*env.disk, manifest, found);
            refused(error, from, found);
        }
    }
    Ok(())
}

/// What opening would do with each segment.
fn take(manifest: &Manifest, recovered: &Recovered, cut: Option<CleanMark>, found: &mut Verification) {
    found.segments += recovered.segments.len() as u64;
    for finding in &recovered.findings {
        let name = names::segment(finding.segment_id);
        let closed = manifest.clean.filter(|mark| mark.segment_id == finding.segment_id);
        let closed = closed.map(|mark| mark.frames_end);
        let ends = CleanMark { segment_id: finding.segment_id, frames_end: finding.frames_end };
        match (finding.case, &finding.torn) {
            (Case::TornTail, Some(_)) if cut == Some(ends) => {
                found
                    .notes
                    .push(format!("{name}: behind its end lies what a later backup has left unfinished"));
            }
            // Nothing was written behind the place where the log was closed, and what is before it was synced.
            (Case::TornTail, Some(torn)) if closed.is_some_and(|end| finding.frames_end <= end) => {
                found.corrupt(torn.clone().in_file(name));
            }
            (_, None) if closed.is_some_and(|end| finding.frames_end < end) => {
                let end = closed.unwrap_or_default();
                let what = format!("the frames end here, and when the store was closed they ended at {end}");
                found.finding(&name, Some(finding.frames_end), what);
            }
            (Case::TornTail, Some(torn)) => {
                found.notes.push(format!("{name}: torn tail, normal after a crash ({torn})"));
            }
            (Case::FalseStart, _) => {
                found.notes.push(format!("{name}: begun and not used, normal after a crash"))
            }
            _ => {}
        }
    }
}

/// Why opening would refuse the log. The survey, whose findings begin at `from`, says so as well, unless what was wrong has
/// passed.
fn refused(error: LogError, from: usize, found: &mut Verification) {
    let surveyed = found.findings.split_off(from);
    match OpenError::from(error) {
        OpenError::Corrupt(corruption) => {
            let place = Some(corruption.offset);
            let same = |finding: &Finding| {
                finding.file == corruption.file && (finding.offset.is_none() || finding.offset == place)
            };
            if !surveyed.iter().any(same) {
                found.corrupt(corruption);
            }
        }
        OpenError::Io { what, source } if surveyed.is_empty() => {
            found.refused(names::LOG_DIR, None, &what, &source);
        }
        _ => {}
    }
    found.findings.extend(surveyed);
}

/// Whether versions follow each other, segment by segment, as opening has to find them.
#[derive(Default)]
struct Order {
    /// The number of the segment that is being read, and its index.
    current: Option<(u64, MemoryIndex)>,
}

impl Order {
    fn take(&mut self, segment: &Segment, event: &EventRef<'_>) -> Result<(), LogError> {
        let index = match &mut self.current {
            Some((id, index)) if *id == segment.id() => index,
            other => &mut other.insert((segment.id(), MemoryIndex::new(segment.first_position(), 0))).1,
        };
        insert_stored(index, segment, event).map_err(LogError::Corrupt)
    }
}
