//! Event ids that the store makes: computed, not stored.
//!
//! An event whose producer gave no id gets a UUID of version 7 (RFC 9562, section 5.7) that is a function
//! of `recorded_at`, position and store:
//!
//! ```text
//! 48 bits  recorded_at in milliseconds since 1970 (0 for moments before)
//!  4 bits  version 7
//! 12 bits  position, bits 47..36
//!  2 bits  variant
//! 36 bits  position, bits 35..0
//! 26 bits  of the checksum of the store id
//! ```
//!
//! So it takes no room in the log, and finding the event needs no index: the id says the position.
//! Within a store the ids ascend with the positions. They tell stores apart and, because of the time,
//! also the lives of a store that was set back to a backup and appended to again.

use annals_types::{Position, Timestamp, Uuid};

const KEY_BITS: u32 = 26;
const LOW_POSITION_BITS: u32 = 36;

/// The id of the event at `position` that was recorded at `recorded_at` without an id of its own.
#[inline]
#[must_use]
pub(crate) fn made_id(store_key: u32, position: Position, recorded_at: Timestamp) -> Uuid {
    let millis = u64::try_from(recorded_at.as_nanos() / 1_000_000).unwrap_or(0);
    let position = position.get();
    let high = (millis << 16) | 0x7000 | ((position >> LOW_POSITION_BITS) & 0xFFF);
    let low_position = position & ((1 << LOW_POSITION_BITS) - 1);
    let key = u64::from(store_key) & ((1 << KEY_BITS) - 1);
    Uuid::from_u64_pair(high, (0b10 << 62) | (low_position << KEY_BITS) | key)
}

/// The position that an id would stand for if the store had made it. Whether it did is for the record at
/// that position to say.
#[must_use]
pub fn position_of_made_id(id: Uuid) -> Option<Position> {
    let (high, low) = id.as_u64_pair();
    if (high >> 12) & 0xF != 7 || low >> 62 != 0b10 {
        return None;
    }
    let low_position = (low >> KEY_BITS) & ((1 << LOW_POSITION_BITS) - 1);
    Some(Position::new(((high & 0xFFF) << LOW_POSITION_BITS) | low_position))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Timestamp = Timestamp::from_nanos(1_700_000_000_123_456_789);

    #[test]
    fn a_made_id_is_a_version_7_uuid_that_tells_its_position() {
        for number in [1, 2, 1 << 36, Position::MAX.get()] {
            let position = Position::new(number);
            let id = made_id(0xFFFF_FFFF, position, MOMENT);
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(position_of_made_id(id), Some(position));
        }
    }

    #[test]
    fn made_ids_ascend_with_position_and_time_and_differ_between_stores() {
        let first = made_id(1, Position::new(9), MOMENT);
        assert!(first < made_id(1, Position::new(10), MOMENT));
        assert!(first < made_id(1, Position::new(10), Timestamp::from_nanos(1_800_000_000_000_000_000)));
        assert_ne!(first, made_id(2, Position::new(9), MOMENT));
    }

    #[test]
    fn other_uuids_are_not_taken_for_made_ones() {
        assert_eq!(position_of_made_id(Uuid::nil()), None);
        assert_eq!(position_of_made_id(Uuid::from_u128(0x8fdb3160_2904_56a7_84a5_cbab24cd44c8)), None);
    }

    #[test]
    fn moments_before_1970_make_ids_too() {
        let id = made_id(1, Position::FIRST, Timestamp::from_nanos(-5_000_000));
        assert_eq!(position_of_made_id(id), Some(Position::FIRST));
    }
}
