//! Which matches a block is made of: few long ones rather than many short ones.
//!
//! All longest matches with the dictionary are looked for, and the library finds those of the payload with itself. Of all these
//! the ones are taken that make the cheapest block. A reader spends its time on sequences, each of which is a few jumps that
//! the processor guesses wrongly, and not on bytes: so a sequence costs as much as [`SEQUENCE`] bytes more than it takes. The figures are
//! in `docs/decisions/0020-compression.md`.

use super::places::{Places, SOUGHT_BYTES_MIN};
use super::sequence::{IN_TOKEN, MATCH_BYTES_MIN, Match, put_sequence, take_sequence};

/// What a sequence may save for nothing, in bytes: the time that it takes to read it. Of the sequences 1 to 8 % go, for 1 to 2 % more that
/// is stored. With 8 bytes it would be up to 16 % more, for three nanoseconds in forty (2026-11-30).
const SEQUENCE: usize = 4;
/// Bytes of a sequence without literals: token and offset.
const SEQUENCE_BYTES: usize = 3;
/// No match begins in so many bytes before the end, says the format.
const END: usize = 12;

/// Behind a match of so many bytes the next one is looked for where it ends, and not from its second byte on. Otherwise writing takes three times
/// as long, for up to 5 % of what is stored (2026-11-30).
const LONG: usize = 32;

const _: () = assert!(SEQUENCE + SEQUENCE_BYTES < SOUGHT_BYTES_MIN, "no match that is worth it is missed");

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

    /// Adds those of a block of this payload, made without a dictionary. `None` if it is not such a block.
    pub(super) fn add_of(&mut self, mut block: &[u8]) -> Option<()> {
        let mut at = 0;
        loop {
            let (literals, found) = take_sequence(&mut block)?;
            at += literals;
            let Some(found) = found else { return (at == self.reach.len()).then_some(()) };
            self.note(at, found)?;
            at += found.length;
        }
    }

    /// Adds those of this payload, without its tail, with a dictionary.
    pub(super) fn add_with(&mut self, dictionary: &[u8], places: &Places, payload: &[u8]) -> Option<()> {
        let mut at = 0;
        while at < payload.len() {
            let (place, length) = places.longest(dictionary, &payload[at..]).unwrap_or_default();
            if length > 0 {
                let offset = u16::try_from(dictionary.len() - place + at).ok()?;
                self.note(at, Match { offset, length })?;
            }
            at += if length < LONG { 1 } else { length };
        }
        Some(())
    }

    /// Of two that reach as far the later one counts: the one with the dictionary, where a reader expects it.
    fn note(&mut self, at: usize, found: Match) -> Option<()> {
        let end = at + found.length;
        for reach in self.reach.get_mut(at..end)? {
            if reach.0 <= end {
                *reach = (end, found.offset);
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
        let dictionary = b"abcdefgh-0123456789ABCDEFG";
        let payload = b"1bcdefgh_0123456789ABCDEFG_and what is behind it";
        let mut matches = Found::none(payload.len());
        matches.note(1, Match { offset: 26, length: 7 }).unwrap();
        matches.note(9, Match { offset: 26, length: 17 }).unwrap();
        let made = matches.cheapest(payload);
        assert_eq!(made, block(&[(&payload[..9], found(26, 17)), (&payload[26..], None)]));
        assert_eq!(decompress_with_dict(&made, 48, dictionary).unwrap(), payload);
    }

    #[test]
    fn a_match_in_one_place_of_a_dictionary_is_followed_by_the_rest_of_one_in_another() {
        let dictionary = b"the quick brown fox |fox jumps over the lazy dog";
        let payload = b"the quick brown fox jumps over the lazy dog, and more";
        let mut matches = Found::none(payload.len());
        matches.add_with(dictionary, &Places::of(dictionary), payload).unwrap();
        let made = matches.cheapest(payload);
        assert_eq!(made, block(&[(b"", found(48, 20)), (b"", found(43, 23)), (&payload[43..], None)]));
        assert_eq!(decompress_with_dict(&made, 53, dictionary).unwrap(), payload);
    }

    #[test]
    fn behind_a_long_match_the_next_one_is_looked_for_where_it_ends() {
        let dictionary = [&[b'a'; 40][..], b"0123456789", &[b'a'; LONG], b"-ABCDEFGHIJ"].concat();
        let payload = [&[b'a'; 40][..], b"-ABCDEFGHIJ, and what is behind it"].concat();
        let mut matches = Found::none(payload.len());
        matches.add_with(&dictionary, &Places::of(&dictionary), &payload).unwrap();
        assert_eq!(matches.at(0).map(|found| found.length), Some(40));
        assert_eq!(matches.at(39).map(|found| found.length), None, "the rest of the first one");
        assert_eq!(matches.at(40).map(|found| found.length), Some(11));
        let made = matches.cheapest(&payload);
        assert_eq!(decompress_with_dict(&made, payload.len(), &dictionary).unwrap(), payload);
    }

    #[test]
    fn of_two_matches_that_reach_as_far_the_one_with_the_dictionary_is_taken() {
        let payload = b"abcdefghijkl0abcdefghijkl0, and what is behind it";
        let mut matches = Found::none(payload.len());
        let dictionary = b"-abcdefghijkl0-";
        matches.add_of(&block(&[(&payload[..13], found(13, 13)), (&payload[26..], None)])).unwrap();
        assert_eq!((matches.at(0), matches.at(13)), (None, found(13, 13)));
        matches.add_with(dictionary, &Places::of(dictionary), payload).unwrap();
        assert_eq!((matches.at(0), matches.at(13)), (found(14, 13), found(27, 13)));
    }

    #[test]
    fn a_block_of_another_payload_or_of_none_is_refused() {
        let given = block(&[(b"abcd", found(4, 8)), (b"12345", None)]);
        for length in [0, 11, 16, 18, 40] {
            assert_eq!(Found::none(length).add_of(&given), None, "{length}");
        }
        assert_eq!(Found::none(17).add_of(&given), Some(()));
        for end in 0..given.len() {
            assert_eq!(Found::none(17).add_of(&given[..end]), None, "{end}");
        }
    }

    #[test]
    fn no_match_begins_in_the_last_twelve_bytes() {
        let payload = [b'a'; 40];
        let mut matches = Found::none(payload.len());
        matches.add_of(&block(&[(b"a", found(1, 34)), (b"aaaaa", None)])).unwrap();
        assert_eq!(matches.at(28), found(1, 7));
        assert_eq!(matches.at(29), None);
    }
}
