//! What a simulation lets go, and what it removes.

use super::machine::Machine;
use super::op::Retain;
use crate::check::{Wrong, ensure};
use crate::model::{Fact, Proposal, Says};
use annals::{AppendError, CompactError, CompactionControl, Expected, ReadError, RetentionError, Version};

impl Machine {
    /// Says something of retention, as [`annals::Retention`] does: by an event, which is judged like any other.
    pub(super) fn retain(&mut self, retain: &Retain) -> Result<(), Wrong> {
        let version = |stream: &String| self.account.lock().model.version(stream);
        let mut expected = Vec::new();
        let says = match retain {
            Retain::Rule(scope, rule) => Says::Rule(scope.clone(), rule.clone()),
            Retain::Truncate { stream, back } => {
                Says::Truncated(stream.clone(), version(stream).saturating_sub(*back).max(1))
            }
            Retain::Delete(stream) | Retain::Tombstone(stream) => {
                let last = version(stream);
                // Of what was looked at, and nothing that has come since. What nothing is left of is closed already.
                if !self.account.lock().model.is_forgotten(stream) {
                    expected.push((stream.clone(), Expected::Exact(Version::new(last))));
                }
                let says = if matches!(retain, Retain::Delete(_)) { Says::Deleted } else { Says::Tombstoned };
                says(stream.clone(), last + 1)
            }
        };
        let group = [Proposal { facts: vec![Fact::saying(says)], expected, ..Proposal::default() }];
        self.append(&group)?;
        self.proposals.extend(group);
        Ok(())
    }

    /// Removes what is hidden. However far it comes, what is shown stays, what went is told once, and of the rest nothing has
    /// happened.
    pub(super) fn compact(&mut self, all: bool, stop_after: Option<u64>) -> Result<(), Wrong> {
        let fired = self.trouble.fired();
        self.account.lock().compacts();
        self.held.retain(|held| held.current);
        let control = CompactionControl::new();
        if let Some(calls) = stop_after {
            self.trouble.stop_compaction(calls, control.clone());
        }
        // As the background thread does it, which leaves runs of the index with windows, and does nothing where it is not worth it.
        let in_rounds = !all && stop_after.is_none() && !self.poisoned;
        let result = match in_rounds {
            true => self.store.compact_if_worth(),
            false => self.store.compaction().all(all).bytes_per_second(None).control(&control).run(),
        };
        if self.trouble.stopped() {
            return Ok(());
        }
        let trouble = self.has_trouble(fired);
        self.trouble.disarm();
        match &result {
            Ok(report) => {
                ensure!(!self.poisoned, "compacted after a failure");
                ensure!(!report.stopped || stop_after.is_some(), "nobody has stopped it: {report:?}");
            }
            Err(CompactError::Append(error) | CompactError::Retention(RetentionError::Append(error))) => {
                let poisoned = matches!(error, AppendError::Poisoned) && self.poisoned;
                ensure!(poisoned || trouble, "compaction: {error:?}, poisoned {}", self.poisoned);
                self.poisoned |= matches!(error, AppendError::DurabilityUnknown { .. });
            }
            Err(
                CompactError::Read(ReadError::Io { .. })
                | CompactError::Retention(RetentionError::Read(ReadError::Io { .. })),
            ) if trouble => {}
            Err(error) => ensure!(false, "compaction: {error:?}"),
        }
        self.trace.note(&format!("{:?}", result.as_ref().ok()));
        let done = result.as_ref().is_ok_and(|report| !in_rounds || report.events_removed > 0);
        self.account.lock().compacted(&self.store, done, self.poisoned)
    }
}
