//! What a decision is made on.

use crate::error::ReadError;
use crate::events::Events;
use crate::query::Query;
use crate::staged::Staged;
use crate::upcast::{UpcastEvents, Upcasting};
use crate::view::View;
use annals_types::Position;

/// What a decision is made on: everything appended so far, also what is not durable yet. See
/// [`Store::decide`](crate::Store::decide).
#[derive(Debug)]
pub struct Situation<'s> {
    /// What is written.
    pub(super) view: View,
    pub(super) staged: &'s Staged,
    pub(super) last: Position,
    pub(super) query: &'s Query,
}

impl Situation<'_> {
    /// The events of the query that was given to [`Store::decide`](crate::Store::decide), in its order.
    ///
    /// # Errors
    /// As [`ReadError`] says; also each event that is read may give one.
    pub fn events(&self) -> Result<Events<'_>, ReadError> {
        self.read(self.query.clone())
    }

    /// The events of another query, as of the same moment.
    ///
    /// # Errors
    /// As [`Situation::events`].
    pub fn read(&self, query: Query) -> Result<Events<'_>, ReadError> {
        Events::with_staged(&self.view, self.staged, self.last, query)
    }

    /// The events of another query in the newest version of their schemas, as [`View::read_upcast`] has them, as of the same
    /// moment.
    ///
    /// # Errors
    /// As [`View::read_upcast`].
    pub fn read_upcast(&self, query: Query) -> Result<UpcastEvents<'_>, ReadError> {
        let (wide, upcasting) = Upcasting::new(query, self.view.chain()?);
        Ok(UpcastEvents::new(self.read(wide)?, upcasting))
    }

    /// The position of the last event that there is. What the decision appends comes directly behind it.
    #[must_use]
    pub fn position(&self) -> Position {
        self.last
    }
}
