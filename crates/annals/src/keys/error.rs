//! What can go wrong with keys.

use annals_format::keys::KEY_NAME_BYTES_MAX;
use annals_format::{Corruption, FormatError};
use annals_types::Uuid;
use std::io;
use std::path::PathBuf;

/// Why a key file cannot be opened, or a key not created or destroyed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no such file.
    #[error(
        "there is no key file {path:?}: name the one that the store is used with, or put it back from a copy (`annals keys merge`); a new one, which `annals keys create` makes, cannot read what is encrypted already"
    )]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// Somebody else has it open for writing.
    #[error("the key file is open elsewhere: close it there, or create and destroy keys there")]
    Locked,
    /// It is no key file.
    #[error("{file:?} is no key file: name another one")]
    Foreign {
        /// The file.
        file: String,
    },
    /// It was written by a newer program.
    #[error("{file:?} has version {found} of key files, and this program knows those up to {supported}")]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        found: u32,
        /// The newest version that is known.
        supported: u32,
    },
    /// It is damaged.
    #[error(
        "the key file is damaged: bring it back from a copy, for payloads cannot be read without their keys"
    )]
    Corrupt(#[source] Corruption),
    /// A name that no key can have.
    #[error("the name of a key has 1 to {KEY_NAME_BYTES_MAX} bytes, this one has {bytes}")]
    Name {
        /// Its length.
        bytes: usize,
    },
    /// It is longer than a key file can be.
    #[error("{file:?} has {bytes} bytes, and a key file has at most {most}")]
    TooLong {
        /// The file.
        file: String,
        /// Its length.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// It was opened for reading only.
    #[error("the key file is open for reading only")]
    ReadOnly,
    /// Two key files have different keys under one id: one of them was changed by something else.
    #[error("the key {key} is another one in the other key file: one of the two is not what it was")]
    Conflict {
        /// The id of the key.
        key: Uuid,
    },
    /// A write has failed before, so that it is not known what is in the file.
    #[error("writing the key file has failed before: open it again")]
    Poisoned,
    /// The operating system refused.
    #[error("cannot {what}")]
    Io {
        /// What was to be done.
        what: String,
        /// What the system says.
        source: io::Error,
    },
}

impl KeyError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> KeyError {
        move |source| KeyError::Io { what: what.into(), source }
    }

    pub(crate) fn format(file: &str, error: FormatError) -> KeyError {
        match error {
            FormatError::Damaged(damage) => KeyError::Corrupt(damage.in_file(file)),
            FormatError::Newer { found, supported } => {
                KeyError::Newer { file: file.into(), found, supported }
            }
            FormatError::Foreign { .. } => KeyError::Foreign { file: file.into() },
        }
    }

    /// Whether bytes are wrong.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        matches!(self, KeyError::Corrupt(_))
    }
}
