//! Numbers in as few bytes as they need: LEB128, seven bits per byte, low bits first, the high bit of a byte
//! says that another one follows. A number has one encoding: the shortest.

/// Longest encoding of a number of 64 bits.
pub(crate) const VARINT_BYTES_MAX: usize = 10;

/// Appends a number.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number off the front. `None` if the bytes end before it does, if it has more than 64 bits, or if
/// it is not in its shortest form.
#[inline]
pub(crate) fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let (&first, after) = rest.split_first()?;
    if first < 0x80 {
        *rest = after;
        return Some(first.into());
    }
    take_long(rest)
}

fn take_long(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (index, &byte) in rest.iter().take(VARINT_BYTES_MAX).enumerate() {
        let bits = u64::from(byte & 0x7F);
        if index == VARINT_BYTES_MAX - 1 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if byte < 0x80 {
            *rest = &rest[index + 1..];
            return (byte != 0).then_some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(mut bytes: &[u8]) -> Option<(u64, usize)> {
        let length = bytes.len();
        let value = take_varint(&mut bytes)?;
        Some((value, length - bytes.len()))
    }

    #[test]
    fn numbers_at_the_borders_have_the_bytes_of_leb128() {
        for (value, bytes) in [
            (0, &b"\x00"[..]),
            (127, b"\x7F"),
            (128, b"\x80\x01"),
            (300, b"\xAC\x02"),
            (u64::MAX, b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, bytes);
            assert_eq!(taken(bytes), Some((value, bytes.len())));
        }
    }

    #[test]
    fn numbers_that_do_not_end_are_too_wide_or_too_long_are_refused() {
        assert_eq!(taken(b""), None);
        assert_eq!(taken(b"\x80"), None);
        assert_eq!(taken(b"\x80\x00"), None);
        assert_eq!(taken(b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"), None);
        assert_eq!(taken(&[0x80; 40]), None);
    }

    proptest! {
        #[test]
        fn every_number_comes_back_whatever_follows_it(value: u64, tail: [u8; 3]) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let length = out.len();
            out.extend_from_slice(&tail);
            prop_assert_eq!(taken(&out), Some((value, length)));
        }
    }
}
