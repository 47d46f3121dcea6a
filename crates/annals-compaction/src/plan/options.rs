//! When it is worth the work.

use annals_types::Position;
use std::collections::BTreeSet;

/// A share of a whole, in parts of 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

/// A share above the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a share has at most 1000 parts of 1000, this one has {parts}")]
pub struct ShareOutOfRange {
    /// What was given.
    pub parts: u16,
}

impl Share {
    /// An eighth.
    pub const EIGHTH: Share = Share(125);
    /// A quarter.
    pub const QUARTER: Share = Share(250);

    /// In parts of 1000.
    #[must_use]
    pub const fn parts(self) -> u16 {
        self.0
    }

    /// So many parts of 1000.
    ///
    /// # Errors
    /// [`ShareOutOfRange`] above 1000.
    pub const fn of_1000(parts: u16) -> Result<Self, ShareOutOfRange> {
        if parts > 1000 { Err(ShareOutOfRange { parts }) } else { Ok(Share(parts)) }
    }

    /// Whether a part of a whole is at least this share of it.
    pub(super) fn is_reached(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 1000 >= u128::from(self.0) * u128::from(whole)
    }

    /// The same of a part that is not nothing.
    #[must_use]
    pub fn is_reached_by_some(self, part: u64, whole: u64) -> bool {
        part > 0 && self.is_reached(part, whole)
    }
}

/// Somebody who has not read everything yet, say a consumer: what lies above the position is kept for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Its name, which the plan tells.
    pub name: String,
    /// The last position that it is done with.
    pub position: Position,
}

impl Guard {
    /// How many bytes the name of a guard that is stored may have.
    pub const NAME_BYTES_MAX: usize = 256;

    /// A guard at a position.
    #[must_use]
    pub fn new(name: impl Into<String>, position: Position) -> Self {
        Guard { name: name.into(), position }
    }
}

/// When a segment is worth the work, and what is kept whatever the rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    pub(super) rewrite_from: Share,
    pub(super) merge_below: Share,
    pub(super) segment_bytes: u64,
    pub(super) all: bool,
    pub(super) guards: Vec<Guard>,
    pub(super) overridden: BTreeSet<String>,
}

impl PlanOptions {
    /// For a store whose segments are full at so many bytes.
    #[must_use]
    pub fn new(segment_bytes: u64) -> Self {
        PlanOptions {
            rewrite_from: Share::EIGHTH,
            merge_below: Share::QUARTER,
            segment_bytes,
            all: false,
            guards: Vec::new(),
            overridden: BTreeSet::new(),
        }
    }

    /// A segment is rewritten if at least this share of its bytes goes. Default: an eighth, so that at most eight bytes are read
    /// and seven written for each one that goes.
    #[must_use]
    pub fn rewrite_from(mut self, share: Share) -> Self {
        self.rewrite_from = share;
        self
    }

    /// Neighbours are merged if each of them has no more left than this share of a full segment, and all together fit into one; at
    /// least one of them has lost something. Default: a quarter.
    #[must_use]
    pub fn merge_below(mut self, share: Share) -> Self {
        self.merge_below = share;
        self
    }

    /// Whether everything goes that may go, however little it is of its segment. Default: no. What has to be gone by a date
    /// needs this.
    #[must_use]
    pub fn all(mut self, all: bool) -> Self {
        self.all = all;
        self
    }

    /// Keeps what somebody has not read yet. Of several guards with one name the lowest position counts.
    #[must_use]
    pub fn guard(mut self, guard: Guard) -> Self {
        self.guards.push(guard);
        self
    }

    /// The guard with this name does not count.
    #[must_use]
    pub fn override_guard(mut self, name: impl Into<String>) -> Self {
        self.overridden.insert(name.into());
        self
    }

    /// Whether a segment of so many bytes is worth being written anew if so many of them go.
    #[must_use]
    pub fn is_worth(&self, going: u64, bytes: u64) -> bool {
        going > 0 && (self.all || self.rewrite_from.is_reached(going, bytes))
    }

    /// The guard that keeps a segment which ends at a position: of those that count the one that holds longest. `None` if it may go.
    #[must_use]
    pub fn guard_of(&self, last_position: Position) -> Option<&Guard> {
        let counting = self.guards.iter().filter(|guard| !self.overridden.contains(&guard.name));
        let lowest =
            counting.min_by(|one, other| (one.position, &one.name).cmp(&(other.position, &other.name)));
        lowest.filter(|guard| last_position > guard.position)
    }
}
