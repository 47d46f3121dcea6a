//! Looking into one file, without its store, in bounded memory.

mod backup;
mod frame;
mod manifest;
mod run;
mod segment;
mod snapshots;

pub use frame::{InspectedRecord, inspect_frame};

use crate::error::OpenError;
use crate::verify::Finding;
use annals_format::FormatError;
use annals_types::{Position, Timestamp};
use annals_vfs::{Access, Disk, File, RealDisk, read_up_to};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// `segment`, `run` or `manifest`.
    pub kind: &'static str,
    /// What its header, footer or sections say.
    pub facts: Vec<(&'static str, Fact)>,
    /// How many whole frames a segment has.
    pub frames: u64,
    /// What is wrong in it; the first thousand places.
    pub findings: Vec<Finding>,
}

/// One thing that a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A number.
    Number(u64),
    /// Several numbers.
    Numbers(Vec<u64>),
    /// Yes or no.
    Flag(bool),
    /// Anything else.
    Text(String),
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Number(number) => number.fmt(f),
            Fact::Numbers(numbers) => {
                let numbers: Vec<_> = numbers.iter().map(u64::to_string).collect();
                f.write_str(&numbers.join(" "))
            }
            Fact::Flag(flag) => flag.fmt(f),
            Fact::Text(text) => f.write_str(text),
        }
    }
}

/// One frame of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InspectedFrame {
    /// Where it begins.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Position of its first event.
    pub first_position: Position,
    /// How many records it has; 0 if it only says what is durable.
    pub records: u32,
    /// How many of them stand for events that were lost.
    pub lost: u32,
    /// How many bytes the dictionary of the segment has, which is there instead of records; `None` if there is none.
    pub dictionary_bytes: Option<u64>,
    /// How many positions are missing between its first event and its last one: their events were removed by compaction.
    pub missing: u32,
    /// The durable position known when it was written.
    pub durable: Position,
    /// When the store took it.
    pub recorded_at: Timestamp,
}

/// Looks into a segment, a run, a manifest, a file of snapshots or the mark of a backup; `frame` gets the whole frames of a segment, in order. Memory is bounded
/// whatever the length of the file; of zeros behind the last frame, a quarter of a gigabyte is looked at.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("store");
/// use annals::{Expected, NewEvent, Store, inspect};
/// let store = Store::open(&path)?;
/// store.append("account-7", Expected::NoStream, &[NewEvent::json("opened", "{}")])?;
/// store.close()?;
///
/// let mut records = 0;
/// let segment = inspect(path.join("log/000000000001.seg"), &mut |frame| records += frame.records)?;
/// assert_eq!((segment.kind, segment.frames, records), ("segment", 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`OpenError::NotFound`], [`OpenError::Newer`], [`OpenError::NotAStore`] if the file is none of these, and what the
/// system says.
pub fn inspect(
    file: impl AsRef<Path>,
    frame: &mut dyn FnMut(&InspectedFrame),
) -> Result<Inspection, OpenError> {
    let path = file.as_ref();
    let (disk, name) = disk_of(path)?;
    look(&disk, &name, path, frame)
}

/// As [`inspect`], for a file of a disk of the caller's own, such as a simulated one. `name` is its path there, for
/// example `log/000000000001.seg`.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_in(
    disk: &dyn Disk,
    name: &str,
    frame: &mut dyn FnMut(&InspectedFrame),
) -> Result<Inspection, OpenError> {
    look(disk, name, &PathBuf::from(name), frame)
}

fn look(
    disk: &dyn Disk,
    name: &str,
    path: &Path,
    frame: &mut dyn FnMut(&InspectedFrame),
) -> Result<Inspection, OpenError> {
    let file = open(disk, name, path)?;
    let mut magic = [0; 8];
    read_up_to(&*file, &mut magic, 0).map_err(OpenError::io(format!("read {}", path.display())))?;
    let length = file.length().map_err(OpenError::io(format!("look at {}", path.display())))?;
    let mut inspector = Inspector { name, file: &*file, length, out: Inspection::default() };
    match &magic {
        b"ANNALSEG" => inspector.segment(frame)?,
        b"ANNALRUN" => inspector.run()?,
        b"ANNALMAN" => inspector.manifest()?,
        b"ANNALSNP" => inspector.snapshots()?,
        b"ANNALBAK" => inspector.backup()?,
        _ => {
            let reason =
                "the file begins with the magic number of no segment, run, manifest, file of snapshots or mark of a backup"
                    .into();
            return Err(OpenError::NotAStore { path: path.to_owned(), reason });
        }
    }
    Ok(inspector.out)
}

/// The directory of a file as a disk, and the file's name in it.
fn disk_of(path: &Path) -> Result<(RealDisk, String), OpenError> {
    let not_found = || OpenError::NotFound { path: path.to_owned() };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(not_found)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match RealDisk::open(parent) {
        Ok(disk) => Ok((disk, name.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(not_found()),
        Err(error) => Err(OpenError::io(format!("open {}", parent.display()))(error)),
    }
}

fn open(disk: &dyn Disk, name: &str, path: &Path) -> Result<Arc<dyn File>, OpenError> {
    disk.open(name, Access::Read).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => OpenError::NotFound { path: path.to_owned() },
        _ => OpenError::io(format!("read {}", path.display()))(error),
    })
}

/// Most findings that are kept: what is damaged in more places is damaged.
const FINDINGS_MAX: usize = 1000;

/// One look into a file. It reads through the file, not through a mapping: its store may be open, and cut it meanwhile.
struct Inspector<'a> {
    name: &'a str,
    file: &'a dyn File,
    length: u64,
    out: Inspection,
}

impl Inspector<'_> {
    fn finding(&mut self, offset: Option<u64>, what: impl Into<String>) {
        if self.out.findings.len() < FINDINGS_MAX {
            self.out.findings.push(Finding {
                file: self.name.into(),
                offset,
                what: what.into(),
                refused: false,
            });
        }
    }

    fn fact(&mut self, name: &'static str, fact: Fact) {
        self.out.facts.push((name, fact));
    }

    /// A newer version is an error; damage is a finding.
    fn check<T>(&mut self, result: Result<T, FormatError>) -> Result<Option<T>, OpenError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error @ FormatError::Newer { .. }) => Err(OpenError::format(self.name, error)),
            Err(FormatError::Damaged(damage)) => {
                self.finding(Some(damage.offset), damage.to_string());
                Ok(None)
            }
            Err(error) => {
                self.finding(None, error.to_string());
                Ok(None)
            }
        }
    }

    /// Bytes of the file; fewer where it ends.
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, OpenError> {
        let failed = OpenError::io(format!("read {}", self.name));
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(length).is_err() {
            return Err(failed(io::ErrorKind::OutOfMemory.into()));
        }
        bytes.resize(length, 0);
        let read = read_up_to(self.file, &mut bytes, offset).map_err(failed)?;
        bytes.truncate(read);
        Ok(bytes)
    }
}
