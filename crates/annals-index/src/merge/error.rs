//! Why runs cannot be merged.

use annals_format::Damage;
use annals_types::Version;
use std::io;

/// Why a merge ended without a run. Sources are named by their place among the sources, from 0 on.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The new run or a scratch file could not be written or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A source is damaged.
    #[error("run {run} of those that are merged is damaged: {damage}")]
    Damage {
        /// Which source.
        run: usize,
        /// What is wrong in it.
        damage: Damage,
    },
    /// The versions of a stream do not go on where the source before ended: one of the two is not what was in the log.
    #[error(
        "versions of stream {stream:?} go on at {found} in run {run} of those that are merged, not at {expected}"
    )]
    VersionGap {
        /// The stream.
        stream: String,
        /// The source whose first version of it is wrong.
        run: usize,
        /// The version that should be the first.
        expected: Version,
        /// The version that is.
        found: Version,
    },
    /// A source does not begin where the one before ends, or there is no source at all.
    #[error("run {run} of those that are merged does not follow the one before")]
    NotAdjacent {
        /// Which source.
        run: usize,
    },
    /// A source has ids under another hash seed, so that their hashes cannot be taken over.
    #[error("run {run} of those that are merged has ids under another hash seed")]
    OtherHashSeed {
        /// Which source.
        run: usize,
    },
}

impl MergeError {
    /// For `map_err`: the damage of a source.
    pub(super) fn damage_in(run: usize) -> impl Fn(Damage) -> MergeError {
        move |damage| MergeError::Damage { run, damage }
    }
}
