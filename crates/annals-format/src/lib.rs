//! Every byte that Annals puts on disk, as pure functions over slices: no input or output, no clock.
//!
//! `docs/format.md` is normative: it draws every structure and gives the order of the validity checks.
//! Widths and offsets stand here once, as constants; the tests hold golden bytes. All numbers are
//! little-endian. Checksums are CRC-32 (IEEE 802.3, as in zlib), computed by `crc32fast`.
//!
//! Bytes that come in are input: each decoder bounds every length before it uses it, allocates nothing
//! in proportion to a claimed length, and returns a [`Damage`] that names the offset, what was found and
//! what was expected.

mod archive;
mod backup;
mod binding;
mod crc;
mod damage;
mod footer;
mod frame;
mod id;
pub mod keys;
mod manifest;
pub mod names;
mod pages;
pub mod payload;
mod record;
#[doc(hidden)]
pub mod reseal;
pub mod run;
mod segment;
pub mod snapshot;
mod varint;
mod wire;

pub use archive::{ArchiveCatalog, ArchivedObject};
pub use backup::{BACKUP_BYTES_MAX, BackupMark, BackupState, ManifestSum};
pub use binding::{Binding, StoreId};
pub use damage::{Corruption, Damage, FormatError};
pub use footer::{
    BLOCK_RECORDS, FOOTER_TRAILER_BYTES, Footer, FooterBuilder, OCCURRED_RECORDS, SPAN_BYTES, Stretch,
    TIME_STRIDE, TimeRange, span_checksum,
};
pub use frame::{
    FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameBuilder, FrameFault, FrameHeader, FrameStamp, FrameStretches,
    KeptFrame, check_frame, dictionary_frame, first_dictionary,
};
pub use id::position_of_made_id;
pub use manifest::{
    CleanMark, CompactionEntry, ERASURES_UNDER_WAY_MAX, ErasedRange, Erasures, MANIFEST_HEADER_BYTES,
    Manifest, OpenSegment, REASONS, Removed, Rewritten, RunEntry, RunSpan, SealedSegment, manifest_length,
    manifest_sum,
};
pub use pages::{PAGE_BYTES, page_checksums, page_count};
pub use record::{
    RECORD_HEADER_BYTES, RecordTerms, decode_plain_record, decode_record, may_be_record, parse_record,
    position_of_record, record_length, record_with_right_checksums, same_content,
};
pub use segment::{SEGMENT_HEADER_BYTES, SegmentHeader};

/// Version of the format that this build writes. It reads this one and older ones, and refuses newer ones.
pub const FORMAT_VERSION: u32 = 4;
