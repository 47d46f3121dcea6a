//! What a view knows of one stream, or of one scope.

use super::log::Log;
use super::rules::Own;
use crate::error::ReadError;
use crate::view::View;
use annals_compaction::{RetentionRule, RetentionScope};
use annals_index::{TermKey, TermKind};
use annals_types::Version;

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

pub(super) fn previous(version: Version) -> Version {
    Version::new(version.get().saturating_sub(1))
}
