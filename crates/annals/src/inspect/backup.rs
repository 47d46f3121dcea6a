//! The mark of a backup: what the directory holds or may hold.

use super::{Fact, Inspector};
use crate::error::OpenError;
use annals_format::{BACKUP_BYTES_MAX, BackupMark};
use annals_types::Uuid;

impl Inspector<'_> {
    pub(super) fn backup(&mut self) -> Result<(), OpenError> {
        self.out.kind = "backup";
        let bytes = self.read(0, BACKUP_BYTES_MAX + 1)?;
        let Some(mark) = self.check(BackupMark::decode(&bytes))? else { return Ok(()) };
        self.fact("store_id", Fact::Text(Uuid::from_bytes(mark.store_id).to_string()));
        // The one whose generation the manifest has counts.
        let generations = mark.states.iter().map(|state| state.manifest.generation);
        self.fact("generations", Fact::Numbers(generations.collect()));
        let positions = mark.states.iter().map(|state| state.position.get());
        self.fact("positions", Fact::Numbers(positions.collect()));
        let tails = mark.states.iter().map(|state| state.tail.segment_id);
        self.fact("last_segments", Fact::Numbers(tails.collect()));
        let ends = mark.states.iter().map(|state| state.tail.frames_end);
        self.fact("frames_ends", Fact::Numbers(ends.collect()));
        Ok(())
    }
}
