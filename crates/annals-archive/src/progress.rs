//! How a shipper works, and how far it is.

use annals::{BackupOptions, Position};
use std::time::Duration;

/// From how many bytes on what is new is shipped at once.
const BYTES_USUAL: u64 = 16 << 20;

/// How a [`Shipper`](crate::Shipper) works.
#[derive(Clone, Debug)]
pub struct ShipperOptions {
    pub(crate) every: Duration,
    pub(crate) bytes: u64,
    pub(crate) backup: BackupOptions,
}

impl Default for ShipperOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl ShipperOptions {
    /// What is new is shipped a second after the last time, or sooner if it is 16 MiB, and verified before.
    #[must_use]
    pub fn new() -> Self {
        ShipperOptions { every: Duration::from_secs(1), bytes: BYTES_USUAL, backup: BackupOptions::new() }
    }

    /// How long after it was shipped the last time what is new is shipped again: about how far the archive is behind. Default: one
    /// second. Each time costs some syncs of the staging directory and two requests to the object storage, at least.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// From how many bytes of the log on what is new is shipped sooner than [`ShipperOptions::every`] says. Default: 16 MiB. It bounds what may be
    /// lost with the store's disk, as far as the object storage keeps up: [`Shipper::lag`](crate::Shipper::lag) tells.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// How the staging directory is brought up to date; see [`annals::Store::backup`].
    #[must_use]
    pub fn backup(mut self, options: BackupOptions) -> Self {
        self.backup = options;
        self
    }
}

/// How far an archive is behind its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Events that the store has and the archive has not.
    pub events: u64,
    /// About how many bytes of the log these are; `None` if it cannot be read at the moment.
    pub bytes: Option<u64>,
    /// For how long there has been an event that the archive has not; zero if there is none.
    pub time: Duration,
}

/// What a shipper has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShipperProgress {
    /// The archive has everything up to here.
    pub position: Position,
    /// How often something was shipped.
    pub times: u64,
    /// Objects that were written.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How often it has failed since it last succeeded.
    pub failures: u64,
    /// What went wrong the last time, in words; `None` since it last succeeded.
    pub failure: Option<String>,
    /// Whether it goes on: not after it was stopped, or failed in a way that trying again cannot help.
    pub running: bool,
}
