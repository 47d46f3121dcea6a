//! How many events a query means: counted in the index where that can tell, and otherwise by reading.

use crate::cursor::PartCursor;
use crate::error::ReadError;
use crate::occurred::{Occurred, Shown, Teller};
use crate::part::{LOST, Located, Part};
use crate::query::Query;
use crate::tally::Counting;
use crate::view::View;
use annals_index::TermKind;
use annals_types::{Position, Version};
use std::ops::Range;

/// How many streams of a prefix are taken from the index at once.
const PAGE: usize = 256;

/// The one thing, besides positions, versions and times, by which a query chooses events.
#[derive(Clone, Copy, Debug)]
enum Chosen<'q> {
    /// Nothing: all events.
    All,
    Stream(&'q str),
    Category(&'q str),
    Prefix(&'q str),
    Tag(&'q str),
    /// Any of these.
    Types(&'q [String]),
}

impl<'q> Chosen<'q> {
    /// `None` if there is more than one.
    fn of(query: &'q Query) -> Option<Self> {
        let Query { stream, types, tags, criteria, category, prefix, .. } = query;
        if criteria.is_some() || (query.restricts_versions() && stream.is_none()) {
            return None;
        }
        let prefix = prefix.as_deref().filter(|prefix| !prefix.is_empty());
        let (types, tags) = (types.as_slice(), tags.as_slice());
        match (stream.as_deref(), category.as_deref(), prefix, types, tags) {
            (None, None, None, [], []) => Some(Chosen::All),
            (Some(stream), None, None, [], []) => Some(Chosen::Stream(stream)),
            (None, Some(category), None, [], []) => Some(Chosen::Category(category)),
            (None, None, Some(prefix), [], []) => Some(Chosen::Prefix(prefix)),
            (None, None, None, types, []) => Some(Chosen::Types(types)),
            (None, None, None, [], [tag]) => Some(Chosen::Tag(tag)),
            _ => None,
        }
    }
}

pub(crate) fn count(view: &View, mut query: Query) -> Result<u64, ReadError> {
    // Where single events are hidden the index does not tell how many.
    let hides_some = view.hide(None, &mut query)?.is_some();
    let Some(chosen) = Chosen::of(&query).filter(|_| !hides_some) else {
        // It was looked at, and would be found to lie below what is left.
        query.from_asked = false;
        return view.read(query)?.try_fold(0, |count, event| event.map(|_| count + 1));
    };
    let times = Occurred::of(view, &query);
    let (from, to) = view.positions_of(&query, view.position)?;
    let mut parts = PartCursor::new(view, &query, from, to);
    let mut count = 0;
    while count < query.limit
        && let Some((part, first, last)) = parts.next()
    {
        let lost = lost_within(part, first, last)?;
        let counting = Counting { parts: &view.parts, part, first, last, times, lost: lost > 0 };
        count += counting.count(chosen, &query, lost)?;
    }
    Ok(count.min(query.limit))
}

/// How many events of a part between two positions were lost.
fn lost_within(part: &Part, first: Position, last: Position) -> Result<u64, ReadError> {
    Ok(part.lost(last)? - part.lost(first.previous())?)
}

impl Counting<'_> {
    fn count(&self, chosen: Chosen<'_>, query: &Query, lost: u64) -> Result<u64, ReadError> {
        // Lost events have streams, and neither types nor tags.
        let named = Counting { lost: false, ..*self };
        match chosen {
            Chosen::All => self.count_all(lost),
            Chosen::Stream(name) => self.count_term(TermKind::Stream, name, |term| of_versions(query, term)),
            Chosen::Category(name) => self.count_term(TermKind::Category, name, whole),
            Chosen::Prefix(prefix) => self.count_prefix(prefix),
            Chosen::Tag(name) => named.count_term(TermKind::Tag, name, whole),
            Chosen::Types(names) => {
                let mut names: Vec<&String> = names.iter().filter(|name| *name != LOST).collect();
                names.sort_unstable();
                names.dedup();
                let count = |name: &String| named.count_term(TermKind::Type, name, whole);
                names.into_iter().try_fold(0, |sum, name| Ok(sum + count(name)?))
            }
        }
    }

    fn count_all(&self, lost: u64) -> Result<u64, ReadError> {
        if self.times.is_ever() {
            return Ok(self.parts.events_between(self.first, self.last)? - lost);
        }
        let mut teller = Teller::new(self.parts, self.times, self.lost, self.last);
        let mut count = 0;
        for (first, last, shown) in self.times.stretches(self.parts, self.first, self.last) {
            count += match shown {
                Shown::None => 0,
                Shown::All if !self.lost => self.parts.events_between(first, last)?,
                Shown::All => self.parts.events_between(first, last)? - lost_within(self.part, first, last)?,
                Shown::Some => teller.count(first, last)?,
            };
        }
        Ok(count)
    }

    fn count_term(
        &self,
        kind: TermKind,
        name: &str,
        ordinals: impl Fn(&Located) -> Range<u64>,
    ) -> Result<u64, ReadError> {
        let Some(mut term) = self.part.find(kind, name)? else { return Ok(0) };
        let ordinals = ordinals(&term);
        Ok(self.tally(&mut term, ordinals)?.events)
    }

    fn count_prefix(&self, prefix: &str) -> Result<u64, ReadError> {
        let (mut count, mut after) = (0, None::<String>);
        loop {
            let mut names = self.part.terms(TermKind::Stream, prefix, after.as_deref(), PAGE)?;
            for (_, term) in &mut names {
                count += self.tally(term, 0..u64::MAX)?.events;
            }
            match names.pop() {
                Some((name, _)) if names.len() + 1 == PAGE => after = Some(name),
                _ => return Ok(count),
            }
        }
    }
}

fn whole(_: &Located) -> Range<u64> {
    0..u64::MAX
}

/// A stream's versions are dense, so the version is the ordinal.
fn of_versions(query: &Query, term: &Located) -> Range<u64> {
    let before = |version: Version| version.get().saturating_sub(term.first_version().get());
    before(query.versions.0)..before(query.versions.1.next())
}
