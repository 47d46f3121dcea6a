//! The answer to "where is this term".

use annals_types::Version;

/// Where the positions of a term are.
///
/// It is small and can be copied, and means something only to the part of the index that it came from. A
/// memory index may be added to meanwhile: the postings go on to stand for the positions there were.
#[derive(Clone, Copy, Debug)]
pub struct Postings {
    pub(crate) count: u64,
    /// Of a run that is looked at through a window: how many positions its file has, and how many of these lie before the window.
    pub(crate) stored: u64,
    pub(crate) before: u64,
    pub(crate) first_version: Version,
    /// Of a memory index: the number of the term. Of a run: what the dictionary says.
    pub(crate) place: u64,
}

impl Postings {
    /// All positions that are stored.
    pub(crate) fn whole(count: u64, first_version: Version, place: u64) -> Self {
        Postings { count, stored: count, before: 0, first_version, place }
    }

    /// Whether the positions are not those of a stream.
    pub(crate) fn is_without_versions(&self) -> bool {
        self.first_version == Version::ZERO
    }

    /// How many positions there are; at least one.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Of a stream: the version of the event at the first position. Otherwise [`Version::ZERO`].
    #[must_use]
    pub fn first_version(&self) -> Version {
        self.first_version
    }

    /// Of a stream: the version of the event at the last position. Otherwise [`Version::ZERO`].
    #[must_use]
    pub fn last_version(&self) -> Version {
        if self.is_without_versions() {
            return Version::ZERO;
        }
        self.first_version.plus(self.count - 1)
    }

    /// The ordinals that `limit` positions from ordinal `from` on have, as far as there are so many.
    pub(crate) fn ordinals(&self, from: u64, limit: usize) -> std::ops::Range<u64> {
        from..self.count.min(from.saturating_add(limit as u64)).max(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_ascend_by_one_from_the_first() {
        let postings = Postings::whole(3, Version::new(5), 0);
        assert_eq!(postings.last_version(), Version::new(7));
    }

    #[test]
    fn terms_that_are_no_streams_have_no_versions() {
        let postings = Postings::whole(3, Version::ZERO, 0);
        assert_eq!(postings.last_version(), Version::ZERO);
    }

    #[test]
    fn ordinals_end_where_the_positions_do() {
        let postings = Postings::whole(3, Version::ZERO, 0);
        assert_eq!(postings.ordinals(1, 1), 1..2);
        assert_eq!(postings.ordinals(1, usize::MAX), 1..3);
        assert!(postings.ordinals(3, 1).is_empty());
        assert!(postings.ordinals(u64::MAX, 1).is_empty());
    }
}
