//! Which runs to merge next: policies that look at sizes and return a range.
//!
//! Tiering with a fan-out of four, as in log-structured merge trees (O'Neil et al., 1996; "size-tiered" in Cassandra):
//! four neighbours of one level become one run of the next. Runs are kept in the order of their positions and only
//! neighbours are merged, so levels fall from old to new; where a small run stands before larger ones (a store was
//! closed, a damaged run was made again) it counts as of their level; but not before one that cannot be merged now.

use std::ops::Range;

/// So many runs of one level are merged.
pub(crate) const FAN_OUT: usize = 4;
/// Most runs of one merge.
const SOURCES_MAX: usize = 16;
/// Runs up to this many bytes are of the lowest level; each level holds four times as much as the one before it.
const LOWEST_BYTES: u64 = 64 << 10;

/// A run as the policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Length of its file, or of what falls to it of a file that is looked at through a window.
    pub(crate) bytes: u64,
    /// Whether it can be merged: it is there, it is sound, no other merge has it, and its segments are not about to be replaced.
    pub(crate) free: bool,
}

/// The neighbours to merge next, the smallest level first; `None` if there is nothing to do.
pub(crate) fn choose(runs: &[Size]) -> Option<Range<usize>> {
    let levels = levels(runs);
    let mut best: Option<(u32, Range<usize>)> = None;
    let mut start = 0;
    while start < runs.len() {
        let level = levels[start];
        let same = |index: &usize| runs[*index].free && levels[*index] == level;
        let length = (start..runs.len()).take_while(same).count();
        let range = start..start + length.min(SOURCES_MAX);
        if length >= FAN_OUT && best.as_ref().is_none_or(|(least, _)| level < *least) {
            best = Some((level, range));
        }
        start += length.max(1);
    }
    best.map(|(_, range)| range)
}

/// The neighbours to merge next in a store that nobody appends to: the newest runs, together with every older one that
/// is at most twice as large as all behind it. Afterwards each run is more than twice as large as all newer ones together,
/// so there are log₃ n of them; what is merged again has grown by half at least, so it is not merged often.
pub(crate) fn choose_settled(runs: &[Size]) -> Option<Range<usize>> {
    let mut behind = runs.last().filter(|run| run.free)?.bytes;
    let mut chosen = None;
    for start in (runs.len().saturating_sub(SOURCES_MAX)..runs.len() - 1).rev() {
        if !runs[start].free {
            break;
        }
        if runs[start].bytes <= behind.saturating_mul(2) {
            chosen = Some(start..runs.len());
        }
        behind = behind.saturating_add(runs[start].bytes);
    }
    chosen
}

/// How many runs there are at most once everything is merged.
pub(crate) fn most_in_order(runs: &[Size]) -> usize {
    let highest = runs.iter().map(|run| level(run.bytes)).max().unwrap_or(0);
    (FAN_OUT - 1) * (highest as usize + 1)
}

/// The level of each run: that of its size, or that of a larger one behind it.
fn levels(runs: &[Size]) -> Vec<u32> {
    let mut levels: Vec<u32> = runs.iter().map(|run| level(run.bytes)).collect();
    for index in (1..levels.len()).rev() {
        if runs[index].free {
            levels[index - 1] = levels[index - 1].max(levels[index]);
        }
    }
    levels
}

