//! The sequences that an LZ4 block consists of: literals, and behind them a match, which the last one has not.

/// Fewest bytes of a match.
pub(super) const MATCH_BYTES_MIN: usize = 4;
/// A length that does not fit into half of the token goes on in bytes of its own.
pub(super) const IN_TOKEN: usize = 15;

/// So many bytes that were there before, so far back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) offset: u16,
    pub(super) length: usize,
}

/// Takes a sequence off the front of a block: how many literals it has, and its match. `None` if there is none.
pub(super) fn take_sequence(block: &mut &[u8]) -> Option<(usize, Option<Match>)> {
    let (&token, rest) = block.split_first()?;
    *block = rest;
    let literals = take_length(block, token >> 4)?;
    *block = block.get(literals..)?;
    if block.is_empty() {
        return Some((literals, None));
    }
    let (offset, rest) = block.split_first_chunk()?;
    *block = rest;
    let length = MATCH_BYTES_MIN + take_length(block, token & 0xF)?;
    Some((literals, Some(Match { offset: u16::from_le_bytes(*offset), length })))
}

/// No longer than 255 times what is taken, so that sums of them do not overflow.
fn take_length(block: &mut &[u8], in_token: u8) -> Option<usize> {
    let mut length = usize::from(in_token);
    let mut more = length == IN_TOKEN;
    while more {
        let (&byte, rest) = block.split_first()?;
        *block = rest;
        length += usize::from(byte);
        more = byte == u8::MAX;
    }
    Some(length)
}

/// Appends a sequence. A match has at least [`MATCH_BYTES_MIN`] bytes.
pub(super) fn put_sequence(block: &mut Vec<u8>, literals: &[u8], found: Option<Match>) {
    let beyond = found.map_or(0, |found| found.length - MATCH_BYTES_MIN);
    let half = |length: usize| length.min(IN_TOKEN) as u8;
    block.push(half(literals.len()) << 4 | half(beyond));
    put_length(block, literals.len());
    block.extend_from_slice(literals);
    if let Some(found) = found {
        block.extend_from_slice(&found.offset.to_le_bytes());
        put_length(block, beyond);
    }
}

fn put_length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(IN_TOKEN) else { return };
    while rest >= usize::from(u8::MAX) {
        block.push(u8::MAX);
        rest -= usize::from(u8::MAX);
    }
    block.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sequences_come_back_and_what_is_cut_off_is_none(
            first in 0usize..600,
            length in MATCH_BYTES_MIN..900,
            offset in 1u16..,
            last in 0usize..300,
        ) {
            let (literals, found) = ([7; 600], Match { offset, length });
            let mut block = Vec::new();
            put_sequence(&mut block, &literals[..first], Some(found));
            let end = block.len();
            put_sequence(&mut block, &literals[..last], None);
            let mut rest = &block[..];
            prop_assert_eq!(take_sequence(&mut rest), Some((first, Some(found))));
            prop_assert_eq!(rest.len(), block.len() - end);
            prop_assert_eq!(take_sequence(&mut rest), Some((last, None)));
            prop_assert_eq!(take_sequence(&mut rest), None);
            for cut in 0..end {
                // Cut off behind its literals, a sequence looks like the last one.
                let taken = take_sequence(&mut &block[..cut]);
                prop_assert!(taken.is_none_or(|(_, found)| found.is_none()), "{cut}");
            }
        }

        #[test]
        fn any_bytes_are_a_sequence_or_none(block in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut rest = &block[..];
            while take_sequence(&mut rest).is_some() {}
        }
    }
}
