//! What is looked for, with its hash: computed once for all parts of the index that are asked.

use annals_format::run::{TermKind, id_hash, term_hash};
use annals_types::Uuid;

/// A term to look for.
///
/// Parts of the index with another hash seed than the key's answer as well, but have to compute the hash again.
#[derive(Clone, Copy, Debug)]
pub struct TermKey<'a> {
    name: &'a str,
    kind: TermKind,
    hash_seed: u64,
    hash: u64,
}

impl<'a> TermKey<'a> {
    /// The key of a term, for parts with this hash seed.
    #[must_use]
    pub fn new(kind: TermKind, name: &'a str, hash_seed: u64) -> Self {
        TermKey { name, kind, hash_seed, hash: term_hash(kind, name, hash_seed) }
    }

    /// The same, with the hash that [`TermKey::hash`] gave for this term and seed before.
    #[must_use]
    pub fn hashed(kind: TermKind, name: &'a str, hash_seed: u64, hash: u64) -> Self {
        debug_assert_eq!(hash, term_hash(kind, name, hash_seed), "the hash of another name");
        TermKey { name, kind, hash_seed, hash }
    }

    /// What the term names.
    #[must_use]
    pub fn kind(&self) -> TermKind {
        self.kind
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The hash of the term under a seed; at hand, if it is the key's own.
    #[inline]
    #[must_use]
    pub fn hash(&self, hash_seed: u64) -> u64 {
        if hash_seed == self.hash_seed { self.hash } else { term_hash(self.kind, self.name, hash_seed) }
    }
}

/// An event id to look for; the same is true of it as of [`TermKey`].
#[derive(Clone, Copy, Debug)]
pub struct IdKey {
    id: Uuid,
    hash_seed: u64,
    hash: u64,
}

impl IdKey {
    /// The key of an id, for parts with this hash seed.
    #[must_use]
    pub fn new(id: Uuid, hash_seed: u64) -> Self {
        IdKey { id, hash_seed, hash: id_hash(id, hash_seed) }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    #[inline]
    pub(crate) fn hash(&self, hash_seed: u64) -> u64 {
        if hash_seed == self.hash_seed { self.hash } else { id_hash(self.id, hash_seed) }
    }
}
