//! The index as simply as it can be said: maps of everything.

use crate::part::Part;
use annals_format::Damage;
use annals_index::{IndexedEvent, MemoryIndex, TermKey, TermKind};
use annals_types::{Position, Tags, Uuid, Version, category_of};
use std::collections::BTreeMap;
use std::ops::Bound;

/// One event to come.
#[derive(Clone, Debug)]
pub(crate) struct GivenEvent {
    pub(crate) stream: String,
    pub(crate) event_type: String,
    pub(crate) tags: Vec<String>,
    pub(crate) id: Option<Uuid>,
}

/// An event of a stream and nothing more.
pub(crate) fn plain(stream: &str) -> GivenEvent {
    GivenEvent { stream: stream.into(), event_type: "t".into(), tags: Vec::new(), id: None }
}

/// All terms with all their positions.
pub(crate) struct Model {
    first_position: Position,
    events: u64,
    terms: BTreeMap<(TermKind, String), Vec<Position>>,
    /// Version of the first event of each stream.
    first_versions: BTreeMap<String, Version>,
    ids: BTreeMap<Uuid, Vec<Position>>,
}

/// Makes the model and a memory index of the same events, taken in one by one. Every stream begins at the version that
/// `first_version` gives.
pub(crate) fn build(
    first_position: Position,
    events: &[GivenEvent],
    first_version: impl Fn(&str) -> Version,
) -> (Model, MemoryIndex) {
    let mut model = Model {
        first_position,
        events: 0,
        terms: BTreeMap::new(),
        first_versions: BTreeMap::new(),
        ids: BTreeMap::new(),
    };
    let mut memory = MemoryIndex::new(first_position, HASH_SEED);
    let mut position = first_position;
    for event in events {
        let version = model.insert(position, event, &first_version);
        let tags = encoded(&event.tags);
        memory.insert(&event.indexed(position, version, &tags));
        position = position.next();
    }
    (model, memory)
}

const HASH_SEED: u64 = 99;

/// A memory index of the same events, taken in batches of so many.
pub(crate) fn build_in_batches(
    first_position: Position,
    events: &[GivenEvent],
    first_version: impl Fn(&str) -> Version,
    batch: usize,
) -> MemoryIndex {
    let mut memory = MemoryIndex::new(first_position, HASH_SEED);
    let mut versions: BTreeMap<&str, Version> = BTreeMap::new();
    let tags: Vec<Vec<u8>> = events.iter().map(|event| encoded(&event.tags)).collect();
    let mut indexed = Vec::new();
    for ((number, event), tags) in (0..).zip(events).zip(&tags) {
        let next = versions.entry(&event.stream).or_insert_with(|| first_version(&event.stream));
        let hash = TermKey::new(TermKind::Stream, &event.stream, HASH_SEED).hash(HASH_SEED);
        indexed.push((hash, event.indexed(first_position.plus(number), *next, tags)));
        *next = next.next();
    }
    for batch in indexed.chunks(batch) {
        memory.insert_all(batch.iter().copied()).unwrap();
    }
    memory
}

fn encoded(tags: &[String]) -> Vec<u8> {
    let length = |tag: &String| u16::try_from(tag.len()).unwrap().to_le_bytes();
    tags.iter().flat_map(|tag| [&length(tag)[..], tag.as_bytes()].concat()).collect()
}

impl GivenEvent {
    fn indexed<'a>(&'a self, position: Position, version: Version, tags: &'a [u8]) -> IndexedEvent<'a> {
        let (stream, event_type) = (&*self.stream, &*self.event_type);
        let tags = Tags::from_encoded(tags).unwrap();
        IndexedEvent { position, stream, version, event_type, tags, id: self.id }
    }
}

impl Model {
    fn insert(
        &mut self,
        position: Position,
        event: &GivenEvent,
        first_version: impl Fn(&str) -> Version,
    ) -> Version {
        self.events += 1;
        let category = category_of(&event.stream);
        let mut terms = vec![
            (TermKind::Stream, &event.stream[..]),
            (TermKind::Category, category),
            (TermKind::Type, &event.event_type),
        ];
        terms.extend(event.tags.iter().map(|tag| (TermKind::Tag, &tag[..])));
        terms.sort_unstable();
        terms.dedup();
        for (kind, name) in terms {
            self.terms.entry((kind, name.into())).or_default().push(position);
        }
        if let Some(id) = event.id {
            self.ids.entry(id).or_default().push(position);
        }
        let first =
            *self.first_versions.entry(event.stream.clone()).or_insert_with(|| first_version(&event.stream));
        first.plus(self.terms[&(TermKind::Stream, event.stream.clone())].len() as u64 - 1)
    }

