//! Filters: never a no for what is there, mostly a no for what is not, and no difference to the answers.

use crate::model::{GivenEvent, build, plain};
use crate::part::{open, run_bytes};
use annals_format::run::{RUN_TRAILER_BYTES, RunTrailer};
use annals_index::{IdKey, MemoryIndex, Run, TermKey, TermKind};
use annals_types::{Position, Uuid, Version};

fn sample(count: u32) -> MemoryIndex {
    let event = |number: u32| GivenEvent {
        id: Some(Uuid::from_u128(u128::from(number))),
        ..plain(&format!("account-{number}"))
    };
    build(Position::FIRST, &(0..count).map(event).collect::<Vec<_>>(), |_| Version::FIRST).1
}

fn trailer_of(bytes: &[u8]) -> RunTrailer {
    RunTrailer::decode(bytes.last_chunk::<RUN_TRAILER_BYTES>().unwrap(), bytes.len() as u64).unwrap()
}

fn found(run: &Run, seed: u64, number: u32) -> (bool, bool) {
    let name = format!("account-{number}");
    let key = TermKey::new(TermKind::Stream, &name, seed);
    run.prefetch_key(&key);
    let mut positions = Vec::new();
    run.find_id_key(&IdKey::new(Uuid::from_u128(number.into()), seed), &mut positions).unwrap();
    (run.find_key(&key).unwrap().is_some(), !positions.is_empty())
}

#[test]
fn every_term_and_id_is_found_through_the_filters_with_keys_of_any_seed() {
    let (bytes, identity) = run_bytes(&sample(5000));
    let run = open(&bytes, &identity).unwrap();
    let trailer = trailer_of(&bytes);
    assert_eq!((trailer.term_filter.blocks, trailer.id_filter.blocks), (209, 209));
    for seed in [run.hash_seed(), 1] {
        for number in 0..5000 {
            assert_eq!(found(&run, seed, number), (true, true));
        }
        for number in 5000..10_000 {
            assert!(!found(&run, seed, number).0);
        }
    }
}

#[test]
fn keys_of_any_seed_find_the_same_in_memory() {
    let memory = sample(100);
    for seed in [memory.hash_seed(), 1] {
        for number in 0..200 {
            let name = format!("account-{number}");
            let key = TermKey::new(TermKind::Stream, &name, seed);
            assert_eq!(memory.find_key(&key).is_some(), number < 100);
            let mut positions = Vec::new();
            memory.find_id_key(&IdKey::new(Uuid::from_u128(number), seed), &mut positions);
            assert_eq!(positions.len(), usize::from(number < 100));
        }
    }
}

/// What is damaged tells which parts a lookup reads: nothing but the filter, for most names that are not there.
#[test]
fn most_absent_names_are_settled_by_the_filter_alone() {
    let (mut bytes, identity) = run_bytes(&sample(20_000));
    let parts = trailer_of(&bytes).parts();
    for at in (parts.groups.end..parts.id_table.start).step_by(1000) {
        bytes[at as usize] ^= 1;
    }
    let run = open(&bytes, &identity).unwrap();
    let asked = (20_000..30_000).map(|number| run.find(TermKind::Stream, &format!("account-{number}")));
    let errors = asked.filter(|answer| answer.as_ref().is_err()).count();
    assert!((1..300).contains(&errors), "{errors} of 10,000 went on to the table");
}

/// Of the hash of an id 42 bits are known: in a table of thousands of entries that is as good as all of it.
#[test]
fn an_id_that_is_not_there_has_no_candidates_and_mostly_none_in_the_filter() {
    let (mut bytes, identity) = run_bytes(&sample(20_000));
    let find = |run: &Run, number: u32| {
        let mut positions = Vec::new();
        run.find_id(Uuid::from_u128(number.into()), &mut positions).map(|()| positions.len())
    };
    let run = open(&bytes, &identity).unwrap();
    assert!((20_000..120_000).all(|number| find(&run, number).unwrap() == 0));
    let parts = trailer_of(&bytes).parts();
    for at in (parts.id_table.start..parts.term_filter.start).step_by(1000) {
        bytes[at as usize] ^= 1;
    }
    let run = open(&bytes, &identity).unwrap();
    let errors = (20_000..30_000).filter(|number| find(&run, *number).is_err()).count();
    assert!((1..300).contains(&errors), "{errors} of 10,000 went on to the table");
}

#[test]
fn a_run_of_nothing_has_no_filters() {
    let (bytes, identity) = run_bytes(&MemoryIndex::new(Position::FIRST, 1));
    let trailer = trailer_of(&bytes);
    assert_eq!((trailer.term_filter.blocks, trailer.id_filter.blocks), (0, 0));
    assert_eq!(found(&open(&bytes, &identity).unwrap(), 1, 7), (false, false));
}
