//! Which matches a block is made of: few long ones rather than many short ones.
//!
//! The library takes the first match that it finds, and remembers one place for each hash of four bytes: of a dictionary of 32 KiB that
//! is a third of the places where one could begin. So a payload is compressed with each part of the dictionary, and of all the matches
//! that were found those are taken that make the cheapest block. A reader spends its time on sequences, each of which is a few jumps that
//! the processor guesses wrongly, and not on bytes: so a sequence costs as much as [`SEQUENCE`] bytes more than it takes. The figures are
//! in `docs/decisions/0020-compression.md`.

use super::sequence::{IN_TOKEN, MATCH_BYTES_MIN, Match, put_sequence, take_sequence};

/// What a sequence may save for nothing, in bytes: the time that it takes to read it. A third of the sequences go, with 2 to 5 % of what
/// is stored. With 8 bytes it would be 10 %, for no more than one nanosecond in forty (2026-11-30).
const SEQUENCE: usize = 4;
/// Bytes of a sequence without literals: token and offset.
const SEQUENCE_BYTES: usize = 3;
/// No match begins in so many bytes before the end, says the format.
const END: usize = 12;

/// The matches that were found in one payload.
pub(super) struct Found {
    /// Of each byte: where the match ends that reaches furthest of those that it lies in, and how far back that is. The rest of a match is one as well.
    reach: Vec<(usize, u16)>,
}

impl Found {
    /// None, in a payload of so many bytes.
    pub(super) fn none(length: usize) -> Self {
        Found { reach: vec![(0, 0); length] }
    }

    /// Adds those of a block of this payload, made with a part of the dictionary behind which there are so many bytes of it. `None` if it is
    /// not such a block.
    pub(super) fn add(&mut self, mut block: &[u8], behind: usize) -> Option<()> {
        let mut at = 0;
        loop {
            let (literals, found) = take_sequence(&mut block)?;
            at += literals;
            let Some(found) = found else { return (at == self.reach.len()).then_some(()) };
            let end = at + found.length;
            self.note(at, end, usize::from(found.offset), behind)?;
            at = end;
        }
    }

    fn note(&mut self, at: usize, end: usize, offset: usize, behind: usize) -> Option<()> {
        let (end, offset) = match offset.checked_sub(at) {
            // Behind another part of the dictionary than the last one the payload does not go on.
            Some(in_part) if in_part > 0 && behind > 0 => (end.min(at + in_part), offset + behind),
            _ => (end, offset),
        };
        let offset = u16::try_from(offset).ok()?;
        for reach in self.reach.get_mut(at..end)? {
            if reach.0 < end {
                *reach = (end, offset);
            }
        }
        Some(())
    }

    /// The match that a sequence may have whose literals end here.
    fn at(&self, at: usize) -> Option<Match> {
        let (end, offset) = self.reach[at];
        let length = end.checked_sub(at)?;
        (length >= MATCH_BYTES_MIN && at + END <= self.reach.len()).then_some(Match { offset, length })
    }

    /// The cheapest block of this payload that has no other matches.
    pub(super) fn cheapest(&self, payload: &[u8]) -> Vec<u8> {
        let worth_it = self.worth_it();
        let (mut block, mut at, mut literals) = (Vec::with_capacity(payload.len()), 0, 0);
        while at < payload.len() {
            match self.at(at).filter(|_| worth_it[at]) {
                Some(found) => {
                    put_sequence(&mut block, &payload[literals..at], Some(found));
                    at += found.length;
                    literals = at;
                }
                None => at += 1,
            }
        }
        put_sequence(&mut block, &payload[literals..], None);
        block
    }

