//! Keys and loaded pieces against what is wanted next: no store, no terminal.

use super::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Answers the model's wants as a store with one long stream would; event `v` occurred at `times[v - 1]`.
struct Answers {
    model: Model,
    times: Vec<i64>,
    asked: Vec<Want>,
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

impl Answers {
    fn new(times: &[i64]) -> Self {
        let model = Model::new("store".to_owned(), Some("s".to_owned()));
        let mut answers = Answers { model, times: times.to_vec(), asked: Vec::new() };
        answers.settle();
        answers
    }

    fn row(&self, version: u64) -> Option<EventRow> {
        let occurred = self.times.get(usize::try_from(version.checked_sub(1)?).unwrap())?;
        Some(EventRow {
            version,
            position: version * 10,
            occurred_at: at(*occurred),
            recorded_at: at(1_000_000 + version.cast_signed()),
            event_type: format!("t{version}"),
        })
    }

    fn rows(&self) -> Vec<EventRow> {
        (1..=self.times.len() as u64).filter_map(|version| self.row(version)).collect()
    }

    fn found(&self, clock: Clock, find: Find) -> Option<EventRow> {
        let rows = self.rows();
        let by = |time| {
            rows.iter().filter(|row| row.time(clock) <= time).max_by_key(|row| (row.time(clock), row.version))
        };
        match find {
            Find::From(version) => rows.iter().find(|row| row.version >= version).cloned(),
            Find::UpTo(version) => rows.iter().rfind(|row| row.version <= version).cloned(),
            Find::By(time) => by(time).cloned(),
            Find::Behind(time) => {
                let next = rows.iter().map(|row| row.time(clock)).filter(|other| *other > time).min();
                next.and_then(by).cloned()
            }
        }
    }

    fn settle(&mut self) {
        while let Some(want) = self.model.want() {
            assert!(self.asked.len() < 10_000, "it never has enough: {want:?}");
            match &want {
                Want::Refresh => self.model.refreshed(),
                Want::Streams { prefix, after } => {
                    let after: u64 =
                        after.as_deref().map_or(0, |after| after[prefix.len()..].parse().unwrap());
                    let name = |number| StreamRow { name: format!("{prefix}{number}"), events: number };
                    self.model.take_streams((after + 1..=after + 3).map(name).collect(), after < 6);
                }
                Want::Outline { .. } => {
                    let last = self.times.len() as u64;
                    let done = self.model.chosen.as_ref().unwrap().outlined;
                    let occurred = (*self.times.iter().min().unwrap(), *self.times.iter().max().unwrap());
                    let spans = Spans {
                        occurred: (at(occurred.0), at(occurred.1)),
                        recorded: (at(1_000_001), at(1_000_000 + last.cast_signed())),
                    };
                    self.model.take_outline(last, (done + 100).min(last), Some(spans));
                }
                Want::Find { clock, find, .. } => {
                    let found = self.found(*clock, *find);
                    self.model.take_found(found);
                }
                Want::Events { first, count, .. } => {
                    let mut rows = self.rows();
                    rows.retain(|row| (*first..first + count).contains(&row.version));
                    self.model.take_events(Window { first: *first, count: *count, rows });
                }
                Want::State { at, .. } => {
                    let lines = vec![format!("state {}", at.as_ref().map_or(0, |row| row.version))];
                    self.model.take_state(Shown { lines, changes: vec![('+', "/a 1".to_owned()); 30] });
                }
            }
            self.asked.push(want);
        }
    }

    fn press(&mut self, key: KeyCode) -> &mut Self {
        self.model.key(KeyEvent::new(key, KeyModifiers::NONE));
        self.settle();
        self
    }

    fn press_often(&mut self, often: usize, key: KeyCode) {
        for _ in 0..often {
            self.press(key);
        }
    }

    fn type_text(&mut self, text: &str) -> &mut Self {
        for char in text.chars() {
            self.press(KeyCode::Char(char));
        }
        self
    }

    /// Selected version and time of the moment.
    fn moment(&self) -> (u64, i64) {
        let moment = self.model.chosen.as_ref().unwrap().moment.as_ref().unwrap();
        (moment.at.as_ref().map_or(0, |row| row.version), moment.time.as_nanos())
    }

