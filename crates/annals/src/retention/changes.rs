//! What has changed of streams since the last layer was added.

use super::event::RetentionEvent;
use super::layers::{Entry, Layers};
use super::log::Log;
use crate::error::ReadError;
use annals_types::Position;
use hashbrown::HashMap;
use smallvec::SmallVec;

/// Entries that are not in a layer yet.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) entries: Vec<Entry>,
    /// Where those with a hash are.
    by_hash: HashMap<u64, SmallVec<[u32; 1]>, foldhash::fast::RandomState>,
}

impl Changes {
    /// The entry of a stream, to be changed.
    pub(super) fn of(
        &mut self,
        layers: &mut Layers,
        log: Log<'_>,
        stream: &str,
        position: Position,
    ) -> Result<&mut Entry, ReadError> {
        let hash = log.hash(stream);
        let mut others = false;
        let mut is_it = |entry: &Entry| -> Result<bool, ReadError> {
            let said = log.said_at(entry.position())?;
            let is_it = said.as_ref().and_then(RetentionEvent::stream) == Some(stream);
            others |= !is_it;
            Ok(is_it)
        };
        let places = self.by_hash.entry(hash).or_default();
        for place in places.iter() {
            let place = *place as usize;
            if is_it(&self.entries[place])? {
                return Ok(&mut self.entries[place]);
            }
        }
        let known = layers.find(hash, &mut is_it)?;
        if others {
            layers.note_shared(hash);
        }
        places.push(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.entries.push(known.unwrap_or(Entry::new(hash, position)));
        let place = self.entries.len() - 1;
        Ok(&mut self.entries[place])
    }
}
