//! A run: an immutable index file. It says at which positions a term occurs, and where an event id may be.
//!
//! The file is, from front to back: header, dictionary, group table, term table, id table, term
//! filter, id filter, page checksums, trailer. The dictionary has the terms in groups, each with its short lists of positions, and the long lists
//! between them. A lookup goes the other way: the trailer says where the parts are, the term table leads to a
//! group, and the group to the positions.
//!
//! This module holds the bytes of each part and nothing else: who reads a part verifies its pages first,
//! and still takes what they say for input.

mod cursor;
mod filter;
mod group;
mod hash;
mod header;
mod parts;
mod postings;
mod table;
mod term;
mod trailer;

pub use cursor::{GroupCursor, GroupTerm, find_in_group};
pub(crate) use filter::FILTER_ALIGNMENT;
pub use filter::{FILTER_BLOCK_BYTES, FilterBlock, FilterShape};
pub use group::{GROUP_HEADER_BYTES, GROUP_TERMS, GroupBuilder, GroupHeader, TABLE_WORD_BYTES, TermList};
pub use hash::{ID_HASH_BITS, id_hash, term_hash};
pub use header::{RUN_HEADER_BYTES, RunHeader};
pub use parts::RunParts;
pub use postings::{
    BLOCK_POSITIONS, BlockEntry, LIST_POSITION_BYTES_MAX, SKIP_ENTRY_BYTES, ShortList, decode_block,
    put_block,
};
pub use table::{DIRECTORY_WORD_BYTES, TableShape, put_directory_word};
pub use term::{TERM_NAME_BYTES_MAX, TermEntry, TermKind};
#[doc(hidden)]
pub use trailer::reseal_run;
pub use trailer::{PageTableChecksum, RUN_TRAILER_BYTES, RunTrailer, page_table_checksum};
