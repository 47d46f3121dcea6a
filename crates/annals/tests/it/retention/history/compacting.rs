//! Removing what may go: only that goes.

use super::{Compacts, Play};
use crate::retention::model::Row;
use annals::{Position, ReadError};

impl Play {
    /// Has removed what may go, and notes what did: only what is hidden, of each stream what comes first, and never the last event
    /// of one whose name is not closed.
    pub(super) fn compact(&mut self) {
        self.store.maintain().unwrap();
        let all = self.dice.one_in(2);
        let report = match self.compacts {
            Compacts::InRounds => self.store.compact_if_worth(),
            _ => self.store.compaction().all(all).bytes_per_second(None).run(),
        };
        let report = report.unwrap();
        let mut removed = 0;
        let view = self.store.view();
        for index in 0..self.model.rows.len() {
            let row = self.model.rows[index].clone();
            let gone = matches!(view.event_at(Position::new(row.position)), Err(ReadError::Removed { .. }));
            assert!(gone || !row.gone, "{row:?} came back");
            if !gone || row.gone {
                continue;
            }
            removed += 1;
            let kept_for = self.model.guards.iter().find(|(_, at)| row.position > **at);
            assert!(kept_for.is_none(), "{row:?} went, and {kept_for:?} has not read it");
            assert!(!self.model.shows(&row, self.now), "{row:?} was to be seen");
            let earlier = self.model.rows[..index].iter().filter(|other| other.stream == row.stream);
            assert!(earlier.clone().all(|other| other.gone), "{row:?} went, and one before it did not");
            let said = self.model.said(&row.stream);
            assert!(said.tombstoned || row.version < self.model.last(&row.stream), "{row:?} was the last");
            self.model.rows[index].gone = true;
        }
        assert_eq!(removed, report.events_removed);
        let last = self.store.last_position().get();
        for position in self.model.rows.len() as u64 + 1..=last {
            let event = view.event_at(Position::new(position)).unwrap().unwrap();
            assert_eq!(event.stream, "$annals.ledger");
            self.model.rows.push(Row {
                position,
                stream: event.stream.to_owned(),
                version: event.version.get(),
                event_type: event.event_type.to_owned(),
                tag: None,
                recorded: self.now,
                occurred: self.now,
                gone: false,
            });
        }
        let ledger = self.store.ledger().unwrap();
        let gone = self.model.rows.iter().filter(|row| row.gone).count() as u64;
        assert_eq!(ledger.iter().map(annals::LedgerEntry::events).sum::<u64>(), gone);
        assert!(ledger.iter().zip(1..).all(|(entry, number)| entry.compaction == number));
        assert_eq!(crate::common::verified(&self.world.disk()), [] as [String; 0]);
    }
}