fn level(bytes: u64) -> u32 {
    (bytes / LOWEST_BYTES).checked_ilog2().map_or(0, |log| log / FAN_OUT.ilog2() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn free(bytes: &[u64]) -> Vec<Size> {
        bytes.iter().map(|bytes| Size { bytes: *bytes, free: true }).collect()
    }

    const SMALL: u64 = 1 << 20;

    #[test]
    fn four_neighbours_of_one_level_are_merged_and_three_are_not() {
        assert_eq!(choose(&free(&[SMALL; 3])), None);
        assert_eq!(choose(&free(&[SMALL; 4])), Some(0..4));
        assert_eq!(choose(&free(&[100 * SMALL, SMALL, SMALL, SMALL, SMALL])), Some(1..5));
    }

    #[test]
    fn the_lowest_level_comes_first() {
        let runs = [[100 * SMALL; 4], [SMALL; 4]].concat();
        assert_eq!(choose(&free(&runs)), Some(4..8));
    }

    #[test]
    fn a_small_run_between_large_ones_counts_as_one_of_them() {
        let large = 100 * SMALL;
        assert_eq!(choose(&free(&[large, 1, large, large])), Some(0..4));
    }

    #[test]
    fn runs_that_are_not_free_part_their_neighbours() {
        let mut runs = free(&[SMALL; 9]);
        runs[3].free = false;
        assert_eq!(choose(&runs), Some(4..9));
        runs[6].free = false;
        assert_eq!(choose(&runs), None);
    }

    /// A large run of which segments are being written anew would otherwise have each small one merged with all that lies before it.
    #[test]
    fn small_runs_before_a_large_one_that_is_not_free_stay_small() {
        let mut runs = free(&[100 * SMALL, SMALL, SMALL, SMALL, 100 * SMALL]);
        assert_eq!(choose(&runs), Some(0..5));
        runs[4].free = false;
        assert_eq!(choose(&runs), None);
        runs.insert(2, runs[2]);
        assert_eq!(choose(&runs), Some(1..5));
    }

    #[test]
    fn a_merge_has_a_bounded_number_of_sources() {
        assert_eq!(choose(&free(&[SMALL; 40])), Some(0..SOURCES_MAX));
    }

    #[test]
    fn a_store_at_rest_keeps_runs_that_are_much_larger_than_what_is_newer() {
        assert_eq!(choose_settled(&free(&[])), None);
        assert_eq!(choose_settled(&free(&[SMALL])), None);
        assert_eq!(choose_settled(&free(&[2 * SMALL, SMALL])), Some(0..2));
        assert_eq!(choose_settled(&free(&[2 * SMALL + 1, SMALL])), None);
        // The large one is not worth it for the small ones, but for these together with the one between.
        assert_eq!(choose_settled(&free(&[9 * SMALL, SMALL, SMALL, SMALL])), Some(1..4));
        assert_eq!(choose_settled(&free(&[6 * SMALL, 5 * SMALL / 2, SMALL])), Some(0..3));
        let mut runs = free(&[SMALL; 5]);
        runs[1].free = false;
        assert_eq!(choose_settled(&runs), Some(2..5));
        runs[4].free = false;
        assert_eq!(choose_settled(&runs), None);
    }

    proptest! {
        /// At rest there are few runs, and coming to rest again and again rewrites each byte a few times.
        #[test]
        fn settling_ends_and_leaves_a_logarithmic_number_of_runs(
            sizes in proptest::collection::vec(1u64..20 * SMALL, 1..300),
        ) {
            let (mut runs, mut written) = (Vec::new(), 0);
            for size in &sizes {
                runs.push(*size);
                while let Some(range) = choose_settled(&free(&runs)) {
                    let merged: u64 = runs[range.clone()].iter().sum();
                    written += merged;
                    runs.splice(range, [merged]);
                }
                for index in 0..runs.len() - 1 {
                    prop_assert!(runs[index] > 2 * runs[index + 1..].iter().sum::<u64>());
                }
            }
            let total: u64 = sizes.iter().sum();
            let most = 2 * u64::from(total.ilog2()) + 2;
            prop_assert!(written <= total * most, "{written} written for {total}");
        }

        /// Merging until nothing is left to do leaves at most three runs of each level.
        #[test]
        fn the_number_of_runs_is_logarithmic(sizes in proptest::collection::vec(1u64..20 * SMALL, 1..300)) {
            let (mut runs, mut written) = (Vec::new(), 0);
            for size in &sizes {
                runs.push(*size);
                while let Some(range) = choose(&free(&runs)) {
                    let merged: u64 = runs[range.clone()].iter().sum();
                    written += merged;
                    runs.splice(range, [merged]);
                }
            }
            let total: u64 = sizes.iter().sum();
            prop_assert_eq!(runs.iter().sum::<u64>(), total);
            let levels = u64::from(level(total)) + 1;
            prop_assert!(runs.len() as u64 <= 3 * levels, "{} runs, {} levels", runs.len(), levels);
            prop_assert!(written <= total * levels * 2, "{written} written for {total}");
        }
    }
}
