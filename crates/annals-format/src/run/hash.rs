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

/// How much of the hash of an event id is known anywhere: so many of its highest bits. The table of ids of a large run
/// is made of those of small ones without a look at the log, so that all tables, however large, have to know as much.
///
/// An absent id agrees with one of n ids by chance in n of 2^42 cases, and costs a look at the log then: less than one
/// in a thousand up to 4.4 billion ids in a run. Where at least half of the events have an id, position and bucket
/// together leave 42 bits of 48: a bucket has at most 32 entries, so its number is at most 6 bits shorter than a position.
pub const ID_HASH_BITS: u32 = 42;

/// The hash of an event id: of its 16 bytes in the order in which they are written as text. All but the highest
/// [`ID_HASH_BITS`] bits are zero.
#[must_use]
pub fn id_hash(id: Uuid, seed: u64) -> u64 {
    xxh3_64_with_seed(id.as_bytes(), seed) & !(u64::MAX >> ID_HASH_BITS)
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
        let golden =
            [10_869_677_365_301_811_947, 4_501_941_656_570_728_039, 8_952_795_662_522_710_667 >> 22 << 22];
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
