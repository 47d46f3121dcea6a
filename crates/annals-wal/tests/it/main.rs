//! The log over disks that crash, fail and rot.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should end it")]

mod crashes;
mod flights;
mod footers;
mod groups;
mod log;
mod recovery;
mod scan;
mod sealed;
mod segments;
mod sparse;
mod submitted;
mod torn_or_damaged;
mod walks;
mod watermark;
mod writer;
