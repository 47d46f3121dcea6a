//! Reading and checking every byte of a store, without opening it and without changing anything.

use crate::catalog::read_manifest;
use crate::error::OpenError;
use crate::part::{identity, indexed};
use crate::verify_index::check_run;
use annals_format::{
    CleanMark, Corruption, FOOTER_TRAILER_BYTES, Footer, Manifest, RunEntry, SEGMENT_HEADER_BYTES,
    SealedSegment, SegmentHeader, names,
};
use annals_index::{MemoryIndex, Run};
use annals_types::{Position, Timestamp};
use annals_vfs::{Access, Disk, Env, Mapping, RealDisk};
use annals_wal::{Case, LogError, Mode, RecoveryInput, Segment, Step, recover, scan_mapped};
use std::cmp::Ordering;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What [`verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Whole events that were read.
    pub events: u64,
    /// Segments that were read.
    pub segments: u64,
    /// Runs that were read.
    pub runs: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// The last position that was read.
    pub last_position: Position,
    /// Everything that is wrong. Empty: the store is sound.
    pub findings: Vec<Finding>,
    /// What is not wrong but worth knowing: a torn tail after a crash, an index file that will be made again.
    pub notes: Vec<String>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the store's directory.
    pub file: String,
    /// Where in the file, if it is at one place.
    pub offset: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// How far [`verify`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Bytes read so far.
    pub bytes_done: u64,
    /// Bytes to be read in all.
    pub bytes_total: u64,
}

/// Reads and checks every byte of every file of the store at `path`: manifest, segments, footers, runs, and the
/// runs against the log. Goes on after damage and lists all of it. Changes nothing.
///
/// # Errors
/// As [`OpenError`] says, if there is no store, or one of a newer version. Damage is no error but a finding.
pub fn verify(
    path: impl AsRef<Path>,
    progress: &mut dyn FnMut(VerifyProgress),
) -> Result<Verification, OpenError> {
    let path = path.as_ref();
    let disk = match RealDisk::open(path) {
        Ok(disk) => disk,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::NotFound { path: path.to_owned() });
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(OpenError::NotAStore {
                path: path.to_owned(),
                reason: "it is not a directory".into(),
            });
        }
        Err(error) => return Err(OpenError::io(format!("open {}", path.display()))(error)),
    };
    let env = Env::system(Arc::new(disk));
    let generation = || read_manifest(&*env.disk).ok().flatten().map(|manifest| manifest.generation);
    let mut looks = 0;
    loop {
        looks += 1;
        let before = generation();
        let found = verify_env(&env, path, progress)?;
        // A store that is being written may change its files between two looks at it: that is no damage.
        if found.findings.is_empty() || generation() == before || looks == LOOKS {
            return Ok(found);
        }
    }
}

/// How often a store that changes meanwhile is looked at.
const LOOKS: usize = 5;

fn verify_env(
    env: &Env,
    path: &Path,
    progress: &mut dyn FnMut(VerifyProgress),
) -> Result<Verification, OpenError> {
    let mut found = Verification::default();
    let manifest = match read_manifest(&*env.disk) {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return Err(OpenError::NotFound { path: path.to_owned() }),
        Err(OpenError::Corrupt(corruption)) => {
            found.corrupt(corruption);
            return Ok(found);
        }
        Err(error) => return Err(error),
    };
    let bytes_total = manifest.sealed.iter().map(|segment| segment.length).sum::<u64>()
        + manifest.runs.iter().map(|run| run.length).sum::<u64>()
        + open_bytes(&*env.disk, &manifest);
    let mut done = |found: &Verification| progress(VerifyProgress { bytes_done: found.bytes, bytes_total });
    done(&found);
    let mut last_recorded = Timestamp::MIN;
    for entry in &manifest.sealed {
        let run = manifest.runs.iter().find(|run| run.first_position == entry.first_position);
        let sealed = Sealed { disk: &*env.disk, manifest: &manifest, entry, run };
        sealed.check(&mut last_recorded, &mut found)?;
        done(&found);
    }
    check_open(env, &manifest, last_recorded, &mut found)?;
    done(&found);
    note_orphans(&*env.disk, &manifest, &mut found)?;
    Ok(found)
}

impl Verification {
    fn corrupt(&mut self, corruption: Corruption) {
        let Corruption { file, offset, what, found, expected } = corruption;
        self.finding(&file, Some(offset), format!("{what}: found {found:#x}, expected {expected:#x}"));
    }

    pub(crate) fn finding(&mut self, file: &str, offset: Option<u64>, what: impl Into<String>) {
        self.findings.push(Finding { file: file.into(), offset, what: what.into() });
    }

    /// Keeps damage as a finding; anything else ends the verification.
    fn keep<T>(&mut self, result: Result<T, LogError>) -> Result<Option<T>, OpenError> {
        match result.map_err(OpenError::from) {
            Ok(value) => Ok(Some(value)),
            Err(OpenError::Corrupt(corruption)) => {
                self.corrupt(corruption);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// A sealed segment and its run, to be checked.
struct Sealed<'a> {
    disk: &'a dyn Disk,
    manifest: &'a Manifest,
    entry: &'a SealedSegment,
    run: Option<&'a RunEntry>,
}

impl Sealed<'_> {
    fn check(&self, last_recorded: &mut Timestamp, found: &mut Verification) -> Result<(), OpenError> {
        let name = names::segment(self.entry.id);
        let Some(mapping) = map_whole(self.disk, &name, self.entry.length, found)? else { return Ok(()) };
        let bytes = mapping.bytes(0..mapping.len()).unwrap_or_default();
        found.segments += 1;
        found.bytes += bytes.len() as u64;
        self.check_header(&name, bytes, found);
        let before = found.findings.len();
        let (index, offsets) = self.check_frames(&name, bytes, last_recorded, found);
        self.check_footer(&name, bytes, &offsets, found);
        // The run of a damaged segment cannot be compared.
        let index = if found.findings.len() == before { index } else { None };
        self.check_run(index.as_ref(), found)
    }

    fn check_header(&self, name: &str, bytes: &[u8], found: &mut Verification) {
        let expected = SegmentHeader {
            store_id: self.manifest.store_id,
            segment_id: self.entry.id,
            first_position: self.entry.first_position,
            salt: self.entry.salt,
        };
        let header = bytes.first_chunk::<SEGMENT_HEADER_BYTES>().map(SegmentHeader::decode);
        match header {
            Some(Ok(header)) if header == expected => {}
            Some(Ok(_)) => {
                found.finding(name, Some(0), "segment header of another store, segment or position")
            }
            Some(Err(error)) => found.finding(name, Some(0), format!("segment header: {error}")),
            None => found.finding(name, Some(0), "no room for a segment header"),
        }
    }

    /// Walks the frames; returns the index made from them, if all were sound, and where the records begin.
    fn check_frames(
        &self,
        name: &str,
        bytes: &[u8],
        last_recorded: &mut Timestamp,
        found: &mut Verification,
    ) -> (Option<MemoryIndex>, Vec<u32>) {
        let frames = usize::try_from(self.entry.frames_end).unwrap_or(usize::MAX).min(bytes.len());
        let binding = self.entry.binding(&self.manifest.store_id);
        let mut index = MemoryIndex::new(self.entry.first_position, 0);
        let mut offsets = Vec::new();
        let mut next = self.entry.first_position;
        let mut sound = true;
        scan_mapped(&bytes[..frames], binding, |step| match step {
            Step::Record { offset, event } if event.position == next => {
                found.events += 1;
                found.last_position = event.position;
                if event.recorded_at < *last_recorded {
                    found.finding(
                        name,
                        Some(offset),
                        format!("position {next} was recorded before the one before it"),
                    );
                }
                *last_recorded = event.recorded_at;
                if sound {
                    let made = binding.made_id(event.position, event.recorded_at);
                    index.insert(&annals_index::IndexedEvent {
                        position: event.position,
                        stream: event.stream,
                        version: event.version,
                        event_type: event.event_type,
                        tags: event.tags,
                        id: (event.id != made).then_some(event.id),
                    });
                }
                offsets.push(u32::try_from(offset).unwrap_or(0));
                next = next.next();
            }
            Step::Record { offset, event } => {
                sound = false;
                if event.position > next {
                    let what = format!("positions {next} to {} are missing", event.position.previous());
                    found.finding(name, Some(offset), what);
                    found.events += 1;
                    next = event.position.next();
                } else {
                    found.finding(
                        name,
                        Some(offset),
                        format!("position {} stands here again", event.position),
                    );
                }
            }
            Step::Frame { .. } => {}
            Step::Damaged { damage, next: goes_on } => {
                sound = false;
                found.corrupt(damage.in_file(name));
                if goes_on.is_none() {
                    found.notes.push(format!("{name}: no whole frame follows the damage"));
                }
            }
            Step::Blank { offset } => {
                sound = false;
                found.finding(name, Some(offset), "zeros where frames were");
            }
        });
        let end = self.entry.last_position().next();
        if next != end {
            sound = false;
            found.finding(name, None, format!("positions {next} to {} are missing", end.previous()));
        }
        (sound.then_some(index), offsets)
    }

    fn check_footer(&self, name: &str, bytes: &[u8], offsets: &[u32], found: &mut Verification) {
        let binding = self.entry.binding(&self.manifest.store_id);
        let Some(trailer) = bytes.last_chunk::<FOOTER_TRAILER_BYTES>() else { return };
        let footer = match Footer::decode_trailer(trailer, binding, bytes.len() as u64) {
            Ok(footer) => footer,
            Err(error) => return found.finding(name, None, format!("footer: {error}")),
        };
        let start = usize::try_from(footer.frames_end).unwrap_or(usize::MAX);
        let tables = bytes.get(start..).unwrap_or_default();
        if let Err(damage) = footer.check_tables(tables) {
            return found.corrupt(damage.in_file(name));
        }
        let same_segment = footer.segment_id == self.entry.id
            && footer.first_position == self.entry.first_position
            && footer.count == self.entry.count
            && footer.frames_end == self.entry.frames_end
            && footer.recorded == self.entry.recorded
            && footer.occurred == self.entry.occurred;
        let own = offsets.iter().flat_map(|offset| offset.to_le_bytes());
        if !same_segment {
            found.finding(name, None, "the footer does not agree with the manifest");
        } else if offsets.len() as u64 == footer.count && !own.eq(tables[..offsets.len() * 4].iter().copied())
        {
            found.finding(name, Some(footer.frames_end), "the footer does not agree with the frames");
        }
    }

    fn check_run(&self, index: Option<&MemoryIndex>, found: &mut Verification) -> Result<(), OpenError> {
        let first = self.entry.first_position;
        let Some(entry) = self.run else {
            found.notes.push(format!("no run for the positions from {first} on; it will be made again"));
            return Ok(());
        };
        let name = names::run(entry.id);
        let file = match self.disk.open(&name, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                found.notes.push(format!("{name} is not there; it will be made again"));
                return Ok(());
            }
            other => other.map_err(OpenError::io(format!("open {name}")))?,
        };
        let length = file.length().map_err(OpenError::io(format!("look at {name}")))?;
        if length != entry.length {
            found.finding(
                &name,
                Some(length),
                format!("the file has {length} bytes instead of {}", entry.length),
            );
            return Ok(());
        }
        let mapping = file.map(length).map_err(OpenError::io(format!("map {name}")))?;
        found.runs += 1;
        found.bytes += length;
        let run = Run::open(mapping, &self.manifest.store_id, &identity(entry));
        let checked = run.and_then(|run| run.check_all().map(|()| run).map_err(Into::into));
        match (checked, index) {
            (Ok(run), Some(index)) => check_run(&name, &run, index, found),
            (Ok(_), None) => {}
            (Err(error), _) => found.finding(&name, None, error.to_string()),
        }
        Ok(())
    }
}

/// Maps a whole file, or says what is wrong with it.
fn map_whole(
    disk: &dyn Disk,
    name: &str,
    expected: u64,
    found: &mut Verification,
) -> Result<Option<Mapping>, OpenError> {
    let file = match disk.open(name, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            found.finding(name, None, "the file is not there");
            return Ok(None);
        }
        other => other.map_err(OpenError::io(format!("open {name}")))?,
    };
    let length = file.length().map_err(OpenError::io(format!("look at {name}")))?;
    let what = format!("the file has {length} bytes instead of {expected}");
    match length.cmp(&expected) {
        Ordering::Less => found.finding(name, Some(length), what),
        Ordering::Equal => {}
        // Readers do not look there either.
        Ordering::Greater => found.notes.push(format!("{name}: {what}; what is too much is not looked at")),
    }
    file.map(length.min(expected)).map(Some).map_err(OpenError::io(format!("map {name}")))
}

/// How long the open segments are; what is missing is found by who reads them.
fn open_bytes(disk: &dyn Disk, manifest: &Manifest) -> u64 {
    let length = |name: String| disk.open(&name, Access::Read).and_then(|file| file.length());
    manifest.open.iter().filter_map(|segment| length(names::segment(segment.id)).ok()).sum()
}

/// The open segments, as opening would read them.
fn check_open(
    env: &Env,
    manifest: &Manifest,
    last_recorded: Timestamp,
    found: &mut Verification,
) -> Result<(), OpenError> {
    let input = RecoveryInput {
        store_id: &manifest.store_id,
        open: &manifest.open,
        next: manifest.sealed_end(),
        durable: manifest.durable,
        last_recorded,
        segment_bytes: manifest.segment_bytes,
        // Look behind the end even after a close in good order: every byte is to be read.
        clean: None::<CleanMark>,
    };
    let mut indexes: Vec<(u64, MemoryIndex)> = Vec::new();
    let mut events = 0;
    let mut last = found.last_position;
    let recovered = recover(&*env.disk, Mode::Observe, &input, &mut |segment: &Arc<Segment>, event| {
        if indexes.last().is_none_or(|(id, _)| *id != segment.id()) {
            indexes.push((segment.id(), MemoryIndex::new(segment.first_position(), 0)));
        }
        if let Some((_, index)) = indexes.last_mut() {
            index.insert(&indexed(&event, segment));
        }
        events += 1;
        last = event.position;
    });
    found.events += events;
    found.last_position = last;
    found.bytes += open_bytes(&*env.disk, manifest);
    let Some(recovered) = found.keep(recovered)? else { return Ok(()) };
    found.segments += recovered.segments.len() as u64;
    for finding in &recovered.findings {
        let name = names::segment(finding.segment_id);
        let clean = manifest.clean
            == Some(CleanMark { segment_id: finding.segment_id, frames_end: finding.frames_end });
        match (finding.case, &finding.torn) {
            (Case::TornTail, Some(torn)) if clean => found.corrupt(torn.clone().in_file(name)),
            (Case::TornTail, Some(torn)) => {
                found.notes.push(format!("{name}: torn tail, normal after a crash ({torn})"));
            }
            (Case::FalseStart, _) => {
                found.notes.push(format!("{name}: begun and not used, normal after a crash"))
            }
            _ => {}
        }
    }
    Ok(())
}

fn note_orphans(disk: &dyn Disk, manifest: &Manifest, found: &mut Verification) -> Result<(), OpenError> {
    let named = |name: &String| {
        let segments = manifest.sealed.iter().map(|segment| segment.id);
        let segments = segments.chain(manifest.open.iter().map(|segment| segment.id)).map(names::segment);
        segments.chain(manifest.runs.iter().map(|run| names::run(run.id))).any(|known| known == *name)
    };
    for directory in [names::LOG_DIR, names::INDEX_DIR] {
        let entries = match disk.list(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(OpenError::io(format!("list {directory}")))?,
        };
        for entry in entries {
            let name = format!("{directory}/{}", entry.name);
            if !named(&name) {
                found.notes.push(format!("{name} does not belong to the store (left over, or not from it)"));
            }
        }
    }
    Ok(())
}
