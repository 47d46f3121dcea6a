//! What is loaded from stores, against plain folds.

use super::super::model::Find;
use super::*;
use annals::{Clock, Document, Expected, NewEvent, Options, Timestamp};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

struct Place {
    _directory: tempfile::TempDir,
    source: Source,
    times: Vec<i64>,
}

/// A stream with events that occurred in an order of its own.
fn place(events: u64) -> Place {
    let directory = tempfile::tempdir().unwrap();
    let store = Options::new().open(directory.path().join("store")).unwrap();
    let mut times = Vec::new();
    let mut seed = 7_u64;
    let mut batch = Vec::new();
    for number in 1..=events {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Mostly forwards, now and then far back.
        let back = if seed >> 60 == 0 { (seed >> 40) % 700 } else { (seed >> 40) % 5 };
        let time = number.saturating_sub(back).cast_signed();
        times.push(time);
        let data = format!(r#"{{"n":{number},"k{}":{}}}"#, seed % 7, seed >> 50);
        batch.push(NewEvent::json(format!("t{}", seed % 3), data).at(Timestamp::from_nanos(time)));
    }
    for batch in batch.chunks(700) {
        store.append("s", Expected::Any, batch).unwrap();
    }
    for name in ["a", "b", "c"] {
        store.append(name, Expected::Any, &[NewEvent::json("t", "1")]).unwrap();
    }
    Place { _directory: directory, source: Source::new(store), times }
}

impl Place {
    fn settle(&mut self, model: &mut Model) -> usize {
        let mut pieces = 0;
        while let Some(want) = model.want() {
            self.source.fulfil(want, model);
            pieces += 1;
            assert_eq!(model.said, None);
        }
        pieces
    }

    /// The states without and with the news.
    fn naive(&self, target: Target) -> (Document, Document) {
        let (mut before, mut at) = (Document::default(), Document::default());
        for event in self.source.view.read(Query::stream("s")).unwrap() {
            let event = event.unwrap();
            let (counts, counted_before) = match target {
                Target::Version(last) => (event.version.get() <= last, event.version.get() < last),
                Target::Occurred(time) => (event.occurred_at <= time, event.occurred_at < time),
            };
            if counts {
                at.apply(&event).unwrap();
            }
            if counted_before {
                before.apply(&event).unwrap();
            }
        }
        (before, at)
    }
}

fn outline(source: &Source, stream: &str, last: u64) -> Outline {
    let mut outline = Outline::default();
    while outline.done() < last {
        outline.extend(&source.view, stream, last).unwrap();
    }
    outline
}

#[test]
fn events_are_found_by_version_and_by_time_as_by_looking_at_all() {
    let place = place(3000);
    let outline = outline(&place.source, "s", 3000);
    let find = |clock, what| {
        let found = find::event(&place.source.view, "s", &outline, clock, what).unwrap();
        found.map(|row| row.version)
    };
    let by = |time: i64| {
        let all = (1_u64..).zip(&place.times).filter(|(_, other)| **other <= time);
        all.max_by_key(|(version, other)| (**other, *version)).map(|(version, _)| version)
    };
    for time in (-1..3003).step_by(13) {
        let at = Timestamp::from_nanos(time);
        assert_eq!(find(Clock::Occurred, Find::By(at)), by(time), "by {time}");
        let next = place.times.iter().copied().filter(|other| *other > time).min();
        assert_eq!(find(Clock::Occurred, Find::Behind(at)), next.and_then(by), "behind {time}");
    }
    assert_eq!(find(Clock::Occurred, Find::From(1234)), Some(1234));
    assert_eq!(find(Clock::Occurred, Find::UpTo(u64::MAX)), Some(3000));
    assert_eq!(find(Clock::Occurred, Find::From(3001)), None);
    assert_eq!(find(Clock::Recorded, Find::By(Timestamp::MAX)), Some(3000));
    assert_eq!(find(Clock::Recorded, Find::By(Timestamp::EPOCH)), None);
    assert_eq!(
        find(Clock::Recorded, Find::Behind(Timestamp::EPOCH)),
        Some(700),
        "the last one of the first batch"
    );
}

#[test]
fn states_folded_from_checkpoints_are_those_of_a_plain_fold_in_whatever_order_they_are_asked_for() {
    let place = place(3000);
    let outline = outline(&place.source, "s", 3000);
    let mut checkpoints = Checkpoints::default();
    let times =
        [2999, 1, 0, 1500, 1501, 2600, 2300, 17, 5000].map(Timestamp::from_nanos).map(Target::Occurred);
    let versions = [3000, 2999, 256, 257, 255, 1, 0, 1700, 512].map(Target::Version);
    for target in times.into_iter().zip(versions).flat_map(|(time, version)| [time, version]) {
        let mut fold = Fold::new(target, &checkpoints);
        while !fold.advance(&place.source.view, "s", &outline, &mut checkpoints).unwrap() {}
        let (before, at) = place.naive(target);
        assert_eq!(fold.before().value(), before.value(), "{target:?}");
        assert_eq!(fold.at().value(), at.value(), "{target:?}");
    }
}

#[test]
fn a_step_within_a_long_stream_folds_a_chunk_and_not_the_stream() {
    let mut place = place(9000);
    let mut model = Model::new("x".to_owned(), Some("s".to_owned()));
    model.clock = Clock::Recorded;
    let pieces = place.settle(&mut model);
    assert!(pieces > 4, "the first fold of a long stream comes in pieces: {pieces}");
    for key in [KeyCode::Left, KeyCode::Left, KeyCode::Right] {
        model.key(KeyEvent::new(key, KeyModifiers::NONE));
        let pieces = place.settle(&mut model);
        assert_eq!(pieces, 2, "the event, and the state in one piece");
    }
    let lines = &model.chosen.as_ref().unwrap().state.as_ref().unwrap().lines;
    assert!(lines.contains(&r#"  "n": 8999"#.to_owned()), "{lines:?}");
}

#[test]
fn pages_of_streams_go_on_where_the_one_before_ended() {
    let place = place(1);
    let names = |prefix, after| {
        let (rows, more) = place.source.streams(prefix, after).unwrap();
        assert!(!more);
        rows.into_iter().map(|row| row.name).collect::<Vec<_>>()
    };
    assert_eq!(names("", None), ["a", "b", "c", "s"]);
    assert_eq!(names("", Some("b")), ["c", "s"]);
    assert_eq!(names("s", None), ["s"]);
}

#[test]
fn what_is_appended_later_is_there_after_a_refresh() {
    let mut place = place(300);
    let mut model = Model::new("x".to_owned(), Some("s".to_owned()));
    place.settle(&mut model);
    place.source.store.append("s", Expected::Any, &[NewEvent::json("new", r#"{"n":-1}"#)]).unwrap();
    model.key(KeyEvent::new(KeyCode::Char('r'), KeyModifiers::NONE));
    place.settle(&mut model);
    assert_eq!(model.chosen.as_ref().unwrap().last, Some(301));
    model.key(KeyEvent::new(KeyCode::End, KeyModifiers::NONE));
    place.settle(&mut model);
    assert_eq!(
        model.chosen.as_ref().unwrap().state.as_ref().unwrap().changes,
        [('~', "/n 300 -> -1".to_owned())]
    );
}

#[test]
fn data_that_are_no_json_are_said_in_the_place_of_the_state() {
    let mut place = place(1);
    place.source.store.append("z", Expected::Any, &[NewEvent::new("t", vec![1])]).unwrap();
    place.source.view = place.source.store.view();
    let mut model = Model::new("x".to_owned(), Some("z".to_owned()));
    while let Some(want) = model.want() {
        place.source.fulfil(want, &mut model);
    }
    let said = model.said.unwrap();
    assert!(said.contains("position 5 (version 1)"), "{said}");
    assert_eq!(model.chosen.unwrap().state.unwrap().lines, [said]);
}
