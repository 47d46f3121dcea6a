//! What an append that returned survives.

use crate::error::OpenError;
use std::fmt;
use std::str::FromStr;

/// What an append that returned `Ok` survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// `sync`: the loss of power. The batch was synced to the disk. The default.
    #[default]
    Sync,
    /// `os`: the end of the process (kill, panic), not the loss of power or a crash of the operating system.
    /// The batch was handed to the operating system; it is synced about once a second, when a segment is full,
    /// by [`Store::sync`](crate::Store::sync) and on close.
    Os,
}

impl Durability {
    pub(crate) fn code(self) -> u8 {
        match self {
            Durability::Sync => 0,
            Durability::Os => 1,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Durability::Sync, Durability::Os].into_iter().find(|durability| durability.code() == code)
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Durability::Sync => "sync",
            Durability::Os => "os",
        })
    }
}

impl FromStr for Durability {
    type Err = OpenError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "sync" => Ok(Durability::Sync),
            "os" => Ok(Durability::Os),
            _ => Err(OpenError::InvalidOption(format!("{name:?} is no durability; there are sync and os"))),
        }
    }
}
