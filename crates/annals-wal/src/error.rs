//! What can go wrong in the log.

use annals_format::{Corruption, Damage, FormatError};
use std::io;

/// An error of the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Bytes for which durability had been promised are wrong.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// A file was written by a newer version of the format.
    #[error("{file} was written in format version {found}, this program reads up to version {supported}")]
    Newer {
        /// The file.
        file: String,
        /// The version found.
        found: u32,
        /// The newest version that this build reads.
        supported: u32,
    },
    /// The operating system refused.
    #[error("cannot {what}")]
    Io {
        /// What was to be done, with the file's name.
        what: String,
        /// What the system says.
        source: io::Error,
    },
}

impl LogError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> LogError {
        move |source| LogError::Io { what: what.into(), source }
    }

    pub(crate) fn corrupt(file: &str, damage: Damage) -> LogError {
        LogError::Corrupt(damage.in_file(file))
    }

    pub(crate) fn format(file: &str, error: FormatError) -> LogError {
        match error {
            FormatError::Damaged(damage) => LogError::corrupt(file, damage),
            FormatError::Newer { found, supported } => {
                LogError::Newer { file: file.into(), found, supported }
            }
            FormatError::Foreign { expected } => LogError::Corrupt(Corruption {
                file: file.into(),
                offset: 0,
                what: format!("magic number: not {expected}"),
                found: 0,
                expected: 0,
            }),
        }
    }
}
