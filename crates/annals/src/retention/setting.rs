//! Setting rules, truncating, deleting and closing: what is said is checked against what is known, and appended.

use super::error::RetentionError;
use super::event::{RETENTION_STREAM, RetentionEvent};
use super::handle::{Retention, RetentionChange};
use super::of_stream::{last_version, own, rule_in};
use crate::batch::Batch;
use crate::error::AppendError;
use crate::view::View;
use annals_compaction::{RetentionRule, RetentionScope};
use annals_types::{Conflict, Expected, StreamName, Version};

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
