//! States and changes as lines of text.

use super::super::model::Shown;
use annals::{Change, changes};
use serde_json::Value;

/// No more lines than these are kept of a state or of its changes.
const LINES_MAX: usize = 10_000;
/// No line is longer than this, in characters: no screen is as wide.
const LINE_MAX: usize = 1000;

/// The state, and how it differs from the one before.
pub(super) fn shown(before: Option<&Value>, at: Option<&Value>) -> Shown {
    let text = at.map_or_else(|| "nothing yet".to_owned(), |at| format!("{at:#}"));
    let mut lines: Vec<_> = text.lines().take(LINES_MAX).map(short).collect();
    if lines.len() == LINES_MAX {
        lines.push("… (`annals state` shows all of it)".to_owned());
    }
    let found = changes(before, at);
    let mut changes: Vec<_> = found.iter().take(LINES_MAX).map(change).collect();
    if found.len() > LINES_MAX {
        changes.push(('~', format!("… and {} more", found.len() - LINES_MAX)));
    }
    Shown { lines, changes }
}

fn change(change: &Change<'_>) -> (char, String) {
    match change {
        Change::Add { path, to } => ('+', short(&format!("{path} {to}"))),
        Change::Remove { path, from } => ('-', short(&format!("{path} {from}"))),
        Change::Replace { path, from, to } => ('~', short(&format!("{path} {from} -> {to}"))),
    }
}

fn short(line: &str) -> String {
    let text = crate::table::printable(line);
    match text.char_indices().nth(LINE_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
