//! A disk that is full: who takes what room is left, and how compaction gets some.
//!
//! Segments are laid out ahead, so a store that is open holds space that nothing was written to yet. On a full disk that is what compaction
//! can write to: it gives the space back when it finds no room, and the next append lays out what there is by then.

use crate::core::Core;
use crate::store::Store;
use annals_wal::Room;
use std::error::Error;
use std::io;

/// This share of a segment is left free, for rules and requests to erase and for what compaction writes; and no segment is smaller than that.
const SHARE_LEFT: u64 = 8;

/// So much of the active segment is kept for the ledger when the space behind it is given back.
const KEPT_MAX: u64 = 64 << 10;

impl Core {
    /// How much a segment has.
    pub(crate) fn room_of_segment(&self) -> Room {
        let left = room_left(self.segment_bytes);
        Room { usual: self.segment_bytes, least: left, left }
    }

    /// The same for events of the store's own, which give room back in the end, where the disk has no room for that.
    pub(crate) fn room_of_last(&self) -> Room {
        Room { usual: KEPT_MAX.min(room_left(self.segment_bytes) / 4), least: 0, left: 0 }
    }
}

/// How much the disk is left with when segments of this size are laid out.
pub(crate) fn room_left(segment_bytes: u64) -> u64 {
    segment_bytes / SHARE_LEFT
}

impl Store {
    /// Does something that needs room on the disk. Where that is full, it is done again with what was laid out ahead given back.
    pub(crate) fn with_room<T, E: Error + 'static>(
        &self,
        act: &mut dyn FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        match act() {
            Err(error) if is_disk_full(&error) && self.give_back_room() => act(),
            done => done,
        }
    }

    /// Gives back the space of segments that was laid out and not written to. Says whether there was any.
    fn give_back_room(&self) -> bool {
        let core = self.shared();
        let of_next = core.give_back_prepared();
        let kept = core.room_of_last().usual;
        let of_active = self.with_writer(|committer| Ok(committer.give_back(kept)));
        of_active.unwrap_or(false) || of_next
    }
}

/// Whether the system has said that there is no room on the disk.
pub(crate) fn is_disk_full(error: &(dyn Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(one) = error {
        let io = one.downcast_ref::<io::Error>();
        if io.is_some_and(|io| matches!(io.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
        {
            return true;
        }
        error = one.source();
    }
    false
}
