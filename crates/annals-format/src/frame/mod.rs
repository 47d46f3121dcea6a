//! One batch as stored: a header, the records, zeros up to the next multiple of eight.
//!
//! Here is the layout: where the fields of the header are, and its checksum.

mod builder;
mod check;
mod dictionary;
mod header;
mod kept;
mod reseal;
mod stretches;

pub use builder::{FrameBuilder, FrameStamp};
pub use check::check_frame;
pub use dictionary::{dictionary_frame, first_dictionary};
pub use header::{FrameFault, FrameHeader};
pub use kept::KeptFrame;
pub use reseal::reseal_frame;
pub use stretches::FrameStretches;

use crate::binding::Binding;

const MAGIC: u32 = u32::from_le_bytes(*b"AFRM");
const CHECKSUM: usize = 4;
const LENGTH: usize = 8;
const RECORD_COUNT: usize = 12;
const FIRST_POSITION: usize = 16;
const DURABLE: usize = 24;
const RECORDED_AT: usize = 32;
const RECORDS_CHECKSUM: usize = 40;
const MISSING: usize = 44;

/// Length of a frame's header.
pub const FRAME_HEADER_BYTES: usize = 48;
/// Frames begin at multiples of this many bytes, so that a search for whole frames behind damage has few
/// places to look at.
pub const FRAME_ALIGNMENT: usize = 8;

const _: () = assert!(MISSING + 4 == FRAME_HEADER_BYTES);

/// Whether there is a frame's magic at the front.
pub(crate) fn starts_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC.to_le_bytes())
}

fn header_checksum(header: &[u8], binding: Binding) -> u32 {
    let mut covered = [0; FRAME_HEADER_BYTES - 4];
    covered[..4].copy_from_slice(&header[..CHECKSUM]);
    covered[4..].copy_from_slice(&header[LENGTH..FRAME_HEADER_BYTES]);
    binding.checksum(&covered)
}