    /// Asks a part of the index everything there is to ask, and asserts that the answers are right.
    pub(crate) fn check(&self, part: &impl Part) -> Result<(), Damage> {
        let terms = TermKind::ALL.map(|kind| self.of_kind(kind).count() as u64);
        let ids = self.ids.values().map(|positions| positions.len() as u64).sum();
        assert_eq!(part.counts(), (self.first_position, self.events, ids, terms));
        for ((kind, name), positions) in &self.terms {
            self.check_term(part, *kind, name, positions)?;
        }
        for (id, positions) in &self.ids {
            assert_eq!(part.find_id(*id)?, *positions);
        }
        for kind in TermKind::ALL {
            self.check_scans(part, kind)?;
            for name in ["", "not there", "\u{10FFFF}"] {
                let known = self.terms.contains_key(&(kind, name.into()));
                assert_eq!(part.find(kind, name)?.is_some(), known);
            }
        }
        Ok(())
    }

    fn check_term(
        &self,
        part: &impl Part,
        kind: TermKind,
        name: &str,
        positions: &[Position],
    ) -> Result<(), Damage> {
        let postings = part.find(kind, name)?.unwrap_or_else(|| panic!("{kind:?} {name:?} is not there"));
        let count = positions.len() as u64;
        assert_eq!(postings.count(), count);
        let (first, last) = match kind {
            TermKind::Stream => {
                let first = self.first_versions[name];
                (first, first.plus(count - 1))
            }
            _ => (Version::ZERO, Version::ZERO),
        };
        assert_eq!((postings.first_version(), postings.last_version()), (first, last));

        assert_eq!(part.positions(&postings, 0, usize::MAX)?, positions);
        for from in [0, 1, 2, 3, 127, 128, 129, 255, 256, count / 2, count - 1, count, count + 1, u64::MAX] {
            for limit in [0, 1, 2, 128, 130] {
                let expected: Vec<Position> =
                    positions.iter().copied().skip(from as usize).take(limit).collect();
                assert_eq!(part.positions(&postings, from, limit)?, expected, "{from} {limit}");
            }
        }
        let asked = positions.iter().step_by(positions.len() / 40 + 1).copied();
        for position in asked.chain([self.first_position, positions[positions.len() - 1]]) {
            for position in [position.previous(), position, position.next()] {
                let rank = positions.partition_point(|other| *other <= position) as u64;
                assert_eq!(part.rank(&postings, position)?, rank, "{position} in {name}");
            }
        }
        assert_eq!(part.rank(&postings, Position::ZERO)?, 0);
        assert_eq!(part.rank(&postings, Position::new(u64::MAX))?, count);
        Ok(())
    }

    fn check_scans(&self, part: &impl Part, kind: TermKind) -> Result<(), Damage> {
        let names: Vec<&str> = self.of_kind(kind).map(|(name, _)| name).collect();
        let some = names.iter().step_by(names.len() / 8 + 1);
        let prefixes = some.clone().flat_map(|name| [*name, &name[..first_letter(name)]]);
        for prefix in prefixes.chain(["", "zz", "\0"]) {
            for after in some.clone().copied().map(Some).chain([None, Some(""), Some("b")]) {
                for limit in [0, 1, 3, usize::MAX] {
                    let bound = after.map_or(Bound::Unbounded, |name| Bound::Excluded((kind, name.into())));
                    let expected: Vec<(&str, u64)> = self
                        .terms
                        .range((bound, Bound::Unbounded))
                        .filter(|((other, name), _)| *other == kind && name.starts_with(prefix))
                        .map(|((_, name), positions)| (&name[..], positions.len() as u64))
                        .take(limit)
                        .collect();
                    let found = part.terms(kind, prefix, after, limit)?;
                    let found: Vec<(&str, u64)> =
                        found.iter().map(|(name, postings)| (&name[..], postings.count())).collect();
                    assert_eq!(found, expected, "{kind:?} {prefix:?} {after:?} {limit}");
                }
            }
        }
        for (name, postings) in part.terms(kind, "", None, 5)? {
            let expected = &self.terms[&(kind, name)];
            assert_eq!(part.positions(&postings, 0, usize::MAX)?, *expected);
        }
        Ok(())
    }

    fn of_kind(&self, kind: TermKind) -> impl Iterator<Item = (&str, &[Position])> {
        let of_kind = self.terms.iter().filter(move |((other, _), _)| *other == kind);
        of_kind.map(|((_, name), positions)| (&name[..], &positions[..]))
    }
}

fn first_letter(name: &str) -> usize {
    name.chars().next().map_or(0, char::len_utf8)
}
