//! What streams and types there are.

use crate::count::count as count_events;
use crate::error::ReadError;
use crate::occurred::{Occurred, Shown};
use crate::part::{LOST, Located, Part};
use crate::query::Query;
use crate::tally::{Counting, Tally};
use crate::view::View;
use annals_index::TermKind;
use annals_types::{Position, Version};
use std::collections::{BTreeMap, VecDeque};

/// How many names are taken from a part at once.
const PAGE: usize = 256;

/// What is known of a stream in a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Its name.
    pub stream: String,
    /// How many events it has. Lost ones do not count, nor do those that rules of retention hide, so it may be lower than the last
    /// version, or 0.
    pub events: u64,
    /// The version of its last event, also if that was lost: the next one appended gets the version behind it.
    pub last_version: Version,
}

/// What is known of an event type in a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeInfo {
    /// Its name.
    pub event_type: String,
    /// How many events have it.
    pub events: u64,
}

/// The streams of a view in the byte order of their names. Made by [`View::streams`].
#[derive(Debug)]
pub struct Streams<'v> {
    names: Names<'v>,
    /// Whether rules of retention may hide events; known once the first stream is taken.
    hides: Option<bool>,
    failed: bool,
}

impl<'v> Streams<'v> {
    pub(crate) fn new(view: &'v View, prefix: &str) -> Self {
        Streams { names: Names::new(view, TermKind::Stream, prefix), hides: None, failed: false }
    }

    /// Only the streams behind this name, which need not be one: to go on where an earlier list ended. To be said before the
    /// first stream is taken.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Expected, NewEvent};
    /// for stream in ["a-1", "a-2", "a-3", "b-1"] {
    ///     store.append(stream, Expected::NoStream, &[NewEvent::json("opened", "{}")])?;
    /// }
    /// let view = store.view();
    /// let first = view.streams("a-").next().transpose()?.ok_or("there are some")?;
    /// let next: Vec<String> =
    ///     view.streams("a-").after(&first.stream).map(|stream| stream.map(|stream| stream.stream)).collect::<Result<_, _>>()?;
    /// assert_eq!(next, ["a-2", "a-3"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn after(mut self, name: &str) -> Self {
        for page in &mut self.names.pages {
            page.after = Some(name.to_owned());
        }
        self
    }
}

impl Iterator for Streams<'_> {
    type Item = Result<StreamInfo, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.advance().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

impl Streams<'_> {
    fn advance(&mut self) -> Result<Option<StreamInfo>, ReadError> {
        let view = self.names.view;
        let hides = match self.hides {
            Some(hides) => hides,
            None => *self.hides.insert(view.may_hide()?),
        };
        while let Some((stream, counted)) = self.names.next_counted()? {
            if counted == Counted::default() {
                continue;
            }
            let Counted { events, last_version } = counted;
            let mut info = Some(StreamInfo { stream, events, last_version });
            if hides {
                info = info.map(|info| left_of(view, info)).transpose()?.flatten();
            }
            if info.is_some() {
                return Ok(info);
            }
        }
        Ok(None)
    }
}

pub(crate) fn stream_info(view: &View, name: &str) -> Result<Option<StreamInfo>, ReadError> {
    let stored = stored_info(view, name)?;
    if !view.may_hide()? {
        return Ok(stored);
    }
    Ok(stored.map(|info| left_of(view, info)).transpose()?.flatten())
}

/// What rules of retention leave of a stream; `None` if that is nothing, or not even its last event is sure to be kept.
fn left_of(view: &View, stored: StreamInfo) -> Result<Option<StreamInfo>, ReadError> {
    let bounds = view.bounds(&stored.stream)?;
    if bounds.is_none() {
        return Ok(Some(stored));
    }
    let query = Query::stream(&*stored.stream);
    let events = count_events(view, query.clone())?;
    if view.occurred.is_some() {
        let last = view.read(query.backwards().limit(1))?.next().transpose()?;
        let last_version = last.map(|event| event.version);
        return Ok(last_version.map(|last_version| StreamInfo { events, last_version, ..stored }));
    }
    // Of a stream that was not deleted the last event stays as it is, or what tells its version.
    let stays = || -> Result<bool, ReadError> {
        let now = View { position: view.taken, ..view.clone() };
        let last = now.cut_version(&stored.stream)?;
        Ok(stored.last_version == last && last >= bounds.anew)
    };
    Ok(if events > 0 || stays()? { Some(StreamInfo { events, ..stored }) } else { None })
}

fn stored_info(view: &View, name: &str) -> Result<Option<StreamInfo>, ReadError> {
    let mut sum = Counted::default();
    for (part, _, last) in view.parts.ranges(view.position) {
        if let Some(mut located) = part.find(TermKind::Stream, name)? {
            let lost = part.lost(last)? > 0;
            sum.add(&count(view, part, last, &mut located, lost)?);
        }
    }
    let info = StreamInfo { stream: name.into(), events: sum.events, last_version: sum.last_version };
    Ok((sum != Counted::default()).then_some(info))
}

pub(crate) fn type_list(view: &View) -> Result<Vec<TypeInfo>, ReadError> {
    let mut names = Names::new(view, TermKind::Type, "");
    let mut types = Vec::new();
    let hides = view.may_hide()?;
    while let Some((event_type, Counted { mut events, .. })) = names.next_counted()? {
        if hides && events > 0 && event_type != LOST {
            events = count_events(view, Query::all().of_type(&*event_type))?;
        }
        if events > 0 && event_type != LOST {
            types.push(TypeInfo { event_type, events });
        }
    }
    Ok(types)
}

/// How many streams and types there are in a view of the whole log.
pub(crate) fn count_names(view: &View, kind: TermKind) -> Result<u64, ReadError> {
    if let [part] = view.parts.index.as_slice()
        && let Some(count) = part.term_count(kind, view.position)
    {
        let lost = kind == TermKind::Type && part.lost(view.position)? > 0;
        return Ok(count - u64::from(lost));
    }
    let mut names = Names::new(view, kind, "");
    let mut count = 0;
    while let Some((name, found)) = names.next()? {
        if name != LOST && names.is_visible(found)? {
            count += 1;
        }
    }
    Ok(count)
}

/// The events of a name that a view shows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    events: u64,
    last_version: Version,
}

impl Counted {
    fn add(&mut self, later: &Counted) {
        self.events += later.events;
        self.last_version = self.last_version.max(later.last_version);
    }
}

/// Counts the events of a name in one part, up to a position; `lost` says whether any event of the part was lost.
fn count(
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
struct Names<'v> {
    view: &'v View,
    kind: TermKind,
    prefix: String,
    pages: Vec<Page<'v>>,
    /// Which pages have a name next; merged by it.
    heads: BTreeMap<String, Vec<usize>>,
    started: bool,
}

/// A name, and where it is in the pages that have it.
type FoundName = (String, Vec<(usize, Located)>);

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
    fn new(view: &'v View, kind: TermKind, prefix: &str) -> Self {
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

    /// The next name, and which parts have it.
    fn next(&mut self) -> Result<Option<FoundName>, ReadError> {
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
    fn is_visible(&self, found: Vec<(usize, Located)>) -> Result<bool, ReadError> {
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

    fn next_counted(&mut self) -> Result<Option<(String, Counted)>, ReadError> {
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
