//! Space of segments on a disk that may have little of it.
//!
//! A segment is laid out as a whole, so that an append does not find the disk full in the middle. Where there is no room for all of it,
//! less is laid out: half of what is missing, a quarter, and so on. So a store can be opened wherever its files fit. Some room is left
//! for what gives room back.

use annals_format::SEGMENT_HEADER_BYTES;
use annals_vfs::{DIRECT_BLOCK_BYTES, File};
use std::io;

/// What is laid out is a multiple of this, unless it is what is usual.
const BLOCK: u64 = DIRECT_BLOCK_BYTES as u64;

/// How much of a segment is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What a segment has where there is room for it, in bytes.
    pub usual: u64,
    /// What it has at least, however full the disk is.
    pub least: u64,
    /// How much the disk is left with at least.
    pub left: u64,
}

impl Room {
    /// All of a segment, or nothing.
    #[must_use]
    pub fn whole(usual: u64) -> Self {
        Room { usual, least: usual, left: 0 }
    }

    /// The same for a frame of so many bytes, which may need more.
    pub(crate) fn for_frame(self, bytes: usize) -> Self {
        let needed = needed_for(bytes);
        Room { usual: self.usual.max(needed), least: self.least.max(needed), ..self }
    }
}

/// What a segment has that has one frame of so many bytes.
pub(crate) fn needed_for(bytes: usize) -> u64 {
    SEGMENT_HEADER_BYTES as u64 + bytes as u64
}

/// Whether there is no room on the disk, or none for this user.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Reserves space behind the first `length` bytes of a file, which are all it has: as much as is usual or, on a full disk, less. Gives how
/// long the file is then.
///
/// # Errors
/// What the system says, in particular that the disk has no room for the least. Then the file is as long as it was.
pub(crate) fn lay_out(file: &dyn File, length: u64, room: Room) -> io::Result<u64> {
    // A segment that is written in blocks ends with a whole one.
    let least = room.least.next_multiple_of(BLOCK).min(room.usual).max(room.least).max(length);
    let mut wanted = room.usual.max(least);
    loop {
        let Err(error) = file.preallocate_leaving(wanted, room.left) else { return Ok(wanted) };
        // What was reserved before the disk was full takes the room of what comes next.
        let given_back = file.set_len(length);
        if !is_full(&error) || wanted == least {
            return Err(error);
        }
        given_back?;
        wanted = (least + (wanted - least) / 2) / BLOCK * BLOCK;
        if wanted <= least {
            if least == length {
                return Ok(length);
            }
            wanted = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_vfs::{Disk, MemoryDisk};

    /// How long a file of so many bytes is that is laid out on a disk with room for so much, and what the disk is left with.
    fn laid_out(room: u64, length: u64, wanted: Room) -> Option<u64> {
        let disk = MemoryDisk::new();
        let file = disk.create("file").unwrap();
        file.preallocate(length).unwrap();
        disk.set_capacity(Some(length + room));
        let laid_out = lay_out(&*file, length, wanted);
        assert_eq!(file.length().unwrap(), *laid_out.as_ref().unwrap_or(&length));
        match laid_out {
            Ok(laid_out) => Some(laid_out),
            Err(error) => {
                assert!(is_full(&error));
                None
            }
        }
    }

    #[test]
    fn where_there_is_room_for_all_of_it_a_segment_has_the_usual_size() {
        assert_eq!(laid_out(1 << 20, 0, Room::whole(1 << 20)), Some(1 << 20));
        assert_eq!(laid_out((1 << 20) - 100, 100, Room { usual: 1 << 20, least: 0, left: 0 }), Some(1 << 20));
    }

    #[test]
    fn where_there_is_less_it_takes_half_of_that_at_least_and_no_part_of_a_block() {
        let room = Room { usual: 1 << 20, least: 0, left: 0 };
        for free in (0..1_u64 << 20).step_by(12_345) {
            let length = laid_out(free, 100, room).unwrap();
            assert!(
                length - 100 <= free && (length == 100 || length.is_multiple_of(BLOCK)),
                "{free}: {length}"
            );
            assert!(length + BLOCK >= free / 2, "{free}: {length}");
        }
    }

    #[test]
    fn less_than_the_least_is_refused_and_changes_nothing() {
        let room = Room { usual: 1 << 20, least: 100_000, left: 0 };
        let least = 100_000_u64.next_multiple_of(BLOCK);
        assert_eq!(laid_out(least - 1, 0, room), None);
        assert_eq!(laid_out(least, 0, room), Some(least));
        assert_eq!(laid_out(0, 0, Room::whole(1 << 20)), None);
    }

    #[test]
    fn what_is_to_be_left_is_left() {
        let room = Room { usual: 1 << 20, least: 0, left: 50_000 };
        for free in (0..1_u64 << 21).step_by(12_345) {
            let taken = laid_out(free, 100, room).unwrap() - 100;
            assert!(taken == 0 || taken + 50_000 <= free, "{free}: {taken}");
        }
        assert_eq!(laid_out((1 << 20) + 49_900, 100, room), Some(1 << 20));
        assert_ne!(laid_out((1 << 20) + 49_899, 100, room), Some(1 << 20));
    }

    #[test]
    fn a_large_frame_needs_more_than_is_usual() {
        let room = Room { usual: 4096, least: 0, left: 0 };
        assert_eq!(room.for_frame(100), Room { usual: 4096, least: 164, left: 0 });
        assert_eq!(room.for_frame(10_000), Room::whole(10_064));
    }
}
