//! Where in a dictionary something stands: its longest match with what is to be compressed.
//!
//! All places of the dictionary are sorted by what stands there, in buckets of those whose first bytes have the same hash. What is looked
//! for has its longest match beside the place where it would be sorted in, so that a few comparisons find it, however often its beginning
//! occurs; most of what has none falls into an empty bucket.

/// Fewest bytes of a match that is looked for. A shorter one is no cheaper than its literals: see [`super::choice`].
pub(super) const SOUGHT_BYTES_MIN: usize = 8;
/// So many bytes are compared while sorting and looking, that no dictionary takes long. What has them in common may be matched
/// by any of its places, and further on for as long as that one goes on.
const COMPARED_BYTES_MAX: usize = 512;
/// Half as many buckets as the largest dictionary has places: in 32 KiB, so that looking into them stays in the cache.
const BUCKET_BITS: u32 = 14;

/// The places of one dictionary, sorted: 96 KiB for the largest.
#[derive(Clone, Debug)]
pub(in crate::payload) struct Places {
    sorted: Box<[u16]>,
    /// Where each bucket begins in `sorted`, and where the last one ends.
    starts: Box<[u16]>,
}

impl Places {
    /// Those of a dictionary, of which there are at most [`DICTIONARY_BYTES_MAX`](super::super::DICTIONARY_BYTES_MAX) bytes.
    pub(in crate::payload) fn of(dictionary: &[u8]) -> Self {
        let place = |at: u16| {
            let here = dictionary.get(usize::from(at)..)?;
            Some((bucket(here)?, &here[..here.len().min(COMPARED_BYTES_MAX)], at))
        };
        let mut places: Vec<_> = (0..u16::MAX).map_while(place).collect();
        places.sort_unstable();
        let mut starts = vec![0; (1 << BUCKET_BITS) + 1];
        places.iter().for_each(|(bucket, ..)| starts[bucket + 1] += 1);
        for bucket in 1..starts.len() {
            starts[bucket] += starts[bucket - 1];
        }
        Places { sorted: places.into_iter().map(|(.., at)| at).collect(), starts: starts.into() }
    }

    /// The longest match of `text` in the dictionary that these are the places of: where it is, and how many bytes it has.
    pub(super) fn longest(&self, dictionary: &[u8], text: &[u8]) -> Option<(usize, usize)> {
        let bucket = bucket(text)?;
        let places = &self.sorted[usize::from(self.starts[bucket])..usize::from(self.starts[bucket + 1])];
        if places.is_empty() {
            return None;
        }
        let here = |place: &u16| dictionary.get(usize::from(*place)..).unwrap_or_default();
        let compared = &text[..text.len().min(COMPARED_BYTES_MAX)];
        let behind = places.partition_point(|place| here(place) < compared);
        let neighbours = &places[behind.saturating_sub(1)..(behind + 1).min(places.len())];
        let matches = neighbours.iter().map(|place| (usize::from(*place), common(here(place), text)));
        matches.max_by_key(|(_, length)| *length).filter(|(_, length)| *length >= SOUGHT_BYTES_MIN)
    }
}

/// The bucket of what begins here; `None` if that is too short to be looked for.
fn bucket(here: &[u8]) -> Option<usize> {
    let first: &[u8; SOUGHT_BYTES_MIN] = here.first_chunk()?;
    Some(
        (u64::from_le_bytes(*first).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - BUCKET_BITS))
            as usize,
    )
}

/// How many bytes two texts have in common at their fronts.
fn common(one: &[u8], other: &[u8]) -> usize {
    let (words, others) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
    let whole = 8 * words.iter().zip(others).take_while(|(word, other)| word == other).count();
    whole + one[whole..].iter().zip(&other[whole..]).take_while(|(byte, other)| byte == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, looked for at each place.
    fn everywhere(dictionary: &[u8], text: &[u8]) -> Option<usize> {
        let lengths = (0..dictionary.len()).map(|at| common(&dictionary[at..], text));
        lengths.max().filter(|length| *length >= SOUGHT_BYTES_MIN)
    }

    #[test]
    fn the_longest_match_is_found_among_many_that_begin_alike() {
        let dictionary: String =
            (0..900).map(|number| format!("{{\"customer\":{}}}", number * 7919)).collect();
        let places = Places::of(dictionary.as_bytes());
        for number in 0..900 {
            let text = format!("{{\"customer\":{}}}", number * 7919);
            let (place, length) = places.longest(dictionary.as_bytes(), text.as_bytes()).unwrap();
            assert_eq!(&dictionary[place..place + length], text);
        }
    }

    #[test]
    fn in_a_dictionary_that_is_the_same_everywhere_a_long_match_is_found() {
        let dictionary = vec![0; super::super::super::DICTIONARY_BYTES_MAX];
        let places = Places::of(&dictionary);
        assert_eq!(places.sorted.len(), dictionary.len() - SOUGHT_BYTES_MIN + 1);
        let (_, length) = places.longest(&dictionary, &[0; 4000]).unwrap();
        assert!(length >= COMPARED_BYTES_MAX, "{length}");
    }

    #[test]
    fn in_an_empty_dictionary_nothing_is_found() {
        let places = Places::of(&[]);
        assert_eq!(places.longest(&[], b"abcdefghijkl"), None);
        assert_eq!(Places::of(b"abcdefgh").longest(b"abcdefgh", b"abcdefg"), None);
        assert_eq!(Places::of(b"abcdefgh").longest(b"abcdefgh", b"abcdefgh"), Some((0, 8)));
    }

    proptest! {
        #[test]
        fn what_is_found_is_there_and_nothing_longer_is(
            pieces in prop::collection::vec(prop::sample::select(vec!["abcdefgh", "abcd", "efg", "\0\0\0\0", "x"]), 0..80),
            text in prop::collection::vec(prop::sample::select(vec!["abcdefgh", "abcd", "efg", "\0\0\0\0", "x"]), 0..12),
        ) {
            let (dictionary, text) = (pieces.concat(), text.concat());
            let (dictionary, text) = (dictionary.as_bytes(), text.as_bytes());
            let found = Places::of(dictionary).longest(dictionary, text);
            prop_assert_eq!(found.map(|(_, length)| length), everywhere(dictionary, text));
            if let Some((place, length)) = found {
                prop_assert_eq!(&dictionary[place..place + length], &text[..length]);
            }
        }
    }
}
