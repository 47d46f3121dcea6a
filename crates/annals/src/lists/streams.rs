//! What is known of streams.

use super::names::{Counted, Names, count};
use crate::count::count as count_events;
use crate::error::ReadError;
use crate::query::Query;
use crate::view::View;
use annals_index::TermKind;
use annals_types::Version;

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
        self.names.begin_after(name);
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