    fn states_asked(&self) -> usize {
        self.asked.iter().filter(|want| matches!(want, Want::State { .. })).count()
    }
}

#[test]
fn it_begins_with_the_first_stream_and_its_last_event() {
    let mut answers =
        Answers { model: Model::new("x".to_owned(), None), times: vec![5; 250], asked: Vec::new() };
    answers.settle();
    assert_eq!(answers.model.chosen.as_ref().unwrap().stream, "1");
    assert_eq!(answers.moment(), (250, 5));
    let outlines = answers.asked.iter().filter(|want| matches!(want, Want::Outline { .. })).count();
    assert_eq!(outlines, 3, "the times of a stream come piece by piece");
}

#[test]
fn on_the_occurred_clock_left_and_right_go_by_time_whatever_the_order_of_the_log() {
    let mut answers = Answers::new(&[10, 30, 20, 30, 5]);
    assert_eq!(answers.moment(), (5, 5), "the last event of the log is the first that occurred");
    for expected in [(1, 10), (3, 20), (4, 30), (4, 30)] {
        assert_eq!(answers.press(KeyCode::Right).moment(), expected);
    }
    for expected in [(3, 20), (1, 10), (5, 5), (0, 4), (0, 4)] {
        assert_eq!(answers.press(KeyCode::Left).moment(), expected);
    }
    assert_eq!(answers.press(KeyCode::Right).moment(), (5, 5));
}

#[test]
fn on_the_recorded_clock_each_event_is_a_moment() {
    let mut answers = Answers::new(&[10, 30, 20]);
    answers.press(KeyCode::Char('c'));
    assert_eq!(answers.moment(), (3, 1_000_003));
    for version in [2, 1] {
        assert_eq!(answers.press(KeyCode::Left).moment().0, version);
    }
    assert_eq!(answers.press(KeyCode::Left).moment(), (0, 1_000_000));
    assert_eq!(answers.press(KeyCode::Right).moment().0, 1);
    assert_eq!(answers.press(KeyCode::Char('c')).moment(), (1, 10), "the same event on the other clock");
}

#[test]
fn free_steps_stand_between_events_and_go_a_step_beyond_the_ends_at_most() {
    let second = 1_000_000_000;
    let mut answers = Answers::new(&[0, 10 * second]);
    answers.press(KeyCode::Home).press(KeyCode::Char('u'));
    answers.press_often(6, KeyCode::Char('u'));
    assert_eq!(answers.model.unit, Unit::Day, "the units go round");
    answers.press_often(4, KeyCode::Char('u'));
    assert_eq!(answers.model.unit, Unit::Second);
    assert_eq!(answers.press(KeyCode::Char(']')).moment(), (1, second));
    let states = answers.states_asked();
    assert_eq!(answers.press(KeyCode::Char(']')).moment(), (1, 2 * second));
    assert_eq!(answers.states_asked(), states, "the same events count, so the state is the same");
    assert_eq!(answers.press(KeyCode::Left).moment(), (1, 0));
    assert_eq!(answers.press(KeyCode::Char('[')).moment(), (0, -second));
    assert_eq!(answers.press(KeyCode::Char('[')).moment(), (0, -second));
    answers.press_often(30, KeyCode::Char(']'));
    assert_eq!(answers.moment(), (2, 11 * second));
}

#[test]
fn events_of_a_long_stream_are_loaded_around_the_selected_one() {
    let times: Vec<i64> = (0..5000).collect();
    let mut answers = Answers::new(&times);
    assert_eq!(answers.press(KeyCode::Home).moment().0, 1);
    let loads =
        |answers: &Answers| answers.asked.iter().filter(|want| matches!(want, Want::Events { .. })).count();
    let before = loads(&answers);
    answers.press_often(500, KeyCode::Down);
    assert_eq!(answers.moment().0, 501);
    let window = answers.model.chosen.as_ref().unwrap().window.clone().unwrap();
    assert!(window.rows.len() <= 257 && window.rows.iter().any(|row| row.version == 501));
    assert!(loads(&answers) - before < 12, "{}", loads(&answers) - before);
    assert_eq!(answers.press(KeyCode::End).press(KeyCode::PageUp).moment().0, 4990);
    assert_eq!(answers.press(KeyCode::PageDown).press(KeyCode::Down).moment().0, 5000);
}

#[test]
fn the_list_of_streams_turns_pages_and_keeps_one_of_them() {
    let mut answers = Answers::new(&[1]);
    answers.press(KeyCode::BackTab);
    assert_eq!(answers.model.focus, Focus::Streams);
    let selected = |answers: &Answers| answers.model.streams.selected_row().unwrap().name.clone();
    answers.press_often(3, KeyCode::Down);
    assert_eq!((selected(&answers), answers.model.streams.page()), ("4".to_owned(), 1));
    answers.press_often(20, KeyCode::Down);
    assert_eq!((selected(&answers), answers.model.streams.rows.len()), ("9".to_owned(), 3));
    answers.press_often(3, KeyCode::Up);
    assert_eq!((selected(&answers), answers.model.streams.page()), ("6".to_owned(), 1));
    assert_eq!(selected(answers.press(KeyCode::Home)), "1");
    answers.press(KeyCode::Down).press(KeyCode::Enter);
    assert_eq!(answers.model.chosen.as_ref().unwrap().stream, "2");
    assert_eq!(answers.model.focus, Focus::Events);
}

#[test]
fn what_is_typed_after_a_slash_filters_the_streams_and_is_no_command() {
    let mut answers = Answers::new(&[1]);
    answers.type_text("/qc");
    assert_eq!(answers.model.streams.prefix, "qc");
    assert_eq!(answers.model.streams.selected_row().unwrap().name, "qc1");
    assert_eq!(answers.model.clock, Clock::Occurred);
    answers.press(KeyCode::Backspace).press(KeyCode::Enter);
    assert_eq!((answers.model.streams.prefix.as_str(), answers.model.typing), ("q", false));
    answers.press(KeyCode::Esc);
    assert_eq!(answers.model.streams.prefix, "");
    answers.type_text("/x").press(KeyCode::Esc);
    assert_eq!((answers.model.streams.prefix.as_str(), answers.model.typing), ("", false));
    assert!(!answers.model.is_over());
    answers.press(KeyCode::Char('q'));
    assert!(answers.model.is_over());
}

#[test]
fn a_refresh_shows_what_has_come_and_stays_where_it_was() {
    let mut answers = Answers::new(&[10, 20, 30]);
    answers.press(KeyCode::Left);
    answers.times.push(15);
    let states = answers.states_asked();
    assert_eq!(answers.press(KeyCode::Char('r')).moment(), (2, 20));
    assert_eq!(answers.model.chosen.as_ref().unwrap().last, Some(4));
    assert_eq!(answers.states_asked(), states + 1, "what has come may have occurred before");
    assert_eq!(answers.press(KeyCode::Left).moment(), (4, 15));
}

#[test]
fn what_cannot_be_loaded_is_said_and_not_asked_for_again() {
    let mut answers = Answers::new(&[10, 20]);
    for key in ['r', 'c'] {
        answers.model.key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE));
        while let Some(want) = answers.model.want() {
            answers.asked.push(want.clone());
            assert!(answers.asked.len() < 100, "it asks for ever: {want:?}");
            answers.model.take_failure(&want, "the store is damaged".to_owned());
        }
        assert_eq!(answers.model.said.as_deref(), Some("the store is damaged"));
    }
    answers.press(KeyCode::Char('?'));
    assert_eq!(answers.model.said, None);
    let mut new =
        Answers { model: Model::new("x".to_owned(), Some("s".to_owned())), times: vec![1], asked: vec![] };
    while let Some(want) = new.model.want() {
        new.asked.push(want.clone());
        assert!(new.asked.len() < 100, "it asks for ever: {want:?}");
        new.model.take_failure(&want, "the store is damaged".to_owned());
    }
}

#[test]
fn texts_are_scrolled_as_far_as_they_go_and_any_key_leaves_the_help() {
    let mut answers = Answers::new(&[10]);
    answers.press(KeyCode::Tab).press(KeyCode::Down);
    assert_eq!(answers.model.chosen.as_ref().unwrap().scroll, 0, "the state has one line");
    answers.press(KeyCode::Tab).press(KeyCode::PageDown).press(KeyCode::Down).press(KeyCode::Up);
    assert_eq!(answers.model.chosen.as_ref().unwrap().changes_scroll, 10);
    answers.press(KeyCode::End);
    assert_eq!(answers.model.chosen.as_ref().unwrap().changes_scroll, 29);
    answers.press(KeyCode::Char('?'));
    assert!(answers.model.help);
    answers.press(KeyCode::Char('q'));
    assert!(!answers.model.help && !answers.model.is_over());
    answers.model.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert!(answers.model.is_over());
}
