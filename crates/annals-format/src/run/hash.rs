//! Keyed hashes of terms and ids: XXH3 (64 bit) with a seed that is not known outside the store, so that
//! nobody can choose names that all fall into one bucket.

use super::term::TermKind;
use annals_types::Uuid;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The hash of a term: of its name, with the kind's code added to the seed.
#[must_use]
pub fn term_hash(kind: TermKind, name: &str, seed: u64) -> u64 {
    xxh3_64_with_seed(name.as_bytes(), seed.wrapping_add(kind.code().into()))
}

/// The hash of an event id: of its 16 bytes in the order in which they are written as text.
#[must_use]
pub fn id_hash(id: Uuid, seed: u64) -> u64 {
    xxh3_64_with_seed(id.as_bytes(), seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unseeded_hash_is_the_published_one() {
        // XXH3_64bits of the empty input, from the test vectors of xxHash.
        assert_eq!(term_hash(TermKind::Stream, "", u64::MAX), 0x2D06_8005_38D3_94C2);
    }

    #[test]
    fn hashes_are_part_of_the_format() {
        let golden = [10_869_677_365_301_811_947, 4_501_941_656_570_728_039, 8_952_795_662_522_710_667];
        assert_eq!(
            [
                term_hash(TermKind::Stream, "account-7", 42),
                term_hash(TermKind::Type, "account-7", 42),
                id_hash(Uuid::from_u128(7), 42)
            ],
            golden
        );
    }
}
