//! One event in the floor's files: a checksum, lengths and numbers, the names, the data.

use crate::workload::EVENT_TYPE;

/// Length of the header: checksum, length, stream length, type length, position, version.
const HEADER_BYTES: usize = 32;

/// Encodes an event behind what is in `out`.
pub fn encode(out: &mut Vec<u8>, position: u64, version: u64, stream: &str, data: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    out.extend_from_slice(stream.as_bytes());
    out.extend_from_slice(EVENT_TYPE.as_bytes());
    out.extend_from_slice(data);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    let record = &mut out[start..];
    record[4..8].copy_from_slice(&length.to_le_bytes());
    record[8..12].copy_from_slice(&u32::try_from(stream.len()).unwrap_or(0).to_le_bytes());
    record[12..16].copy_from_slice(&u32::try_from(EVENT_TYPE.len()).unwrap_or(0).to_le_bytes());
    record[16..24].copy_from_slice(&position.to_le_bytes());
    record[24..32].copy_from_slice(&version.to_le_bytes());
    let checksum = crc32fast::hash(&record[4..]);
    record[..4].copy_from_slice(&checksum.to_le_bytes());
}

/// An event as it lies in a file, its checksum verified.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its number in the log.
    pub position: u64,
    /// Its number in its stream.
    pub version: u64,
    /// The name of its stream.
    pub stream: &'a [u8],
    /// Its payload.
    pub data: &'a [u8],
    /// Length of the whole record in bytes.
    pub bytes: usize,
}

impl<'a> Record<'a> {
    /// The record that `bytes` begin with, `None` if there is none or its checksum is wrong.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>()?;
        let word = |at: usize| header[at..at + 4].try_into().map_or(0, u32::from_le_bytes);
        let number = |at: usize| header[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        let record = bytes.get(..usize::try_from(word(4)).ok()?)?;
        if record.len() < HEADER_BYTES || crc32fast::hash(&record[4..]) != word(0) {
            return None;
        }
        let (stream, rest) = record[HEADER_BYTES..].split_at_checked(usize::try_from(word(8)).ok()?)?;
        let data = rest.get(usize::try_from(word(12)).ok()?..)?;
        Some(Record { position: number(16), version: number(24), stream, data, bytes: record.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_and_one_with_a_flipped_bit_does_not() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 7, 3, "account-000001", b"data");
        bytes.extend_from_slice(b"what follows");
        let record = Record::decode(&bytes).unwrap();
        assert_eq!((record.position, record.version, record.stream), (7, 3, b"account-000001".as_slice()));
        assert_eq!((record.data, record.bytes), (b"data".as_slice(), bytes.len() - 12));
        for bit in 0..8 * record.bytes {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::decode(&flipped).is_none(), "bit {bit}");
        }
        assert!(Record::decode(&bytes[..20]).is_none() && Record::decode(&[0; 64]).is_none());
    }
}
