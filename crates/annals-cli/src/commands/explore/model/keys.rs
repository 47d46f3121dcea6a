//! What each key does.

use super::{Focus, Model};
use annals::Clock;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// How far a page goes.
const PAGE: usize = 10;

impl Model {
    /// Takes a key.
    pub(in super::super) fn key(&mut self, key: KeyEvent) {
        self.said = None;
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            self.over = true;
        } else if self.help {
            self.help = false;
        } else if self.typing {
            self.type_filter(key.code);
        } else if !self.command(key.code) {
            match self.focus {
                Focus::Streams => self.key_in_streams(key.code),
                Focus::Events => self.key_in_events(key.code),
                Focus::State | Focus::Changes => self.key_in_text(key.code),
            }
        }
    }

    /// Keys that are the same in each pane. Says whether it was one.
    fn command(&mut self, key: KeyCode) -> bool {
        match key {
            KeyCode::Char('q') => self.over = true,
            KeyCode::Char('?') => self.help = true,
            KeyCode::Char('r') => self.refresh = true,
            KeyCode::Char('u') => self.unit = self.unit.next(),
            KeyCode::Char('c') => self.change_clock(),
            KeyCode::Char('/') => (self.typing, self.focus) = (true, Focus::Streams),
            KeyCode::Tab => self.focus = self.focus.next(),
            KeyCode::BackTab => self.focus = self.focus.next().next().next(),
            KeyCode::Left | KeyCode::Right => {
                let clock = self.clock;
                if let Some(chosen) = &mut self.chosen {
                    chosen.step(clock, key == KeyCode::Right);
                }
            }
            KeyCode::Char('[' | ']') => {
                let (clock, unit) = (self.clock, self.unit);
                if let Some(chosen) = &mut self.chosen {
                    chosen.step_freely(clock, unit, key == KeyCode::Char(']'));
                }
            }
            _ => return false,
        }
        true
    }

    fn change_clock(&mut self) {
        self.clock = match self.clock {
            Clock::Occurred => Clock::Recorded,
            Clock::Recorded => Clock::Occurred,
        };
        if let Some(chosen) = &mut self.chosen {
            chosen.clock_changed(self.clock);
        }
    }

    fn type_filter(&mut self, key: KeyCode) {
        let mut prefix = self.streams.prefix.clone();
        match key {
            KeyCode::Enter => return self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                prefix.clear();
            }
            KeyCode::Backspace => drop(prefix.pop()),
            KeyCode::Char(char) => prefix.push(char),
            _ => return,
        }
        if prefix != self.streams.prefix {
            self.streams.set_prefix(prefix);
        }
    }

    fn key_in_streams(&mut self, key: KeyCode) {
        match key {
            KeyCode::Up => self.streams.up(1),
            KeyCode::Down => self.streams.down(1),
            KeyCode::PageUp => self.streams.up(PAGE),
            KeyCode::PageDown => self.streams.down(PAGE),
            KeyCode::Home => self.streams.first(),
            KeyCode::End => self.streams.last_of_page(),
            KeyCode::Esc if !self.streams.prefix.is_empty() => self.streams.set_prefix(String::new()),
            KeyCode::Enter => {
                let row = self.streams.selected_row().cloned();
                if let Some(row) = row {
                    if self.chosen.as_ref().is_none_or(|chosen| chosen.stream != row.name) {
                        self.chosen = Some(super::Chosen::new(row.name));
                    }
                    self.focus = Focus::Events;
                }
            }
            _ => {}
        }
    }

    fn key_in_events(&mut self, key: KeyCode) {
        let Some(chosen) = &mut self.chosen else { return };
        match key {
            KeyCode::Up => chosen.move_by(-1),
            KeyCode::Down => chosen.move_by(1),
            KeyCode::PageUp => chosen.move_by(-(PAGE as i64)),
            KeyCode::PageDown => chosen.move_by(PAGE as i64),
            KeyCode::Home => chosen.move_to_end(false),
            KeyCode::End => chosen.move_to_end(true),
            _ => {}
        }
    }

    /// Scrolls the state or the changes, as far as there are lines.
    fn key_in_text(&mut self, key: KeyCode) {
        let Some(chosen) = &mut self.chosen else { return };
        let Some(state) = &chosen.state else { return };
        let (scroll, lines) = match self.focus {
            Focus::Changes => (&mut chosen.changes_scroll, state.changes.len()),
            _ => (&mut chosen.scroll, state.lines.len()),
        };
        let to = match key {
            KeyCode::Up => scroll.saturating_sub(1),
            KeyCode::Down => scroll.saturating_add(1),
            KeyCode::PageUp => scroll.saturating_sub(PAGE),
            KeyCode::PageDown => scroll.saturating_add(PAGE),
            KeyCode::Home => 0,
            KeyCode::End => usize::MAX,
            _ => return,
        };
        *scroll = to.min(lines.saturating_sub(1));
    }
}

impl Focus {
    fn next(self) -> Self {
        match self {
            Focus::Streams => Focus::Events,
            Focus::Events => Focus::State,
            Focus::State => Focus::Changes,
            Focus::Changes => Focus::Streams,
        }
    }
}
