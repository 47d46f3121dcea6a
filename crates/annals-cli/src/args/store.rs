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
        options
    }
}
