//! What the system says of the memory of this process.

use std::error::Error;
use std::fs;

/// Memory of this process in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// All that is resident.
    pub resident: u64,
    /// Of that, what is no file.
    pub anonymous: u64,
    /// Of that, pages of files that are mapped.
    pub file: u64,
    /// The most that was ever resident.
    pub peak: u64,
}

impl Memory {
    /// What it is now.
    ///
    /// # Errors
    /// If `/proc/self/status` cannot be read or does not say.
    pub fn now() -> Result<Self, Box<dyn Error>> {
        let status = fs::read_to_string("/proc/self/status")?;
        let bytes = |key: &str| -> Result<u64, Box<dyn Error>> {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let number = line.and_then(|line| line.split_whitespace().next());
            Ok(number.ok_or_else(|| format!("/proc/self/status has no {key}"))?.parse::<u64>()? << 10)
        };
        Ok(Memory {
            resident: bytes("VmRSS:")?,
            anonymous: bytes("RssAnon:")?,
            file: bytes("RssFile:")?,
            peak: bytes("VmHWM:")?,
        })
    }
}
