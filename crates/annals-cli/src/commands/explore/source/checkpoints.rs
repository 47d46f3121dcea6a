//! States of a stream at some versions, from which others are folded.

use super::outline::CHUNK;
use annals::{Document, Timestamp};
use serde_json::Value;
use std::collections::VecDeque;

/// How many are kept over the whole stream.
const SPARSE: usize = 32;
/// How many of the last ones are kept, whatever their place.
const RECENT: usize = 16;
/// What the recent ones may weigh together, in bytes as far as can be told.
const RECENT_BYTES: usize = 32 << 20;
/// One that weighs more is not kept for long.
const SPARSE_BYTES_EACH: usize = 1 << 20;

/// States after all events up to some versions: some spread over the stream, the less dense the longer it is, and the last
/// ones that were passed, so that steps back cost little, too.
pub(super) struct Checkpoints {
    sparse: Vec<Checkpoint>,
    stride: u64,
    recent: VecDeque<Checkpoint>,
}

/// The state after all events up to a version.
#[derive(Clone)]
pub(super) struct Checkpoint {
    pub(super) version: u64,
    /// When the latest of these events occurred.
    pub(super) latest: Timestamp,
    pub(super) document: Document,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Checkpoints { sparse: Vec::new(), stride: CHUNK, recent: VecDeque::new() }
    }
}

impl Checkpoints {
    /// Keeps a state.
    pub(super) fn keep(&mut self, checkpoint: &Checkpoint) {
        let version = checkpoint.version;
        let weight = checkpoint.document.value().map_or(0, weight);
        if weight <= SPARSE_BYTES_EACH
            && version.is_multiple_of(self.stride)
            && let Err(place) = self.sparse.binary_search_by_key(&version, |kept| kept.version)
        {
            self.sparse.insert(place, checkpoint.clone());
            while self.sparse.len() > SPARSE {
                self.stride = self.stride.saturating_mul(2);
                self.sparse.retain(|kept| kept.version.is_multiple_of(self.stride));
            }
        }
        self.recent.retain(|kept| kept.version != version);
        self.recent.push_back(checkpoint.clone());
        let room = (RECENT_BYTES / weight.max(1)).clamp(1, RECENT);
        while self.recent.len() > room {
            self.recent.pop_front();
        }
    }

    /// The one with the highest version of those that are fine.
    pub(super) fn nearest(&self, is_fine: impl Fn(&Checkpoint) -> bool) -> Option<&Checkpoint> {
        let all = self.sparse.iter().chain(&self.recent);
        all.filter(|kept| is_fine(kept)).max_by_key(|kept| kept.version)
    }
}

/// About how many bytes of memory a value takes.
fn weight(value: &Value) -> usize {
    const EACH: usize = 72;
    match value {
        Value::Null | Value::Bool(_) => EACH,
        Value::Number(_) => EACH + 24,
        Value::String(text) => EACH + text.len(),
        Value::Array(values) => EACH + values.iter().map(weight).sum::<usize>(),
        Value::Object(members) => {
            EACH + members.iter().map(|(key, value)| EACH + key.len() + weight(value)).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_bounded_spread_over_the_stream_and_dense_where_one_was_last() {
        let mut kept = Checkpoints::default();
        let last = 10_000 * CHUNK;
        let checkpoint =
            |version| Checkpoint { version, latest: Timestamp::EPOCH, document: Document::default() };
        (1..=10_000).for_each(|number| kept.keep(&checkpoint(number * CHUNK)));
        assert!(kept.sparse.len() <= SPARSE && kept.sparse.len() > SPARSE / 3, "{}", kept.sparse.len());
        assert_eq!(kept.recent.len(), RECENT);
        let nearest = |version| kept.nearest(|kept| kept.version <= version).map_or(0, |kept| kept.version);
        assert_eq!(nearest(last + 7), last);
        assert_eq!(nearest(last - 1), last - CHUNK);
        for part in 1..8 {
            let version = last / 8 * part;
            assert!(version - nearest(version) <= last / 8, "{version}");
        }
        assert_eq!(nearest(CHUNK - 1), 0);
    }
}
