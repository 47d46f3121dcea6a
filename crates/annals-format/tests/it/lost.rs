//! Records that stand for lost events, and records that only look so.

use crate::common::{binding, bound_checksum, lost_records, plain_checksum, two_records};
use annals_format::{may_be_record, parse_record, position_of_record};
use annals_types::Position;

/// The record with some bytes replaced and its checksums made right again.
fn changed(record: &[u8], position: u64, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = record.to_vec();
    change(&mut bytes);
    let length = (bytes.len() as u32).to_le_bytes();
    bytes[4..8].copy_from_slice(&length);
    let body = plain_checksum(&[&bytes[36..]]);
    bytes[8..12].copy_from_slice(&body);
    let header = bound_checksum(&[&position.to_le_bytes(), &bytes[4..36]]);
    bytes[..4].copy_from_slice(&header);
    bytes
}

fn refused(bytes: &[u8]) -> &'static str {
    parse_record(bytes, binding(), Position::new(41), 64).unwrap_err().what
}

#[test]
fn a_lost_record_has_nothing_but_a_stream() {
    let frame = lost_records();
    let same = changed(frame.record(0), 41, |_| {});
    assert!(parse_record(&same, binding(), Position::new(41), 64).unwrap().is_lost());
    let with_data = changed(frame.record(0), 41, |bytes| bytes.push(b'x'));
    assert_eq!(refused(&with_data), "lost record with more than a stream");
    let with_type = changed(frame.record(0), 41, |bytes| {
        bytes[34] = 1;
        bytes.push(b't');
    });
    assert_eq!(refused(&with_type), "lost record with more than a stream");
    let with_id = changed(frame.record(0), 41, |bytes| {
        bytes[12] |= 1;
        bytes.splice(36..36, [7; 16]);
    });
    assert_eq!(refused(&with_id), "lost record with more than a stream");
}

#[test]
fn names_are_empty_in_lost_records_only() {
    for (field, from) in [(32, 36), (34, 45)] {
        let frame = two_records();
        let bytes = changed(frame.record(0), 41, |bytes| {
            let length = usize::from(bytes[field]);
            bytes[field] = 0;
            bytes.drain(from..from + length);
        });
        assert_eq!(refused(&bytes), "empty stream name or event type");
    }
}

#[test]
fn the_checksum_of_a_record_tells_its_position() {
    for frame in [lost_records(), two_records()] {
        for (index, position) in [(0, 41), (1, 42)] {
            let record = frame.record(index);
            assert!(may_be_record(record));
            for near in [1, 41, u64::from(u32::MAX)] {
                let found = position_of_record(record, binding(), Position::new(near));
                assert_eq!(found, Some(Position::new(position)));
            }
            let far = position_of_record(record, binding(), Position::new(1 << 32));
            assert_ne!(far, Some(Position::new(position)));
            assert_eq!(position_of_record(&record[..35], binding(), Position::FIRST), None);
            assert!(!may_be_record(&record[..35]));
        }
    }
    assert!(!may_be_record(&[0; 100]) && !may_be_record(&[0xFF; 100]));
}
