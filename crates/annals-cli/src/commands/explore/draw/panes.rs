//! The four panes.

use super::super::model::{Chosen, EventRow, Focus, Model, Shown};
use super::{clock_name, pane, selected_style, visible};
use crate::table::printable;
use crate::time;
use annals::Clock;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

pub(super) fn streams(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let list = &model.streams;
    let mut title = match (list.prefix.as_str(), model.typing) {
        ("", false) => "streams".to_owned(),
        (prefix, typing) => format!("streams {}{}", printable(prefix), if typing { "_" } else { "*" }),
    };
    if list.page() > 0 {
        title = format!("{title}, page {}", list.page() + 1);
    }
    let block = pane(title, model.focus == Focus::Streams);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if list.rows.is_empty() {
        return frame.render_widget(Line::from("no stream"), inner);
    }
    let shown = visible(list.rows.len(), list.selected, inner.height);
    let ends_here = shown.end == list.rows.len();
    let mut lines = Vec::new();
    for number in shown {
        let row = &list.rows[number];
        let is_chosen = model.chosen.as_ref().is_some_and(|chosen| chosen.stream == row.name);
        let mark = if is_chosen { "*" } else { " " };
        let line = spread(&format!("{mark}{}", printable(&row.name)), &row.events.to_string(), inner.width);
        lines.push(Line::styled(line, selected_style(number == list.selected)));
    }
    if ends_here && list.more && lines.len() == usize::from(inner.height) {
        lines.pop();
        lines.push(Line::from(" … more: go on down"));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

pub(super) fn events(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let title = match &model.chosen {
        Some(chosen) => format!("events of {}", printable(&chosen.stream)),
        None => "events".to_owned(),
    };
    let block = pane(title, model.focus == Focus::Events);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let Some(chosen) = &model.chosen else { return };
    if let Some(text) = loading(chosen) {
        return frame.render_widget(Line::from(text), inner);
    }
    let Some(window) = &chosen.window else { return };
    let selected = chosen.moment.as_ref().and_then(|moment| moment.at.as_ref()).map_or(0, |row| row.version);
    let place = window.rows.partition_point(|row| row.version < selected);
    let width = chosen.last.unwrap_or(0).to_string().len();
    let shown = visible(window.rows.len(), place, inner.height);
    let lines = window.rows[shown].iter().map(|row| {
        let counts = counts(model.clock, chosen, row);
        let line = event_line(row, model.clock, counts, width);
        let style = if counts { Style::new() } else { Style::new().dim() };
        Line::styled(line, style.patch(selected_style(row.version == selected)))
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), inner);
}

/// Whether an event counts at the moment.
fn counts(clock: Clock, chosen: &Chosen, row: &EventRow) -> bool {
    chosen.moment.as_ref().and_then(|moment| moment.at.as_ref()).is_some_and(|at| match clock {
        Clock::Occurred => row.occurred_at <= at.occurred_at,
        Clock::Recorded => row.version <= at.version,
    })
}

fn event_line(row: &EventRow, clock: Clock, counts: bool, width: usize) -> String {
    let mark = if counts { ' ' } else { '·' };
    let time = time::show(row.time(clock)).to_string();
    format!("{mark}{:>width$}  {time:<20}  {}", row.version, printable(&row.event_type))
}

/// What is said while the stream is read for the first time.
fn loading(chosen: &Chosen) -> Option<String> {
    match chosen.last {
        None if chosen.window.is_none() => Some("reading …".to_owned()),
        Some(last) if chosen.outlined < last => {
            Some(format!("reading … {} of {last} events", chosen.outlined))
        }
        Some(0) => Some("no events".to_owned()),
        _ => None,
    }
}

pub(super) fn state(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let at = model.chosen.as_ref().and_then(|chosen| chosen.moment.as_ref());
    let title = match (at.map(|moment| &moment.at), model.clock) {
        (None, _) => "state".to_owned(),
        (Some(None), _) => "state before all events".to_owned(),
        (Some(Some(row)), Clock::Recorded) => format!("state at version {}", row.version),
        (Some(Some(_)), Clock::Occurred) => "state at the moment".to_owned(),
    };
    let block = pane(title, model.focus == Focus::State);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let Some(chosen) = &model.chosen else { return };
    match (&chosen.state, chosen.progress) {
        (Some(shown), _) => {
            let lines = shown.lines.iter().skip(chosen.scroll.min(shown.lines.len().saturating_sub(1)));
            let lines = lines.take(inner.height.into()).map(|line| Line::from(line.as_str()));
            frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), inner);
        }
        (None, Some((done, of))) => {
            frame.render_widget(Line::from(format!("folding … {done} of {of} events")), inner);
        }
        (None, None) => {}
    }
}

pub(super) fn changes(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let title = match model.clock {
        Clock::Occurred => "changed at this moment",
        Clock::Recorded => "changed by this event",
    };
    let block = pane(title.to_owned(), model.focus == Focus::Changes);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let Some(chosen) = &model.chosen else { return };
    let Some(shown) = &chosen.state else { return };
    if shown.changes.is_empty() {
        return frame.render_widget(Line::from("nothing"), inner);
    }
    frame.render_widget(Paragraph::new(change_lines(shown, chosen.changes_scroll, inner)), inner);
}

/// Each change as a line, and on further ones what does not fit into it.
fn change_lines(shown: &Shown, scroll: usize, inner: Rect) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let width = usize::from(inner.width).saturating_sub(2).max(1);
    for (sign, text) in shown.changes.iter().skip(scroll.min(shown.changes.len() - 1)) {
        let color = match sign {
            '+' => Color::Green,
            '-' => Color::Red,
            _ => Color::Yellow,
        };
        let mut head = *sign;
        for piece in pieces(text, width) {
            if lines.len() == usize::from(inner.height) {
                return lines;
            }
            lines.push(Line::from(format!("{head} {piece}")).fg(color));
            head = ' ';
        }
    }
    lines
}

/// A text in pieces of so many columns.
fn pieces(text: &str, width: usize) -> Vec<&str> {
    let (mut pieces, mut begin, mut used) = (Vec::new(), 0, 0);
    for (place, char) in text.char_indices() {
        let wide = console::measure_text_width(char.encode_utf8(&mut [0; 4]));
        if used + wide > width && place > begin {
            pieces.push(&text[begin..place]);
            (begin, used) = (place, 0);
        }
        used += wide;
    }
    pieces.push(&text[begin..]);
    pieces
}

/// Two texts at the ends of a line; the first one is cut if it must be.
fn spread(left: &str, right: &str, width: u16) -> String {
    let room = usize::from(width).saturating_sub(right.len() + 1);
    let left = console::truncate_str(left, room, "…");
    let blanks = room.saturating_sub(console::measure_text_width(&left)) + 1;
    format!("{left}{}{right}", " ".repeat(blanks))
}

/// Where one is, in words.
pub(super) fn place(model: &Model, chosen: &Chosen) -> String {
    let Some(moment) = &chosen.moment else { return String::new() };
    let time = time::show(moment.time);
    let last = chosen.last.unwrap_or(0);
    let clock = clock_name(model.clock);
    match &moment.at {
        None => format!("{clock} {time}   before the first of {last} events"),
        Some(row) if row.time(model.clock) < moment.time => {
            format!("{clock} {time}   after event {} of {last}, position {}", row.version, row.position)
        }
        Some(row) => format!("{clock} {time}   event {} of {last}, position {}", row.version, row.position),
    }
}
