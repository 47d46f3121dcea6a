//! Runs that are looked at through a window: they answer, and merge, as runs of what is inside.

use crate::merging::{Happened, event, filled, merged, mixed, run_of};
use crate::part::run_bytes;
use annals_format::run::TermKind;
use annals_index::{IdKey, MergeError, Run};
use annals_types::{Position, Uuid};
use annals_vfs::MemoryDisk;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

const SMALL: usize = 300;

/// A run of all events.
fn whole(first: u64, events: &[Happened]) -> Run {
    Arc::into_inner(run_of(&filled(first, events, &mut BTreeMap::new()))).unwrap()
}

/// The run of a stretch of events alone, in the way in which a store would make it.
fn alone(first: u64, events: &[Happened], stretch: Range<usize>) -> Arc<Run> {
    let mut versions = BTreeMap::new();
    filled(first, &events[..stretch.start], &mut versions);
    run_of(&filled(first + stretch.start as u64, &events[stretch], &mut versions))
}

fn window(first: u64, events: &[Happened], stretch: &Range<usize>) -> Arc<Run> {
    let position = |index: usize| Position::new(first + index as u64);
    Arc::new(whole(first, events).with_window(position(stretch.start)..position(stretch.end)))
}

fn assert_same_answers(through: &Run, own: &Run, events: &[Happened]) {
    let ends = |run: &Run| (run.first_position(), run.last_position(), run.event_count());
    assert_eq!(ends(through), ends(own));
    assert_eq!(through.count_ids(), own.count_ids());
    for kind in TermKind::ALL {
        let (theirs, ours) =
            (through.terms(kind, "", None, usize::MAX), own.terms(kind, "", None, usize::MAX));
        let (theirs, ours) = (theirs.unwrap(), ours.unwrap());
        assert!(theirs.iter().map(|(name, _)| name).eq(ours.iter().map(|(name, _)| name)));
        let few = through.terms(kind, "", None, 3).unwrap();
        assert!(few.iter().map(|(name, _)| name).eq(ours.iter().take(3).map(|(name, _)| name)));
        for ((name, listed), (_, ours)) in theirs.iter().zip(&ours) {
            let found = through.find(kind, name).unwrap().unwrap();
            for postings in [listed, &found] {
                assert_eq!(postings.count(), ours.count(), "{name}");
                assert_eq!(postings.first_version(), ours.first_version(), "{name}");
                assert_eq!(postings.last_version(), ours.last_version(), "{name}");
                let positions = |run: &Run, of, from, limit| {
                    let mut out = Vec::new();
                    run.positions(of, from, limit, &mut out).unwrap();
                    out
                };
                let all = positions(own, ours, 0, usize::MAX);
                assert_eq!(positions(through, postings, 0, usize::MAX), all);
                assert_eq!(positions(through, postings, 1, 2), positions(own, ours, 1, 2));
                let (first, last) = (own.first_position().previous(), own.last_position().next());
                for position in [first, all[0], all[0].next(), all[all.len() / 2], last, last.next()] {
                    assert_eq!(
                        through.rank(postings, position),
                        own.rank(ours, position),
                        "{name} {position}"
                    );
                }
            }
        }
    }
    for happened in events {
        let event = &happened.event;
        for (kind, name) in [(TermKind::Stream, &event.stream), (TermKind::Type, &event.event_type)] {
            let there = |run: &Run| run.find(kind, name).unwrap().is_some();
            assert_eq!(there(through), there(own), "{name}");
        }
        if let Some(id) = event.id {
            let found = |run: &Run| {
                let mut out = Vec::new();
                run.find_id_key(&IdKey::new(id, run.hash_seed()), &mut out).unwrap();
                out
            };
            assert_eq!(found(through), found(own));
        }
    }
}

fn bytes_of(runs: &[Arc<Run>], terms: usize) -> Vec<u8> {
    merged(runs, 100_000, terms, MemoryDisk::new()).unwrap().0
}

/// A merge keeps every term in its order, so a run that was merged from the windows of another is that run again.
fn assert_merges(first: u64, events: &[Happened], stretch: &Range<usize>, terms: usize) {
    let through = window(first, events, stretch);
    let own = alone(first, events, stretch.clone());
    if stretch.is_empty() {
        return;
    }
    assert!(bytes_of(&[Arc::clone(&through)], terms) == bytes_of(&[Arc::clone(&own)], terms));
    let (before, behind) = (0..stretch.start, stretch.end..events.len());
    let sides = [window(first, events, &before), own, window(first, events, &behind)];
    let sides: Vec<Arc<Run>> = sides.into_iter().filter(|run| run.event_count() > 0).collect();
    let all = run_bytes(&filled(first, events, &mut BTreeMap::new())).0;
    assert!(bytes_of(&sides, terms) == all);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_run_with_a_window_is_one_of_what_is_inside(
        first in prop_oneof![Just(1u64), 1..Position::MAX.get() - 2000],
        events in proptest::collection::vec(event(), 1..SMALL),
        ends in any::<[proptest::sample::Index; 2]>(),
        terms in 1..50usize,
    ) {
        let mut ends = ends.map(|end| end.index(events.len() + 1));
        ends.sort_unstable();
        let stretch = ends[0]..ends[1];
        if !stretch.is_empty() {
            assert_same_answers(&window(first, &events, &stretch), &alone(first, &events, stretch.clone()), &events);
        }
        assert_merges(first, &events, &stretch, terms);
    }
}

/// Lists of several blocks are cut within a block and between two.
#[test]
fn windows_cut_long_lists() {
    let events = mixed(4000);
    for stretch in [0..1, 0..256, 255..257, 512..1024, 1000..3999, 3999..4000, 0..4000] {
        assert_same_answers(
            &window(9, &events, &stretch),
            &alone(9, &events, stretch.clone()),
            &events[..50],
        );
        assert_merges(9, &events, &stretch, 100);
    }
}

#[test]
fn a_window_around_the_whole_run_is_none() {
    let events = mixed(100);
    let run = whole(1, &events).with_window(Position::ZERO..Position::MAX);
    assert!(run.is_whole() && run.event_count() == 100);
    let run = run.with_window(Position::new(5)..Position::new(5));
    assert!(!run.is_whole() && run.event_count() == 0);
    assert!(run.terms(TermKind::Stream, "", None, 10).unwrap().is_empty());
    assert_eq!(run.count_ids(), Ok(0));
    let mut out = Vec::new();
    run.find_id(Uuid::from_u128(9), &mut out).unwrap();
    assert_eq!(out, []);
}

#[test]
fn windows_that_do_not_follow_each_other_are_not_merged() {
    let events = mixed(100);
    let runs = [window(1, &events, &(0..50)), window(1, &events, &(40..100))];
    let refused = merged(&runs, 100_000, 10, MemoryDisk::new());
    assert!(matches!(refused, Err(MergeError::NotAdjacent { run: 1 })));
}
