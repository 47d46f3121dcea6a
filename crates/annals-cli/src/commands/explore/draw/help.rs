//! All keys, over everything else.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

const KEYS: [&str; 14] = [
    "Tab, Shift-Tab  the next pane, the one before",
    "↑ ↓ PgUp PgDn   move in the pane, or scroll it",
    "Home End        its first and its last line",
    "Enter           look at the stream",
    "/               filter: the beginning of a name",
    "← →             the moment of the event before, after",
    "[ ]             a step of time back, on",
    "u               how long such a step is",
    "c               the other clock: when it happened,",
    "                or when the store took it",
    "r               take in what was appended since",
    "q, Ctrl-C       end",
    "",
    "· does not count yet at the moment   * is looked at",
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect) {
    let area =
        area.centered(Constraint::Length(58), Constraint::Length((KEYS.len() as u16 + 2).min(area.height)));
    frame.render_widget(Clear, area);
    let lines: Vec<_> = KEYS.iter().map(|key| Line::from(format!(" {key}"))).collect();
    let block = Block::bordered().title(" keys (any key goes on) ");
    frame.render_widget(Paragraph::new(lines).block(block), area);
}
