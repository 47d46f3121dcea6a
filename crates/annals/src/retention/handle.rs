//! Setting rules, truncating and deleting, and what holds.

use super::error::RetentionError;
use super::event::{RETENTION_STREAM, RetentionEvent};
use super::listed::RetentionEntries;
use super::rules::{Log, Own};
use crate::batch::Batch;
use crate::compaction::LEDGER_STREAM;
use crate::erasure::ERASURE_STREAM;
use crate::error::{AppendError, ReadError};
use crate::guards::GUARDS_STREAM;
use crate::store::Store;
use crate::system_event::SystemEvent;
use crate::view::View;
use annals_compaction::{Effective, RetentionRule, RetentionScope, effective};
use annals_index::{TermKey, TermKind};
use annals_types::{Conflict, EventRef, Expected, Position, StreamName, Version, category_of};

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
    /// Sets the rule of a scope, in the place of the one that it had; an empty rule takes that back. It holds for every view that is
    /// made from then on. What a rule has hidden shows again when the rule is taken back, if it is not gone yet; what was
    /// truncated does not.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Expected, NewEvent, Query, RetentionRule, RetentionScope};
    /// let pages = ["/", "/a", "/b", "/c"].map(|page| NewEvent::json("visited", format!("{page:?}")));
    /// store.append("session-1", Expected::NoStream, &pages)?;
    /// store.retention().set(&RetentionScope::category("session"), &RetentionRule::new().max_count(2))?;
    /// let view = store.view();
    /// let versions: Vec<u64> =
    ///     view.read(Query::all().category("session"))?.map(|event| event.map(|event| event.version.get())).collect::<Result<_, _>>()?;
    /// assert_eq!(versions, [3, 4]);
    /// assert_eq!(view.stream("session-1")?.map(|stream| stream.events), Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RetentionError::Rule`]; [`RetentionError::NoStream`] if a stream is to be truncated that never had an event; otherwise as
    /// [`RetentionError`] says.
    pub fn set(
        &self,
        scope: &RetentionScope,
        rule: &RetentionRule,
    ) -> Result<RetentionChange, RetentionError> {
        rule.check(scope)?;
        let view = self.store.view();
        if let (Some(stream), Some(before)) = (scope.name(), rule.before()) {
            if last_version(&view, stream)? == Version::ZERO {
                return Err(RetentionError::NoStream { stream: stream.into() });
            }
            self.not_below_floor(&view, stream, before)?;
        }
        let known = rule_in(&view, scope)?.unwrap_or_default();
        // A rule that does not truncate leaves what was truncated as it is.
        let known = if rule.before().is_none() { known.truncate_nothing() } else { known };
        if known == *rule {
            return Ok(RetentionChange::ALREADY);
        }
        self.append(&RetentionEvent::Rule(scope.clone(), rule.clone()), None)
    }

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

    /// Truncates a stream: `before` is the first version that stays. It cannot be taken back.
    ///
    /// # Errors
    /// [`RetentionError::NoStream`], [`RetentionError::BelowFloor`], or
    /// [`Invalid::TruncateBeyondEnd`](crate::Invalid::TruncateBeyondEnd) within [`RetentionError::Append`] if the stream has no such version;
    /// otherwise as [`RetentionError`] says.
    pub fn truncate(&self, stream: &str, before: Version) -> Result<RetentionChange, RetentionError> {
        let rule = RetentionRule::new().truncate_before(before);
        rule.check(&RetentionScope::stream(stream))?;
        let view = self.store.view();
        let last = last_version(&view, stream)?;
        if last == Version::ZERO {
            return Err(RetentionError::NoStream { stream: stream.into() });
        }
        self.not_below_floor(&view, stream, before)?;
        if before <= last && own(&view, stream)?.map_or(Version::FIRST, |own| own.floor) == before {
            return Ok(RetentionChange::ALREADY);
        }
        self.append(&RetentionEvent::Truncated(stream.into(), before), None)
    }

    /// Deletes all events that a stream has. It can be continued: as a stream that does not exist, and its versions go on.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Expected, NewEvent, Query, Version};
    /// let event = || NewEvent::json("opened", "{}");
    /// store.append("account-1", Expected::NoStream, &[event(), event()])?;
    /// store.retention().delete("account-1", Expected::Exact(Version::new(2)))?;
    /// assert_eq!(store.view().stream("account-1")?, None);
    /// let appended = store.append("account-1", Expected::NoStream, &[event()])?;
    /// assert_eq!(appended.streams[0].first_version, Version::new(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RetentionError::NoStream`]; [`AppendError::Conflict`] within [`RetentionError::Append`] if the stream is not as expected, and
    /// [`AppendError::Tombstoned`] if it is closed; otherwise as [`RetentionError`] says.
    pub fn delete(&self, stream: &str, expected: Expected) -> Result<RetentionChange, RetentionError> {
        self.remove(stream, expected, false)
    }

    /// Deletes all events that a stream has, and closes its name for good: appends to it are refused from then on. A name that was
    /// never used can be closed, too.
    ///
    /// # Errors
    /// As [`Retention::delete`].
    pub fn tombstone(&self, stream: &str, expected: Expected) -> Result<RetentionChange, RetentionError> {
        self.remove(stream, expected, true)
    }

    fn remove(
        &self,
        stream: &str,
        expected: Expected,
        for_good: bool,
    ) -> Result<RetentionChange, RetentionError> {
        RetentionScope::stream(stream).check()?;
        loop {
            let view = self.store.view();
            let last = last_version(&view, stream)?;
            let own = own(&view, stream)?;
            let tombstoned = own.as_ref().is_some_and(|own| own.tombstoned);
            let deleted = own.is_some_and(|own| own.anew > last && last > Version::ZERO) || tombstoned;
            let holds =
                if deleted { super::Deletion::holds(expected, last) } else { expected.holds_at(last) };
            if !holds {
                let stream = StreamName::new(stream)?;
                return Err(
                    AppendError::Conflict(Conflict { stream, expected, actual: last, deleted }).into()
                );
            }
            match (tombstoned, for_good, deleted) {
                (true, true, _) | (false, false, true) => return Ok(RetentionChange::ALREADY),
                (true, false, _) => return Err(AppendError::Tombstoned { stream: stream.into() }.into()),
                (false, false, false) if last == Version::ZERO => {
                    return Err(RetentionError::NoStream { stream: stream.into() });
                }
                (false, ..) => {}
            }
            let event = if for_good { RetentionEvent::Tombstoned } else { RetentionEvent::Deleted };
            // Of what was looked at, and nothing that has come since.
            let exact = if last == Version::ZERO { Expected::NoStream } else { Expected::Exact(last) };
            match self.append(&event(stream.into(), last.next()), Some((stream, exact))) {
                Err(RetentionError::Append(AppendError::Conflict(_))) if !expected.is_exact() => {}
                other => return other,
            }
        }
    }

    /// Appends what is said of retention.
    pub(super) fn append(
        &self,
        event: &RetentionEvent,
        expected: Option<(&str, Expected)>,
    ) -> Result<RetentionChange, RetentionError> {
        let mut batch = Batch::new();
        if let Some((stream, expected)) = expected {
            batch.expect(stream, expected)?;
        }
        batch.push(RETENTION_STREAM, &event.to_new())?;
        let appended = self.store.append_batch(batch)?;
        Ok(RetentionChange { position: appended.first_position, already: false })
    }

    fn not_below_floor(&self, view: &View, stream: &str, before: Version) -> Result<(), RetentionError> {
        match own(view, stream)?.map(|own| own.floor) {
            Some(floor) if before < floor => Err(RetentionError::BelowFloor { stream: stream.into(), floor }),
            _ => Ok(()),
        }
    }
}

