//! What verifying found: what was read, what is wrong, and what is worth knowing.

use annals_format::{Corruption, FormatError};
use annals_types::{EventRef, Position};
use std::io;

/// What [`verify`](fn@super::verify) found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Whole events that were read.
    pub events: u64,
    /// Positions of events that were lost before the store was repaired. That is noted, and is no damage.
    pub lost: u64,
    /// Segments that were read.
    pub segments: u64,
    /// Runs that were read.
    pub runs: u64,
    /// Sound snapshots that were read.
    pub snapshots: u64,
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
    /// Whether the system refused to give the bytes, so that nothing is known of them: what it said is in `what`.
    pub refused: bool,
}

impl Verification {
    /// Counts what stands at a position.
    pub(crate) fn count(&mut self, event: &EventRef<'_>) {
        if event.is_lost() {
            self.lost += 1
        } else {
            self.events += 1
        }
        self.last_position = event.position;
    }

    pub(crate) fn corrupt(&mut self, corruption: Corruption) {
        let numbers = corruption.numbers();
        let Corruption { file, offset, what, .. } = corruption;
        self.finding(&file, Some(offset), format!("{what}{numbers}"));
    }

    /// Bytes of a file that cannot be decoded.
    pub(crate) fn undecodable(&mut self, file: &str, what: &str, error: FormatError) {
        match error {
            FormatError::Damaged(damage) => self.corrupt(damage.in_file(file)),
            other => self.finding(file, None, format!("{what}: {other}")),
        }
    }

    pub(crate) fn finding(&mut self, file: &str, offset: Option<u64>, what: impl Into<String>) {
        self.findings.push(Finding { file: file.into(), offset, what: what.into(), refused: false });
    }

    /// The system does not let the file be read: `doing` is what was tried.
    pub(crate) fn refused(&mut self, file: &str, offset: Option<u64>, doing: &str, error: &io::Error) {
        let what = format!("cannot {doing}: {error}");
        self.findings.push(Finding { file: file.into(), offset, what, refused: true });
    }

    /// Positions that should be here and are not.
    pub(crate) fn missing(&mut self, file: &str, offset: Option<u64>, first: Position, last: Position) {
        let what = match first == last {
            true => format!("position {first} is missing"),
            false => format!("positions {first} to {last} are missing"),
        };
        self.finding(file, offset, what);
    }
}
