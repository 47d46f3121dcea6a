//! Options of commands that write, and may make the store.

use super::values::parse_durability;
use annals::{Durability, Options, limits};

#[derive(Debug, clap::Args)]
pub(crate) struct StoreArgs {
    /// Size of one log file of a new store, in bytes (16384 to 4294967296) [default: 67108864]
    #[arg(long, value_name = "N", help_heading = "Store", value_parser = clap::value_parser!(u64)
        .range(limits::SEGMENT_BYTES_MIN..=limits::SEGMENT_BYTES_MAX))]
    segment_bytes: Option<u64>,
    /// What an append survives: sync (power loss) or os (the end of the process) [default: sync]
    #[arg(long, value_name = "NAME", help_heading = "Store", value_parser = parse_durability)]
    durability: Option<Durability>,
    /// Do not index the ids of events in a new store: they take a tenth less disk, and `get` and repeated imports do not
    /// find them
    #[arg(long, help_heading = "Store")]
    no_ids: bool,
    /// Memory for the index, in bytes (at least 4194304) [default: 67108864]
    #[arg(long, value_name = "N", help_heading = "Store", value_parser = clap::value_parser!(u64)
        .range(limits::INDEX_MEMORY_BYTES_MIN..))]
    index_memory: Option<u64>,
}

impl StoreArgs {
    pub(crate) fn options(&self) -> Options {
        let mut options = Options::new().create(true);
        if let Some(bytes) = self.segment_bytes {
            options = options.segment_bytes(bytes);
        }
        if let Some(durability) = self.durability {
            options = options.durability(durability);
        }
        if self.no_ids {
            options = options.index_ids(false);
        }
        if let Some(bytes) = self.index_memory {
            options = options.index_memory(bytes);
        }
        options
    }
}
