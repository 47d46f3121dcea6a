//! CRC-32 backwards: which bytes lead to a checksum.
//!
//! A record does not say its position; its checksum does. Without the frame around it, trying all positions would take
//! as long as there are some. But a CRC of four unknown bytes can be solved for them: each step of it can be undone, and
//! four bytes meet the 32 bits of the state.

/// The CRC of each byte, for the polynomial 0x04C11DB7, reflected.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// By its highest byte, which entry of [`TABLE`] it is; they all differ there.
const BACK: [u8; 256] = {
    let mut back = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        back[(TABLE[byte] >> 24) as usize] = byte as u8;
        byte += 1;
    }
    back
};

/// The word `w` for which the bytes of `w` (little-endian) and then `behind`, after something with the checksum
/// `before`, have the checksum `after`. There is exactly one.
pub(crate) fn first_word(before: u32, behind: &[u8], after: u32) -> u32 {
    let undone = behind.iter().rev().fold(!after, |state, byte| undo(state, *byte));
    let start = [0; 4].iter().fold(undone, |state, byte| undo(state, *byte));
    // The first thing that a CRC does with four bytes is to add them to its state.
    start ^ !before
}

/// The state before the one that `byte` led to.
fn undo(state: u32, byte: u8) -> u32 {
    let index = BACK[(state >> 24) as usize];
    ((state ^ TABLE[usize::from(index)]) << 8) | u32::from(index ^ byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_word_that_was_there_is_found(
            before: Vec<u8>, word: u32, behind in proptest::collection::vec(any::<u8>(), 0..50)
        ) {
            let all = [&before[..], &word.to_le_bytes(), &behind].concat();
            let found = first_word(crc32fast::hash(&before), &behind, crc32fast::hash(&all));
            prop_assert_eq!(found, word);
        }
    }
}
