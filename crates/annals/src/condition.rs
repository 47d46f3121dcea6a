//! What must not have happened for a batch to be appended.

use crate::criteria::Criteria;
use crate::cursor::Candidates;
use crate::error::ReadError;
use crate::part::Part;
use crate::parts::Parts;
use crate::staged::Staged;
use annals_types::Position;
use annals_types::planted::{Bug, planted};

/// No event after a position may be one of those that the criteria mean.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) criteria: Criteria,
    pub(crate) after: Position,
}

impl Condition {
    /// The newest event that speaks against it, staged ones included; `last` is where the log ends with them.
    pub(crate) fn violated_at(
        &self,
        parts: &Parts,
        staged: &Staged,
        mut last: Position,
    ) -> Result<Option<Position>, ReadError> {
        if planted(Bug::ConditionIgnoresStaged) {
            last = staged.first_position().map_or(last, |first| last.min(first.previous()));
        }
        // From the newest on, since that is where something will be found.
        for (part, first, last) in parts.ranges(last).rev() {
            if last <= self.after {
                break;
            }
            if planted(Bug::ConditionIgnoresRuns) && part.as_run().is_some() {
                continue;
            }
            let included = planted(Bug::ConditionIncludesItsPosition) && self.after >= Position::FIRST;
            let first = first.max(if included { self.after } else { self.after.next() });
            let found = self.newest(&Look { parts, staged, part }, first, last)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn newest(
        &self,
        look: &Look<'_>,
        first: Position,
        last: Position,
    ) -> Result<Option<Position>, ReadError> {
        // Few events are looked at sooner than many names are looked up. One that is damaged says nothing of the others,
        // which the index tells.
        if last.events_since(first) < self.criteria.terms() as u64
            && let Ok(found) = look.first_of(Candidates::range(first, last, true), &self.criteria)
        {
            return Ok(found);
        }
        look.first_of(Candidates::of_criteria(look.part, &self.criteria, first, last)?, &self.criteria)
    }
}

/// Where the events of a part are.
struct Look<'a> {
    parts: &'a Parts,
    staged: &'a Staged,
    part: &'a Part,
}

impl Look<'_> {
    /// The first of the candidates that is meant. The index only says where to look; the record decides.
    fn first_of(
        &self,
        mut candidates: Candidates,
        criteria: &Criteria,
    ) -> Result<Option<Position>, ReadError> {
        while let Some(position) = candidates.next(self.part)? {
            let event = match self.staged.event(position)? {
                Some(event) => Some(event),
                None => self.parts.event(position)?,
            };
            if event.is_some_and(|event| criteria.matches(&event)) {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }
}