/// The rule of a scope.
pub(super) fn rule_in(view: &View, scope: &RetentionScope) -> Result<Option<RetentionRule>, ReadError> {
    let Some((_, rules)) = view.hidden_by()? else { return Ok(None) };
    Ok(match scope {
        RetentionScope::Store => rules.of_store().cloned(),
        RetentionScope::Category(name) => rules.of_category(name).cloned(),
        RetentionScope::Stream(name) => own(view, name)?.and_then(|own| rule_of(&own)),
    })
}

/// The rule of a stream, with the version before which it was truncated.
pub(super) fn rule_of(own: &Own) -> Option<RetentionRule> {
    let rule = own.rule.clone().unwrap_or_default();
    let rule = if own.floor > own.anew { rule.truncate_before(own.floor) } else { rule.truncate_nothing() };
    (!rule.is_empty()).then_some(rule)
}

/// What is known of a stream by itself.
pub(super) fn own(view: &View, stream: &str) -> Result<Option<Own>, ReadError> {
    let Some((_, rules)) = view.hidden_by()? else { return Ok(None) };
    let log = Log { parts: &view.parts, staged: None };
    let seed = view.parts.hash_seed;
    rules.own(log, TermKey::new(TermKind::Stream, stream, seed).hash(seed), stream)
}

/// The first version of a stream behind its last deletion, and whether its name is closed.
pub(crate) fn deletion_of(view: &View, stream: &str) -> Result<(Version, bool), ReadError> {
    Ok(own(view, stream)?
        .map_or((Version::FIRST, false), |own| (own.anew.max(Version::FIRST), own.tombstoned)))
}

/// Whether any stream may have been truncated, deleted or closed.
pub(crate) fn lets_go_for_good(view: &View) -> Result<bool, ReadError> {
    Ok(view.hidden_by()?.is_some())
}

/// The version from which on states of a stream can be of use.
pub(crate) fn useless_before(view: &View, stream: &str) -> Result<Version, ReadError> {
    Ok(own(view, stream)?.map_or(Version::FIRST, |own| match own.tombstoned {
        true => Version::new(u64::MAX),
        // The state at the last version before the floor is what is left of those.
        false => own.anew.max(previous(own.floor)),
    }))
}

/// The version of a stream's last event, hidden or not.
pub(super) fn last_version(view: &View, stream: &str) -> Result<Version, ReadError> {
    let key = TermKey::new(TermKind::Stream, stream, view.parts.hash_seed);
    view.parts.last_version(&key, view.taken)
}

fn previous(version: Version) -> Version {
    Version::new(version.get().saturating_sub(1))
}
