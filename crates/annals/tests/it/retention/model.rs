//! What is visible, said as plainly as it can be: filters over a list.

use annals::{Clock, RetentionRule, RetentionScope, Setting};
use std::collections::BTreeMap;

const SECOND: i64 = 1_000_000_000;

/// An event as it was appended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) position: u64,
    pub(super) stream: String,
    pub(super) version: u64,
    pub(super) event_type: String,
    pub(super) tag: Option<String>,
    pub(super) recorded: i64,
    pub(super) occurred: i64,
    /// Whether it was removed.
    pub(super) gone: bool,
}

/// What was said of one stream beside its rule.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    pub(super) floor: u64,
    /// The last version when it was deleted last.
    pub(super) deleted: u64,
    pub(super) tombstoned: bool,
}

/// Everything that was appended and said.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) rows: Vec<Row>,
    pub(super) rules: BTreeMap<RetentionScope, RetentionRule>,
    pub(super) said: BTreeMap<String, Said>,
    /// Where guards stand.
    pub(super) guards: BTreeMap<String, u64>,
    /// The guard behind which a reader is, who sees everything above.
    pub(super) spared: Option<u64>,
}

impl Model {
    pub(super) fn last(&self, stream: &str) -> u64 {
        self.rows.iter().filter(|row| row.stream == stream).map(|row| row.version).max().unwrap_or(0)
    }

    pub(super) fn said(&self, stream: &str) -> Said {
        self.said.get(stream).copied().unwrap_or_default()
    }

    /// Whether all events that the stream has had were deleted.
    pub(super) fn is_deleted(&self, stream: &str) -> bool {
        let said = self.said(stream);
        said.tombstoned || (said.deleted > 0 && said.deleted >= self.last(stream))
    }

    /// Whether nothing is left of a stream, not even what tells its last version.
    pub(super) fn is_gone(&self, stream: &str) -> bool {
        let mut rows = self.rows.iter().filter(|row| row.stream == stream).peekable();
        rows.peek().is_some() && rows.all(|row| row.gone)
    }

    /// The setting that holds, of the narrowest scope that says anything.
    fn holds<T: Copy + PartialEq>(
        &self,
        stream: &str,
        of: impl Fn(&RetentionRule) -> Setting<T>,
    ) -> Option<T> {
        let category = stream.split('-').next().unwrap();
        let scopes =
            [RetentionScope::stream(stream), RetentionScope::category(category), RetentionScope::Store];
        let mut settings = scopes.iter().filter_map(|scope| self.rules.get(scope)).map(of);
        settings.find(|setting| *setting != Setting::Inherit).and_then(Setting::limit)
    }

    /// Whether an event is visible to a reader who begins at a time.
    pub(super) fn shows(&self, row: &Row, now: i64) -> bool {
        let said = self.said(&row.stream);
        if row.gone {
            return false;
        }
        if row.stream.starts_with("$annals.") || self.spared.is_some_and(|position| row.position > position) {
            return true;
        }
        let count = self.holds(&row.stream, RetentionRule::count);
        let age = self.holds(&row.stream, RetentionRule::age);
        let old = age.is_some_and(|age| {
            let time = if age.clock() == Clock::Recorded { row.recorded } else { row.occurred };
            time <= now - age.seconds() as i64 * SECOND
        });
        let newest = count.is_none_or(|count| row.version + count > self.last(&row.stream));
        !said.tombstoned && row.version >= said.floor && row.version > said.deleted && newest && !old
    }

    /// The first version that a limit by version or by the recorded clock leaves.
    pub(super) fn floor(&self, stream: &str, now: i64) -> u64 {
        let mut plain = self.clone();
        for rule in plain.rules.values_mut() {
            if rule.age().limit().is_some_and(|age| age.clock() == Clock::Occurred) {
                *rule = rule.clone().keep_age();
            }
        }
        let mut left = plain.rows.iter().filter(|row| row.stream == stream && plain.shows(row, now));
        left.next().map_or(self.last(stream) + 1, |row| row.version)
    }
}
