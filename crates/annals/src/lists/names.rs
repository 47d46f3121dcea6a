//! The names of a kind over all parts of a view, merged, and how many events each has.

use crate::error::ReadError;
use crate::occurred::{Occurred, Shown};
use crate::part::{Located, Part};
use crate::tally::{Counting, Tally};
use crate::view::View;
use annals_index::TermKind;
use annals_types::{Position, Version};
use std::collections::{BTreeMap, VecDeque};

/// How many names are taken from a part at once.
const PAGE: usize = 256;

/// The events of a name that a view shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) events: u64,
    pub(super) last_version: Version,
}

impl Counted {
    pub(super) fn add(&mut self, later: &Counted) {
        self.events += later.events;
        self.last_version = self.last_version.max(later.last_version);
    }
}

/// Counts the events of a name in one part, up to a position; `lost` says whether any event of the part was lost.
pub(super) fn count(
    view: &View,
    part: &Part,
    last: Position,
    located: &mut Located,
    lost: bool,
) -> Result<Counted, ReadError> {
    let (parts, first) = (&*view.parts, part.first_position());
    let counting = Counting { parts, part, first, last, times: Occurred::by(view), lost };
    let Tally { events, last: shown } = counting.tally(located, 0..u64::MAX)?;
    // When a lost event occurred is not known, so it counts for nothing as of such a time. Otherwise its version does.
    let ordinal = match view.occurred {
        None if lost => part.rank(located, last)?.checked_sub(1),
        _ => shown,
    };
    let last_version = ordinal.map_or(Version::ZERO, |ordinal| located.first_version().plus(ordinal));
    Ok(Counted { events, last_version })
}

/// The names of a kind over all parts of a view, merged, in bounded memory.
#[derive(Debug)]
pub(super) struct Names<'v> {
    pub(super) view: &'v View,
    kind: TermKind,
    prefix: String,
    pages: Vec<Page<'v>>,
    /// Which pages have a name next; merged by it.
    heads: BTreeMap<String, Vec<usize>>,
    started: bool,
}

/// A name, and where it is in the pages that have it.
pub(super) type FoundName = (String, Vec<(usize, Located)>);

/// The next names of one part.
#[derive(Debug)]
struct Page<'v> {
    part: &'v Part,
    last: Position,
    /// Whether events of the part were lost, once that has mattered.
    lost: Option<bool>,
    names: VecDeque<(String, Located)>,
    after: Option<String>,
    ended: bool,
}

impl<'v> Names<'v> {
    pub(super) fn new(view: &'v View, kind: TermKind, prefix: &str) -> Self {
        let (ranges, times) = (view.parts.ranges(view.position), Occurred::by(view));
        let parts =
            ranges.filter(|(_, first, last)| times.between(&view.parts, *first, *last) != Shown::None);
        let pages = parts
            .map(|(part, _, last)| Page {
                part,
                last,
                lost: None,
                names: VecDeque::new(),
                after: None,
                ended: false,
            })
            .collect();
        Names { view, kind, prefix: prefix.into(), pages, heads: BTreeMap::new(), started: false }
    }

    /// Only the names behind this one. To be said before the first name is taken.
    pub(super) fn begin_after(&mut self, name: &str) {
        for page in &mut self.pages {
            page.after = Some(name.to_owned());
        }
    }

    /// The next name, and which parts have it.
    pub(super) fn next(&mut self) -> Result<Option<FoundName>, ReadError> {
        if !std::mem::replace(&mut self.started, true) {
            for index in 0..self.pages.len() {
                self.announce(index)?;
            }
        }
        let Some((name, indexes)) = self.heads.pop_first() else { return Ok(None) };
        let mut found = Vec::with_capacity(indexes.len());
        for index in indexes {
            if let Some((_, located)) = self.pages[index].names.pop_front() {
                found.push((index, located));
            }
            self.announce(index)?;
        }
        Ok(Some((name, found)))
    }

    /// Whether a name has events in the view. The index of a part in memory also has those that are being written,
    /// or whose writing has failed.
    pub(super) fn is_visible(&self, found: Vec<(usize, Located)>) -> Result<bool, ReadError> {
        for (index, mut located) in found {
            let page = &self.pages[index];
            if page.part.as_run().is_some_and(|run| run.last_position() <= page.last)
                || page.part.rank(&mut located, page.last)? > 0
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn next_counted(&mut self) -> Result<Option<(String, Counted)>, ReadError> {
        let Some((name, found)) = self.next()? else { return Ok(None) };
        let mut sum = Counted::default();
        for (index, mut located) in found {
            let page = &mut self.pages[index];
            let lost = match page.lost {
                Some(lost) => lost,
                None => *page.lost.insert(page.part.lost(page.last)? > 0),
            };
            sum.add(&count(
                self.view,
                page.part,
                page.last,
                &mut located,
                lost && self.kind == TermKind::Stream,
            )?);
        }
        Ok(Some((name, sum)))
    }

    /// Puts the next name of a part among the heads.
    fn announce(&mut self, index: usize) -> Result<(), ReadError> {
        let page = &mut self.pages[index];
        if page.names.is_empty() && !page.ended {
            let names = page.part.terms(self.kind, &self.prefix, page.after.as_deref(), PAGE)?;
            page.ended = names.len() != PAGE;
            page.after = names.last().map(|(name, _)| name.clone());
            page.names = names.into();
        }
        if let Some((name, _)) = page.names.front() {
            self.heads.entry(name.clone()).or_default().push(index);
        }
        Ok(())
    }
}
