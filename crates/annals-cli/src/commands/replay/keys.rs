//! Keys that control a replay, taken by a thread while the events are written.

use crate::output::note;
use crate::terminal::RawMode;
use annals::{ReplayControl, Speed};
use anyhow::{Context, Result};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the end of a replay may have to wait for the thread.
const LOOK: Duration = Duration::from_millis(50);
/// Between these the keys change the speed.
const SPEEDS: (f64, f64) = (1.0 / 1024.0, 1e12);

/// Takes keys from the terminal until it is dropped.
pub(super) struct Keys {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Dropped when the thread has ended.
    _raw: RawMode,
}

impl Keys {
    pub(super) fn of(control: ReplayControl) -> Result<Self> {
        let raw = RawMode::begin()?;
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || take(&control, &seen))
            .context("cannot start a thread for the keys")?;
        Ok(Keys { over, thread: Some(thread), _raw: raw })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Without a terminal to ask any more, the replay goes on by itself.
fn take(control: &ReplayControl, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        match event::poll(LOOK) {
            Ok(false) => {}
            Ok(true) => match event::read() {
                Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    if let Some(told) = press(control, key) {
                        // The carriage return is what the raw terminal does not add.
                        note(format_args!("-- {told}\r"));
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            },
            Err(_) => return,
        }
    }
}

/// What a key does. Says what the events themselves do not show.
fn press(control: &ReplayControl, key: KeyEvent) -> Option<String> {
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => control.stop(),
        KeyCode::Char('q') | KeyCode::Esc => control.stop(),
        KeyCode::Right | KeyCode::Char('s') => control.step(),
        KeyCode::Char(' ') if control.is_paused() => {
            control.resume();
            return Some("goes on".to_owned());
        }
        KeyCode::Char(' ') => {
            control.pause();
            return Some("paused".to_owned());
        }
        KeyCode::Char('+' | '=') => return Some(change_speed(control, 2.0)),
        KeyCode::Char('-') => return Some(change_speed(control, 0.5)),
        _ => {}
    }
    None
}

/// Changes the speed by a factor. From the fastest, which has no number, slower is the original one.
fn change_speed(control: &ReplayControl, by: f64) -> String {
    let speed = match control.speed().factor() {
        Some(factor) => Speed::times((factor * by).clamp(SPEEDS.0, SPEEDS.1)).unwrap_or_default(),
        None if by < 1.0 => Speed::ORIGINAL,
        None => Speed::FASTEST,
    };
    control.set_speed(speed);
    match speed.factor() {
        Some(factor) => format!("speed {factor}"),
        None => "as fast as possible".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals::{Options, Query};

    #[test]
    fn keys_pause_step_change_the_speed_and_end() {
        let directory = tempfile::tempdir().unwrap();
        let store = Options::new().open(directory.path().join("store")).unwrap();
        let event = || annals::NewEvent::json("t", "1");
        store.append("a", annals::Expected::Any, &[event(), event()]).unwrap();
        let view = store.view();
        let mut replay = view.replay(Query::all()).unwrap();
        let control = replay.control();
        let key = |code: char| press(&control, KeyEvent::new(KeyCode::Char(code), KeyModifiers::NONE));
        key(' ');
        assert!(control.is_paused());
        key(' ');
        assert!(!control.is_paused());
        key('+');
        key('=');
        assert_eq!(control.speed().factor(), Some(4.0));
        (0..100).for_each(|_| drop(key('-')));
        assert_eq!(control.speed().factor(), Some(SPEEDS.0));
        (0..100).for_each(|_| drop(key('+')));
        assert_eq!(control.speed().factor(), Some(SPEEDS.1));
        control.set_speed(Speed::FASTEST);
        key('+');
        assert_eq!(control.speed(), Speed::FASTEST);
        key('-');
        assert_eq!(control.speed(), Speed::ORIGINAL);
        key('c');
        key(' ');
        key('s');
        assert!(control.is_paused() && replay.next().is_some(), "a step while paused gives an event");
        press(&control, KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert!(replay.next().is_none());
    }
}
