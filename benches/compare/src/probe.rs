//! A look at the disk: how long one small write and one sync take, with nothing else.

use crate::Outcome;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

const SYNCS: u64 = 50;
const WRITE_BYTES: u64 = 512;
const FILE_BYTES: usize = 1 << 20;

/// A file that is written to and synced.
#[derive(Debug)]
pub struct Probe(File);

impl Probe {
    /// Lays the file out in a folder.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(folder: &Path) -> Outcome<Self> {
        let path = folder.join("probe");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        file.write_all_at(&vec![0; FILE_BYTES], 0)?;
        file.sync_all()?;
        Ok(Probe(file))
    }

    /// The median of some writes and syncs, in microseconds.
    ///
    /// # Errors
    /// What the system says.
    pub fn median_us(&self) -> Outcome<f64> {
        let mut times = Vec::new();
        for number in 0..SYNCS {
            let begun = Instant::now();
            self.0.write_all_at(&[1; WRITE_BYTES as usize], number * WRITE_BYTES)?;
            self.0.sync_data()?;
            times.push(1e6 * begun.elapsed().as_secs_f64());
        }
        Ok(annals_benches::workload::spread(times).0)
    }
}
