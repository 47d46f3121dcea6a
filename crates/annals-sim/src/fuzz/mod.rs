//! Bodies of the fuzz targets, and the seeds that a fuzzer begins with.
//!
//! A body takes any bytes and panics if the engine does with them what it must not do. The first byte says whether
//! checksums are taken as they come or made right first ([`annals_format::reseal`]), so that what lies behind them is
//! reached. The targets themselves are in `fuzz/`, which needs a nightly toolchain; every body also runs in ordinary
//! tests, over the seeds, over what was found, and over mutations of both.

mod backup;
mod directory;
mod footer;
mod frame;
mod golden;
mod input;
mod inspect;
mod keys;
mod manifest;
mod mutate;
mod payload;
mod run;
mod seeds;
mod segment;
mod snapshots;
mod store;
mod structures;

pub use backup::{archive, backup};
pub use directory::{directory, manifest_words};
pub use footer::footer;
pub use frame::{frame, record};
pub use inspect::inspect;
pub use keys::keys;
pub use manifest::manifest;
pub use mutate::mutate;
pub use payload::payload;
pub use run::run;
pub use seeds::{Seed, seeds};
pub use segment::segment;
pub use snapshots::snapshots;
pub use store::store;

/// A target: its name in `fuzz/` and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 14] = [
    ("frame", frame),
    ("record", record),
    ("payload", payload),
    ("keys", keys),
    ("segment", segment),
    ("footer", footer),
    ("run", run),
    ("snapshots", snapshots),
    ("manifest", manifest),
    ("backup", backup),
    ("archive", archive),
    ("inspect", inspect),
    ("directory", directory),
    ("store", store),
];
