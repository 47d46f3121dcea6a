//! The handle of a store's rules, and what holds.

use super::event::{RETENTION_STREAM, RetentionEvent};
use super::listed::RetentionEntries;
use super::of_stream::{own, previous, rule_in};
use crate::compaction::LEDGER_STREAM;
use crate::erasure::ERASURE_STREAM;
use crate::error::ReadError;
use crate::guards::GUARDS_STREAM;
use crate::store::Store;
use crate::system_event::SystemEvent;
use annals_compaction::{Effective, RetentionRule, RetentionScope, effective};
use annals_types::{EventRef, Position, Version, category_of};

/// The rules of retention of a store: what may go of its streams. Made by [`Store::retention`]; cheap to clone.
///
/// Rules are events of the stream `$annals.retention`, so they survive reopening, are part of every copy, and hold from a position of
/// the log on. What they let go is hidden at once from every view that is made afterwards, whatever moment it is as of; nothing
/// here removes anything from the disk. `docs/retention.md` tells more.
#[derive(Clone, Debug)]
pub struct Retention {
    pub(super) store: Store,
}

/// What came of setting a rule, truncating or deleting, or of changing a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetentionChange {
    /// The position of its event; [`Position::ZERO`] if nothing had to be written.
    pub position: Position,
    /// Whether it was so before, so that nothing was done.
    pub already: bool,
}

/// What holds for a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamRetention {
    /// The limits that hold, and where they come from.
    pub limits: Effective,
    /// The first version that may be read: see [`View::floor`](crate::View::floor).
    pub floor: Version,
    /// The version of the last event that was deleted with the whole stream; `None` if it never was.
    pub deleted: Option<Version>,
    /// Whether the name is closed for good.
    pub tombstoned: bool,
}

impl RetentionChange {
    pub(crate) const ALREADY: RetentionChange = RetentionChange { position: Position::ZERO, already: true };
}

impl Store {
    /// The rules of retention.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention { store: self.clone() }
    }
}

impl Retention {
    /// Whether an event is one of the store's own that names versions or positions of this store: of the stream `$annals.retention`, one
    /// that truncates or deletes; of `$annals.guards`, `$annals.erasure` and `$annals.ledger`, all. Where the events that are left are copied into another
    /// store without those that are hidden, they get other versions and positions there: such an event must not be copied with
    /// them, for it would hide what is left, or tell of what did not happen there.
    #[must_use]
    pub fn is_about_versions(event: &EventRef<'_>) -> bool {
        if matches!(event.stream, ERASURE_STREAM | LEDGER_STREAM) {
            return true;
        }
        if event.stream != RETENTION_STREAM {
            return event.stream == GUARDS_STREAM;
        }
        match RetentionEvent::of(event) {
            Ok(Some(RetentionEvent::Rule(_, rule))) => rule.before().is_some(),
            Ok(Some(_)) => true,
            Ok(None) | Err(_) => false,
        }
    }

    /// The rule of a scope; `None` if none was set, or it was taken back. Of a stream, it tells the first version that was not
    /// truncated.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn get(&self, scope: &RetentionScope) -> Result<Option<RetentionRule>, ReadError> {
        rule_in(&self.store.view(), scope)
    }

    /// Everything that was set, truncated or deleted, scope by scope: the store, categories by their names, and then streams in the
    /// order of the log: by the event of their rule, or the first one that let something of them go.
    ///
    /// # Errors
    /// As [`ReadError`] says; each entry may be an error, too.
    pub fn list(&self) -> Result<RetentionEntries, ReadError> {
        RetentionEntries::new(self.store.view())
    }

    /// What holds for a stream, by all rules together.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn effective(&self, stream: &str) -> Result<StreamRetention, ReadError> {
        let view = self.store.view();
        let own = own(&view, stream)?;
        let own_rule = own.as_ref().and_then(|own| own.rule.as_ref());
        let limits = match view.hidden_by()? {
            Some((_, rules)) => effective(own_rule, rules.of_category(category_of(stream)), rules.of_store()),
            None => Effective::default(),
        };
        Ok(StreamRetention {
            limits,
            floor: view.floor(stream)?,
            deleted: own.as_ref().filter(|own| own.anew > Version::FIRST).map(|own| previous(own.anew)),
            tombstoned: own.is_some_and(|own| own.tombstoned),
        })
    }
}
