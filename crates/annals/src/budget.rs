//! How the memory of the index is shared out.

/// Shares of the memory of the index, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Of the index of the active segment, which ends when it has so much. A single batch may exceed it.
    pub(crate) active: usize,
    /// Of the indexes of full segments that wait for their runs; while they have more, appends wait.
    pub(crate) full: usize,
    /// Of merging runs.
    pub(crate) merging: usize,
    /// Of the heads of hot streams.
    pub(crate) heads: usize,
    /// Of indexes that stand in for damaged runs. Only while there are some, and then not all of the others is in use.
    pub(crate) rebuilt: usize,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Budget {
            active: bytes / 8 * 3,
            full: bytes / 8 * 3,
            merging: bytes / 8,
            heads: bytes / 8,
            rebuilt: bytes / 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_that_are_always_in_use_are_the_whole() {
        for bytes in [4 << 20, 64 << 20, 1 << 30] {
            let Budget { active, full, merging, heads, .. } = Budget::new(bytes);
            assert_eq!(active + full + merging + heads, bytes);
        }
    }
}
