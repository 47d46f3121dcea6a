//! The file `BACKUP`: its bytes, and what is no such file.

use crate::common::{hex, unhex};
use crate::golden::with_line;
use annals_format::{BACKUP_BYTES_MAX, BackupMark, BackupState, CleanMark, FormatError, ManifestSum};
use annals_types::{Position, Timestamp, Uuid};

fn state() -> BackupState {
    BackupState {
        manifest: ManifestSum { generation: 9, checksum: 0x0102_0304 },
        position: Position::new(42),
        recorded_at: Timestamp::from_nanos(-2),
        event_id: Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
        taken_at: Timestamp::from_nanos(5),
        tail: CleanMark { segment_id: 7, frames_end: 4096 },
    }
}

fn mark(states: Vec<BackupState>) -> BackupMark {
    BackupMark { store_id: *b"0123456789abcdef", states }
}

/// Of version 3 of the format. Never regenerated: if this fails the format has changed.
const GOLDEN: &str = "
41 4e 4e 41 4c 42 41 4b 03 00 00 00 86 d8 2d 38
30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66
01 00 00 00 00 00 00 00 09 00 00 00 00 00 00 00
04 03 02 01 00 00 00 00 2a 00 00 00 00 00 00 00
fe ff ff ff ff ff ff ff 00 11 22 33 44 55 66 77
88 99 aa bb cc dd ee ff 05 00 00 00 00 00 00 00
07 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00
";

#[test]
fn the_mark_of_a_backup_has_these_bytes() {
    let fourth = with_line(GOLDEN, 0, "41 4e 4e 41 4c 42 41 4b 04 00 00 00 14 8f 83 ab");
    assert_eq!(hex(&mark(vec![state()]).encode()), fourth);
    for bytes in [&fourth, GOLDEN] {
        assert_eq!(BackupMark::decode(&unhex(bytes)), Ok(mark(vec![state()])));
    }
}

#[test]
fn none_one_or_two_states_are_read_as_they_were_written_and_the_manifest_says_which_counts() {
    let other = BackupState { manifest: ManifestSum { generation: 10, checksum: 1 }, ..state() };
    for states in [vec![], vec![state()], vec![state(), other.clone()]] {
        let bytes = mark(states.clone()).encode();
        assert!(bytes.len() <= BACKUP_BYTES_MAX);
        assert_eq!(BackupMark::decode(&bytes), Ok(mark(states)));
    }
    let mark = mark(vec![state(), other.clone()]);
    assert_eq!(mark.state_of(other.manifest), Some(&other));
    assert_eq!(mark.state_of(ManifestSum { generation: 9, checksum: 1 }), None);
    let three = BackupMark { states: vec![state(), other.clone(), state()], ..mark };
    assert_eq!(BackupMark::decode(&three.encode()).unwrap().states, [other, state()]);
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_mark_is_noticed() {
    let whole = mark(vec![state(), state()]).encode();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(BackupMark::decode(&bytes).is_err(), "bit {bit}");
    }
    for length in 0..whole.len() {
        assert!(BackupMark::decode(&whole[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_mark_of_a_newer_version_asks_for_a_newer_program() {
    let mut bytes = mark(vec![]).encode();
    bytes[8] = 200;
    assert!(matches!(BackupMark::decode(&bytes), Err(FormatError::Newer { found: 200, .. })));
}
