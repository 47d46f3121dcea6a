//! What a decoder says when bytes are not what they should be.

/// One place where bytes are wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at offset {offset}: found {found:#x}, expected {expected:#x}")]
pub struct Damage {
    /// Where: an offset in the file (decoders of a part of a file are told where the part begins).
    pub offset: u64,
    /// What is wrong there.
    pub what: &'static str,
    /// What was found.
    pub found: u64,
    /// What was expected, or the bound that was not kept.
    pub expected: u64,
}

impl Damage {
    /// A damage.
    #[must_use]
    pub fn new(offset: u64, what: &'static str, found: impl Into<u64>, expected: impl Into<u64>) -> Self {
        Damage { offset, what, found: found.into(), expected: expected.into() }
    }
}

/// Damage in a file of a store: bytes for which durability had been promised are not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file} is corrupt: {what} at offset {offset}{}", self.numbers())]
pub struct Corruption {
    /// The file, relative to the store's directory.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
    /// What was found. The same as `expected` where numbers say nothing, for example of a file that is missing.
    pub found: u64,
    /// What was expected, or the bound that was not kept.
    pub expected: u64,
}

impl Corruption {
    /// What was found and what was expected, for the end of a message; empty where numbers say nothing.
    #[must_use]
    pub fn numbers(&self) -> String {
        if self.found == self.expected {
            return String::new();
        }
        format!(": found {:#x}, expected {:#x}", self.found, self.expected)
    }
}

impl Damage {
    /// The damage with the name of its file.
    #[must_use]
    pub fn in_file(self, file: impl Into<String>) -> Corruption {
        Corruption {
            file: file.into(),
            offset: self.offset,
            what: self.what.into(),
            found: self.found,
            expected: self.expected,
        }
    }
}

/// Why bytes cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The bytes are not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The bytes are whole, but written by a newer version of the format.
    #[error(
        "written in format version {found}, this program reads up to version {supported}; use a newer one"
    )]
    Newer {
        /// The version found.
        found: u32,
        /// The newest version that this build reads.
        supported: u32,
    },
    /// The file does not begin as such a file does.
    #[error("not {expected}: it does not begin with the right magic number")]
    Foreign {
        /// What was looked for.
        expected: &'static str,
    },
}
