//! The file of results: a line of JSON for each measurement. Files of several runs may be joined.

use crate::Outcome;
use crate::measure::Figures;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

/// One measurement.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Measurement {
    /// Which run of `compare` it was part of.
    pub run: u64,
    /// Which round of that run.
    pub round: u32,
    /// The workload.
    pub workload: String,
    /// The engine.
    pub engine: String,
    /// What came out; nothing if the engine cannot do this.
    pub figures: Figures,
    /// Microseconds that a write and a sync took before and after, where the disk is waited for.
    pub probe_us: Option<(f64, f64)>,
    /// Whether the disk was disturbed however often it was repeated.
    pub disturbed: bool,
}

impl Measurement {
    /// Writes it behind the others.
    ///
    /// # Errors
    /// What the system says.
    pub fn append_to(&self, path: &Path) -> Outcome {
        let mut line = serde_json::to_string(self)?;
        line.push('\n');
        Ok(OpenOptions::new().append(true).create(true).open(path)?.write_all(line.as_bytes())?)
    }
}

/// Reads all measurements of some files.
///
/// # Errors
/// What the system says; a line that is no measurement.
pub fn read<P: AsRef<Path>>(paths: &[P]) -> Outcome<Vec<Measurement>> {
    let mut all = Vec::new();
    for path in paths {
        let text = fs::read_to_string(path)?;
        for (number, line) in text.lines().enumerate() {
            let measurement = serde_json::from_str(line)
                .map_err(|error| format!("{}:{}: {error}", path.as_ref().display(), number + 1))?;
            all.push(measurement);
        }
    }
    Ok(all)
}
