//! What stands on a screen of 80 columns and 24 lines, and on others.

use super::super::source::Source;
use super::*;
use annals::{Expected, NewEvent, Options, Timestamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

struct Screen {
    _directory: tempfile::TempDir,
    source: Source,
    model: Model,
}

/// Days after 2024-05-01.
fn day(number: i64) -> Timestamp {
    Timestamp::from_nanos((19_844 + number) * 86_400_000_000_000)
}

impl Screen {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Options::new().open(directory.path().join("store")).unwrap();
        let append = |stream: &str, events: &[NewEvent<'_>]| {
            store.append(stream, Expected::Any, events).unwrap();
        };
        append(
            "order-1",
            &[
                NewEvent::json("Placed", r#"{"status":"placed","total":20.50,"items":{"tea":2}}"#).at(day(0)),
                NewEvent::json("Paid", r#"{"status":"paid"}"#).at(day(3)),
                NewEvent::json("Changed", r#"{"total":0.1,"items":{"tea":null,"cup":1}}"#).at(day(1)),
                NewEvent::json("Shipped", r#"{"status":"shipped"}"#).at(day(9)),
            ],
        );
        append("order-2", &[NewEvent::json("Placed", r#"{"note":"\u001b[31m犬"}"#).at(day(2))]);
        append("\u{1b}]0;x-3", &[NewEvent::json("Placed", "[]").at(day(2))]);
        let model = Model::new("./shop".to_owned(), Some("order-1".to_owned()));
        let mut screen = Screen { _directory: directory, source: Source::new(store), model };
        screen.press(&[]);
        screen
    }

    fn press(&mut self, keys: &[KeyCode]) {
        let keys = keys.iter().map(|key| KeyEvent::new(*key, KeyModifiers::NONE));
        for key in std::iter::once(None).chain(keys.map(Some)) {
            if let Some(key) = key {
                self.model.key(key);
            }
            while let Some(want) = self.model.want() {
                self.source.fulfil(want, &mut self.model);
            }
        }
    }

    fn lines(&self, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &self.model)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let line = |row: u16| -> String {
            let cells = (0..width).map(|column| buffer[(column, row)].symbol().to_owned());
            cells.collect::<String>().trim_end().to_owned()
        };
        (0..height).map(line).collect()
    }

    fn text(&self) -> String {
        self.lines(80, 24).join("\n")
    }
}

#[test]
fn the_state_at_a_moment_stands_beside_what_changed_at_it() {
    let mut screen = Screen::new();
    screen.press(&[KeyCode::Left, KeyCode::Left]);
    assert_eq!(screen.text(), include_str!("screen.txt").trim_end());
}

#[test]
fn the_recorded_clock_counts_events_in_the_order_of_the_log() {
    let mut screen = Screen::new();
    screen.press(&[KeyCode::Char('c'), KeyCode::Left]);
    let text = screen.text();
    assert!(text.contains("clock: recorded"), "{text}");
    assert!(text.contains("state at version 3"), "{text}");
    assert!(text.contains("~ /total 20.50 -> 0.1"), "{text}");
    assert!(text.contains("event 3 of 4, position 3"), "{text}");
    screen.press(&[KeyCode::Home, KeyCode::Left]);
    let text = screen.text();
    assert!(text.contains("state before all events") && text.contains("nothing yet"), "{text}");
    assert!(text.contains("before the first of 4 events"), "{text}");
}

#[test]
fn names_and_data_cannot_drive_the_terminal() {
    let mut screen = Screen::new();
    let tab = KeyCode::BackTab;
    screen.press(&[tab, KeyCode::Down, KeyCode::Down, KeyCode::Enter]);
    let text = screen.text();
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert!(text.contains(r#"\u001b[31m"#) && text.contains(r"\u{1b}]0;x-3"), "{text}");
}

#[test]
fn a_filter_shows_what_is_typed_and_what_is_left() {
    let mut screen = Screen::new();
    screen.press(&"/order".chars().map(KeyCode::Char).collect::<Vec<_>>());
    let text = screen.text();
    assert!(text.contains("> streams order_ "), "{text}");
    assert!(text.contains(" type the beginning of a name"), "{text}");
    assert!(text.contains("*order-1") && !text.contains("x-3"), "{text}");
    screen.press(&[KeyCode::Char('x'), KeyCode::Enter]);
    let text = screen.text();
    assert!(text.contains("> streams orderx* ") && text.contains("no stream"), "{text}");
}

#[test]
fn help_shows_all_keys_over_the_rest() {
    let mut screen = Screen::new();
    screen.press(&[KeyCode::Char('?')]);
    for (width, height) in [(80, 24), (60, 16)] {
        let text = screen.lines(width, height).join("\n");
        assert!(text.contains("keys (any key goes on)") && text.contains("the other clock"), "{text}");
    }
}

#[test]
fn any_size_is_drawn_or_is_said_to_be_too_small() {
    let mut screen = Screen::new();
    for key in [KeyCode::End, KeyCode::Tab, KeyCode::Char('?')] {
        screen.press(&[key]);
        for (width, height) in
            [(1, 1), (10, 3), (0, 0), (59, 24), (80, 15), (60, 16), (200, 60), (500, 16), (60, 300)]
        {
            let text = screen.lines(width, height).join(" ");
            let is_large_enough = width >= 60 && height >= 16;
            if !is_large_enough && width > 20 {
                assert!(text.contains("too small: 60 columns and 16 lines are needed"), "{text}");
            }
            let shown = if screen.model.help { "other clock" } else { "order-1" };
            assert_eq!(text.contains(shown), is_large_enough, "{width} {height}: {text}");
        }
    }
}

#[test]
fn an_error_is_said_in_the_last_line() {
    let mut screen = Screen::new();
    screen.model.said = Some("annals: the store is damaged".to_owned());
    assert_eq!(screen.lines(80, 24)[23], " annals: the store is damaged");
}
