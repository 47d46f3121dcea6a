//! How fast segments are written anew: the arguments that `compact` and `erase` share.

/// How fast segments are read and written.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Throttle {
    /// Read and write no more than this in a second (default: 67108864)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    bytes_per_second: Option<u64>,
    /// As fast as possible
    #[arg(long, conflicts_with = "bytes_per_second")]
    unthrottled: bool,
}

impl Throttle {
    /// Hands on what was asked for; where nothing was, the library's own limit stays.
    pub(crate) fn set<T>(self, work: T, limit: impl FnOnce(T, Option<u64>) -> T) -> T {
        if self.unthrottled || self.bytes_per_second.is_some() {
            limit(work, self.bytes_per_second)
        } else {
            work
        }
    }
}
