//! What can go wrong between a store and its archive.

use annals::{BackupError, Corruption, OpenError, Position, ReadError};
use annals_format::FormatError;
use std::io;

/// Why a store was not shipped, or not restored from an archive. What was in the archive stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The address of the archive cannot be used.
    #[error("{url:?} is no address of an archive: {reason}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The object storage refused, or could not be reached.
    #[error("cannot {what}{}", advice(source))]
    Storage {
        /// What was to be done.
        what: String,
        /// What the object storage says.
        source: object_store::Error,
    },
    /// There is nothing in the archive.
    #[error("there is no catalog in the archive {archive}: nothing was shipped there")]
    Empty {
        /// The archive.
        archive: String,
    },
    /// The archive holds another store.
    #[error("the archive {archive} holds another store; ship to another address")]
    OtherStore {
        /// The archive.
        archive: String,
    },
    /// Another shipper has taken over, or the archive was written by one. This one must not go on.
    #[error("another shipper has taken over the archive {archive}; stop one of the two")]
    Fenced {
        /// The archive.
        archive: String,
    },
    /// The object storage does not look whether there is an object of a name before it creates one, so that it cannot be noticed
    /// that somebody else ships to the archive.
    #[error(
        "the object storage of {archive} does not keep the condition that an object is created only if there is none of its name (If-None-Match), so two who ship there could not notice each other: use another one"
    )]
    Unconditional {
        /// The archive.
        archive: String,
    },
    /// The archive has more than the store, or another history.
    #[error(
        "the archive {archive} has events up to position {archived} that the store does not have: the store was restored to an earlier moment, or is another copy; ship to another address"
    )]
    Diverged {
        /// The archive.
        archive: String,
        /// The last position in the archive.
        archived: Position,
    },
    /// What is in the archive is not what was shipped.
    #[error("the archive {archive} is damaged")]
    Corrupt {
        /// The archive.
        archive: String,
        /// What is wrong, with the name of the object.
        #[source]
        corruption: Corruption,
    },
    /// The archive was written by a newer program.
    #[error(
        "{object} was written in format version {found}, this program reads up to version {supported}; use a newer version of Annals"
    )]
    Newer {
        /// The object.
        object: String,
        /// The version found.
        found: u32,
        /// The newest version that this build reads.
        supported: u32,
    },
    /// The staging copy could not be made, or the store could not be put together.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The operating system refused.
    #[error("cannot {what}")]
    Io {
        /// What was to be done.
        what: String,
        /// What the system says.
        source: io::Error,
    },
}

impl ArchiveError {
    /// Whether bytes are not what was written.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        match self {
            ArchiveError::Corrupt { .. } => true,
            ArchiveError::Backup(error) => error.is_corruption(),
            _ => false,
        }
    }

    /// Whether trying again cannot help.
    pub(crate) fn is_final(&self) -> bool {
        use ArchiveError::{Address, Diverged, Fenced, Newer, OtherStore, Unconditional};
        matches!(self, Address { .. } | Diverged { .. } | Fenced { .. } | Newer { .. } | OtherStore { .. })
            || matches!(self, Unconditional { .. })
            || self.is_corruption()
    }

    pub(crate) fn storage(what: impl Into<String>) -> impl FnOnce(object_store::Error) -> ArchiveError {
        move |source| ArchiveError::Storage { what: what.into(), source }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> ArchiveError {
        move |source| ArchiveError::Io { what: what.into(), source }
    }

    pub(crate) fn format(archive: &str, object: &str, error: FormatError) -> ArchiveError {
        let corruption = match error {
            FormatError::Newer { found, supported } => {
                return ArchiveError::Newer { object: object.to_owned(), found, supported };
            }
            FormatError::Damaged(damage) => damage.in_file(object),
            other @ FormatError::Foreign { .. } => {
                let what = other.to_string();
                Corruption { file: object.to_owned(), offset: 0, what, found: 0, expected: 0 }
            }
        };
        ArchiveError::Corrupt { archive: archive.to_owned(), corruption }
    }
}

/// What to do about what an object storage says.
fn advice(error: &object_store::Error) -> &'static str {
    const REFUSED: &str = ": the object storage refuses the credentials, or what they are to allow: reading, writing, listing, removing";
    const NOT_FOUND: &str = ": it is not there, or the bucket is not";
    use object_store::Error::{Generic, NotFound, PermissionDenied, Unauthenticated};
    match error {
        PermissionDenied { .. } | Unauthenticated { .. } => REFUSED,
        NotFound { .. } => NOT_FOUND,
        // A list that is refused tells the status only in words.
        Generic { source, .. } => {
            let words = source.to_string();
            let is = |status: &str| words.contains(&format!("status code: {status}"));
            if is("401") || is("403") {
                REFUSED
            } else if is("404") {
                NOT_FOUND
            } else {
                ""
            }
        }
        _ => "",
    }
}

impl From<OpenError> for ArchiveError {
    fn from(error: OpenError) -> Self {
        BackupError::from(error).into()
    }
}

impl From<ReadError> for ArchiveError {
    fn from(error: ReadError) -> Self {
        BackupError::from(error).into()
    }
}
