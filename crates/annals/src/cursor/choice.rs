//! The narrowest way to the events of a query within one part.

use super::term::TermCursor;
use super::{Candidates, Cursor, Direction, Union};
use crate::criteria::{Criteria, Sorted};
use crate::error::ReadError;
use crate::part::{Located, Part};
use crate::query::Query;
use annals_index::TermKind;
use annals_types::{Position, Version};

/// A prefix that more streams than this have is not looked up stream by stream.
const STREAMS_MAX: usize = 1024;
/// So few candidates are looked at rather than compared with other terms.
const FEW: u64 = 8;

impl Candidates {
    /// Chooses the narrowest way to the query's events between two positions of a part.
    pub(crate) fn choose(
        part: &Part,
        query: &Query,
        first: Position,
        last: Position,
    ) -> Result<Self, ReadError> {
        let direction = Direction::of(query.backwards);
        let mut offers = Vec::new();
        if let Some(stream) = &query.stream {
            offers.push(of_stream(part, query, stream, direction)?);
        } else {
            if let Some(category) = &query.category {
                offers.push(any(located(part, TermKind::Category, [category])?, direction));
            }
            if !query.tags.is_empty() || !query.types.is_empty() {
                offers.push(clause(part, ascending(&query.tags), ascending(&query.types), direction)?);
            }
            if let Some(prefix) = query.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
                let streams = part.terms(TermKind::Stream, prefix, None, STREAMS_MAX + 1)?;
                if streams.len() <= STREAMS_MAX {
                    offers.push(any(streams.into_iter().map(|(_, located)| located).collect(), direction));
                }
            }
        }
        if let Some(clauses) = query.criteria.as_ref().and_then(Criteria::clauses) {
            offers.push(of_clauses(part, clauses, direction)?);
        }
        let narrowest = offers.into_iter().min_by_key(Cursor::most);
        Ok(Candidates::of(narrowest, first, last, direction))
    }

    /// The events that criteria mean between two positions of a part, backwards.
    pub(crate) fn of_criteria(
        part: &Part,
        criteria: &Criteria,
        first: Position,
        last: Position,
    ) -> Result<Self, ReadError> {
        let direction = Direction::Backwards;
        let cursor = criteria.clauses().map(|clauses| of_clauses(part, clauses, direction)).transpose()?;
        Ok(Candidates::of(cursor, first, last, direction))
    }
}

fn of_stream(part: &Part, query: &Query, stream: &str, direction: Direction) -> Result<Cursor, ReadError> {
    let Some(term) = part.find(TermKind::Stream, stream)? else { return Ok(nothing(direction)) };
    // A stream's versions are dense, so the version is the ordinal.
    let base = term.first_version();
    let before = |version: Version| version.get().saturating_sub(base.get());
    let ordinals = (before(query.versions.0), before(query.versions.1.next()));
    Ok(Cursor::Term(TermCursor::new(term, ordinals, direction)))
}

fn of_clauses(part: &Part, clauses: &[Sorted], direction: Direction) -> Result<Cursor, ReadError> {
    let mut members = Vec::new();
    for Sorted { tags, types } in clauses {
        let member =
            clause(part, tags.iter().map(|name| &**name), types.iter().map(|name| &**name), direction)?;
        if member.most() > 0 {
            members.push(member);
        }
    }
    Ok(united(members, direction))
}

/// What all of the tags and one of the types have.
fn clause<'a>(
    part: &Part,
    tags: impl IntoIterator<Item = &'a str>,
    types: impl IntoIterator<Item = &'a str>,
    direction: Direction,
) -> Result<Cursor, ReadError> {
    let mut members = Vec::new();
    for tag in tags {
        // A part that does not have the tag has none of the events, whatever else is asked for.
        let Some(term) = part.find(TermKind::Tag, tag)? else { return Ok(nothing(direction)) };
        members.push(whole(term, direction));
    }
    members.sort_by_key(Cursor::most);
    if members.first().is_some_and(|rarest| rarest.most() <= FEW) {
        members.truncate(1);
    } else {
        let mut types = types.into_iter().peekable();
        if types.peek().is_some() {
            members.push(any(located(part, TermKind::Type, types)?, direction));
            members.sort_by_key(Cursor::most);
        }
    }
    match members.pop() {
        Some(only) if members.is_empty() => Ok(only),
        Some(most) => {
            members.push(most);
            Ok(Cursor::All(members))
        }
        None => Ok(nothing(direction)),
    }
}

fn located<'a, N: AsRef<str> + ?Sized + 'a>(
    part: &Part,
    kind: TermKind,
    names: impl IntoIterator<Item = &'a N>,
) -> Result<Vec<Located>, ReadError> {
    names.into_iter().filter_map(|name| part.find(kind, name.as_ref()).transpose()).collect()
}

fn any(terms: Vec<Located>, direction: Direction) -> Cursor {
    united(terms.into_iter().map(|term| whole(term, direction)).collect(), direction)
}

fn united(mut members: Vec<Cursor>, direction: Direction) -> Cursor {
    match members.pop() {
        Some(only) if members.is_empty() => only,
        Some(last) => {
            members.push(last);
            Cursor::Any(Union::new(members, direction))
        }
        None => nothing(direction),
    }
}

fn whole(term: Located, direction: Direction) -> Cursor {
    Cursor::Term(TermCursor::new(term, (0, u64::MAX), direction))
}

fn nothing(direction: Direction) -> Cursor {
    Cursor::Any(Union::new(Vec::new(), direction))
}

fn ascending(names: &[String]) -> impl Iterator<Item = &str> {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter()
}