    /// Of each byte, whether what follows is cheaper with a match from there on than with a literal.
    fn worth_it(&self) -> Vec<bool> {
        let length = self.reach.len();
        // What it costs from each byte to the end.
        let mut costs = vec![0; length + 1];
        let mut worth_it = vec![false; length];
        for at in (0..length).rev() {
            costs[at] = costs[at + 1] + 1;
            if let Some(found) = self.at(at) {
                let long = usize::from(found.length >= MATCH_BYTES_MIN + IN_TOKEN);
                let cost = SEQUENCE + SEQUENCE_BYTES + long + costs[at + found.length];
                worth_it[at] = cost < costs[at];
                costs[at] = cost.min(costs[at]);
            }
        }
        worth_it
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lz4_flex::block::decompress_with_dict;

    fn block(sequences: &[(&[u8], Option<Match>)]) -> Vec<u8> {
        let mut block = Vec::new();
        sequences.iter().for_each(|(literals, found)| put_sequence(&mut block, literals, *found));
        block
    }

    #[expect(clippy::unnecessary_wraps, reason = "what a sequence has")]
    fn found(offset: u16, length: usize) -> Option<Match> {
        Some(Match { offset, length })
    }

    #[test]
    fn a_short_match_becomes_literals_and_a_long_one_stays() {
        let dictionary = b"abcdef-0123456789ABCDEFG";
        let payload = b"abcdef_0123456789ABCDEFG_and what is behind it";
        let given = block(&[(b"", found(24, 6)), (b"_", found(24, 17)), (&payload[24..], None)]);
        assert_eq!(decompress_with_dict(&given, 46, dictionary).unwrap(), payload);
        let mut matches = Found::none(payload.len());
        matches.add(&given, 0).unwrap();
        let made = matches.cheapest(payload);
        assert_eq!(made, block(&[(&payload[..7], found(24, 17)), (&payload[24..], None)]));
        assert_eq!(decompress_with_dict(&made, 46, dictionary).unwrap(), payload);
    }

    #[test]
    fn a_match_in_one_part_of_a_dictionary_is_followed_by_the_rest_of_one_in_another() {
        let dictionary = *b"the quick brown fox |fox jumps over the lazy dog";
        let (front, back) = dictionary.split_at(20);
        let payload = b"the quick brown fox jumps over the lazy dog, and more";
        let mut matches = Found::none(payload.len());
        let one = block(&[(b"", found(20, 20)), (&payload[20..], None)]);
        let other = block(&[(&payload[..16], found(43, 27)), (&payload[43..], None)]);
        assert_eq!(decompress_with_dict(&one, 53, front).unwrap(), payload);
        assert_eq!(decompress_with_dict(&other, 53, back).unwrap(), payload);
        matches.add(&one, back.len()).unwrap();
        matches.add(&other, 0).unwrap();
        let made = matches.cheapest(payload);
        assert_eq!(made, block(&[(b"", found(48, 20)), (b"", found(43, 23)), (&payload[43..], None)]));
        assert_eq!(decompress_with_dict(&made, 53, &dictionary).unwrap(), payload);
    }

    #[test]
    fn a_match_does_not_go_on_behind_a_part_that_is_not_the_last() {
        let payload = b"abcdefghijklabcdefgh, and what is behind it";
        // Twelve bytes of the part, and then the payload itself.
        let given = block(&[(b"", found(12, 20)), (&payload[20..], None)]);
        let mut matches = Found::none(payload.len());
        matches.add(&given, 100).unwrap();
        assert_eq!(matches.at(0), found(112, 12));
        assert_eq!(matches.at(12), None);
        let mut matches = Found::none(payload.len());
        matches.add(&given, 0).unwrap();
        assert_eq!(matches.at(0), found(12, 20));
    }

    #[test]
    fn a_block_of_another_payload_or_of_none_is_refused() {
        let given = block(&[(b"abcd", found(4, 8)), (b"12345", None)]);
        for length in [0, 11, 16, 18, 40] {
            assert_eq!(Found::none(length).add(&given, 0), None, "{length}");
        }
        assert_eq!(Found::none(17).add(&given, 0), Some(()));
        for end in 0..given.len() {
            assert_eq!(Found::none(17).add(&given[..end], 0), None, "{end}");
        }
        // Further back than an offset can tell.
        let far = block(&[(b"abcd", found(u16::MAX, 8)), (b"12345", None)]);
        assert_eq!(Found::none(17).add(&far, 0), Some(()));
        assert_eq!(Found::none(17).add(&far, 1), None);
    }

    #[test]
    fn no_match_begins_in_the_last_twelve_bytes() {
        let payload = [b'a'; 40];
        let mut matches = Found::none(payload.len());
        matches.add(&block(&[(b"a", found(1, 34)), (b"aaaaa", None)]), 0).unwrap();
        assert_eq!(matches.at(28), found(1, 7));
        assert_eq!(matches.at(29), None);
    }
}
