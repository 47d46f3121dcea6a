//! What streams and types there are.

mod names;
mod streams;

pub(crate) use streams::stream_info;
pub use streams::{StreamInfo, Streams};

use crate::count::count as count_events;
use crate::error::ReadError;
use crate::part::LOST;
use crate::query::Query;
use crate::view::View;
use annals_index::TermKind;
use names::{Counted, Names};

/// What is known of an event type in a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeInfo {
    /// Its name.
    pub event_type: String,
    /// How many events have it.
    pub events: u64,
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
