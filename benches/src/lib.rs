//! What the benches and the comparison with other engines share: the raw floor, and the events that are written.
//!
//! The floor is what a few lines of code can do with the same bytes on the same disk: encode, checksum, one write
//! into a file whose space is laid out, one sync; for reads, a mapping and the checksum of every record. It has no
//! streams, no versions, no index on disk, no recovery. It is a reference, not a rival.

pub mod appends;
pub mod events;
pub mod floor;
pub mod memory;
pub mod permutation;
pub mod scale;
pub mod workload;
