//! Any events removed from any segments, read in any order: what a plain list says.

use super::plain::{Plain, Question};
use super::{Given, disk, open, rewrite_as, source};
use annals_types::{Compression, Position};
use annals_wal::Segment;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;

fn given() -> impl Strategy<Value = Given> {
    prop_oneof![
        8 => (0..60_usize).prop_map(Given::Plain),
        1 => (0..9_000_usize).prop_map(Given::Plain),
        4 => (0..40_usize, -50..50_i64).prop_map(|(length, time)| Given::Full(length, time)),
        1 => any::<bool>().prop_map(Given::Lost),
    ]
}

fn batches() -> impl Strategy<Value = Vec<Vec<Given>>> {
    prop_oneof![3 => vec(vec(given(), 0..9), 1..12), 1 => vec(vec(given(), 1..40), 20..40)]
        .prop_filter("a segment has events", |batches| batches.iter().any(|batch| !batch.is_empty()))
}

/// Which events stay, by the number of their position: runs of these lengths stay and go in turn, over and over.
fn pattern() -> impl Strategy<Value = Vec<u64>> {
    let length = prop_oneof![3 => 1..6_u64, 1 => 1..300_u64, 1 => Just(0)];
    prop_oneof![6 => vec(length, 2..12), 1 => Just(vec![1, 0]), 1 => Just(vec![0, 1])]
}

fn stays(pattern: &[u64], position: Position) -> bool {
    let whole: u64 = pattern.iter().sum();
    let mut within = position.get().checked_rem(whole).unwrap_or(0);
    for (number, length) in pattern.iter().enumerate() {
        if within < *length {
            return number % 2 == 0;
        }
        within -= length;
    }
    true
}

fn question() -> impl Strategy<Value = Question> {
    let time = || prop_oneof![-60..60_i64, 0..100_000_i64, any::<i64>()];
    prop_oneof![
        4 => Just(Question::Event),
        2 => Just(Question::Walk),
        1 => Just(Question::Next),
        1 => Just(Question::Last),
        1 => Just(Question::Room),
        1 => Just(Question::Rank),
        2 => time().prop_map(Question::At),
        1 => Just(Question::Block),
        2 => (time(), time(), any::<bool>()).prop_map(|(min, max, back)| Question::Outside(min, max, back)),
        1 => Just(Question::Steps),
        1 => Just(Question::Ahead),
    ]
}

type Asked = Vec<(Question, prop::sample::Index, prop::sample::Index)>;

fn asked() -> impl Strategy<Value = Asked> {
    vec((question(), any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..60)
}

fn ask(plain: &Plain, segment: &Segment, asked: &Asked) {
    let positions: Vec<Position> = plain.positions().collect();
    for (question, from, length) in asked {
        let from = from.index(positions.len());
        let to = positions[from].plus(length.index(positions.len() - from) as u64 + 1);
        assert_eq!(plain.ask(segment, *question, positions[from], to), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// One to three segments become one, of which then more is removed.
    #[test]
    fn what_stays_of_any_segments_is_read_as_it_was(
        segments in vec((batches(), 0..5_u64), 1..=3),
        (first_pattern, second_pattern) in (pattern(), pattern()),
        (first_compressed, second_compressed) in any::<(bool, bool)>(),
        (once, twice) in (asked(), asked()),
    ) {
        let disk = disk();
        let (mut next, mut sources, mut all) = (Position::new(1000), Vec::new(), None::<Plain>);
        for (number, (batches, gap)) in segments.iter().enumerate() {
            // Between two segments there may be positions of one of which nothing was left.
            next = if number == 0 { next } else { next.plus(*gap) };
            let (entry, plain) = source(&disk, 1 + number as u64 * 2, next, batches);
            next = entry.last_position().next();
            sources.push(open(&disk, &entry));
            match &mut all {
                Some(all) => all.join(&plain),
                None => all = Some(plain),
            }
        }
        let mut plain = all.unwrap();
        let rounds =
            [(first_pattern, once, first_compressed), (second_pattern, twice, second_compressed)];
        for (pattern, asked, compressed) in rounds {
            let compression = if compressed { Compression::Lz4 } else { Compression::None };
            let entry = rewrite_as(&disk, compression, &sources, |position| stays(&pattern, position)).unwrap();
            plain.keep(|event| stays(&pattern, event.position));
            prop_assert_eq!(entry.is_none(), plain.events.is_empty());
            let Some(entry) = entry else { break };
            prop_assert_eq!((entry.first_position, entry.last_position()), (plain.first, plain.last));
            prop_assert_eq!(entry.count, plain.events.len() as u64);
            prop_assert_eq!(open(&disk, &entry).is_compressed().unwrap(), compressed);
            ask(&plain, &open(&disk, &entry), &asked);
            plain.assert_same(&open(&disk, &entry));
            sources = vec![open(&disk, &entry)];
        }
        drop::<Vec<Arc<Segment>>>(sources);
    }
}
