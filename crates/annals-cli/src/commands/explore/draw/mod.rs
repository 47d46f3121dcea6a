//! The model on the screen. Nothing is told by colour alone: signs, marks and titles say the same.

mod help;
mod panes;
mod slider;

use super::model::{Focus, Model};
use crate::table::printable;
use annals::Clock;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};

/// With less there is no room for what belongs together.
const WIDTH_MIN: u16 = 60;
const HEIGHT_MIN: u16 = 16;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model) {
    let area = frame.area();
    if area.width < WIDTH_MIN || area.height < HEIGHT_MIN {
        return too_small(frame, area);
    }
    let rows = [Constraint::Length(1), Constraint::Min(1), Constraint::Length(2), Constraint::Length(1)];
    let [title, body, slider, keys] = Layout::vertical(rows).areas(area);
    draw_title(frame, title, model);
    let left = (area.width / 4).clamp(24, 44);
    let [streams, right] = Layout::horizontal([Constraint::Length(left), Constraint::Min(1)]).areas(body);
    let upper = right.height * 9 / 20;
    let [events, lower] = Layout::vertical([Constraint::Length(upper), Constraint::Min(1)]).areas(right);
    let [state, changes] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(lower);
    panes::streams(frame, streams, model);
    panes::events(frame, events, model);
    panes::state(frame, state, model);
    panes::changes(frame, changes, model);
    slider::draw(frame, slider, model);
    draw_keys(frame, keys, model);
    if model.help {
        help::draw(frame, area);
    }
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let text = format!(
        "The terminal is too small: {WIDTH_MIN} columns and {HEIGHT_MIN} lines are needed, it has {} and {}. q ends.",
        area.width, area.height
    );
    let wrap = ratatui::widgets::Wrap { trim: true };
    frame.render_widget(Paragraph::new(text).wrap(wrap), area);
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let clock = format!("clock: {} ", clock_name(model.clock));
    let [left, right] =
        Layout::horizontal([Constraint::Min(1), Constraint::Length(clock.len() as u16)]).areas(area);
    let title = format!(" annals explore  {}", printable(&model.store));
    frame.render_widget(Line::from(title).bold(), left);
    frame.render_widget(Line::from(clock).bold(), right);
}

fn draw_keys(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let text = match (&model.said, model.typing) {
        (Some(said), _) => format!(" {said}"),
        (None, true) => " type the beginning of a name   Enter keeps it   Esc shows all streams".to_owned(),
        (None, false) => {
            let own = match model.focus {
                Focus::Streams => "↑↓ Enter",
                Focus::Events => "↑↓ event",
                Focus::State | Focus::Changes => "↑↓ scroll",
            };
            let step = model.unit.name();
            format!(" {own}  ←→ moment  [] {step}  c clock  / filter  Tab pane  r refresh  ? help  q")
        }
    };
    frame.render_widget(Line::from(text).add_modifier(Modifier::REVERSED), area);
}

pub(super) fn clock_name(clock: Clock) -> &'static str {
    match clock {
        Clock::Occurred => "occurred",
        Clock::Recorded => "recorded",
    }
}

/// The frame of a pane: the one that has the keys is drawn thick, and its title has a mark.
fn pane(title: String, has_keys: bool) -> Block<'static> {
    if has_keys {
        let title = Span::from(format!("> {title} ")).bold();
        Block::bordered().border_type(ratatui::widgets::BorderType::Thick).title(title)
    } else {
        Block::bordered().title(format!(" {title} "))
    }
}

/// Which of some rows are shown, so that the selected one is in the middle where that is possible.
fn visible(rows: usize, selected: usize, height: u16) -> std::ops::Range<usize> {
    let height = usize::from(height);
    let first = selected.saturating_sub(height / 2).min(rows.saturating_sub(height));
    first..rows.min(first + height)
}

fn selected_style(is_selected: bool) -> Style {
    if is_selected { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() }
}

#[cfg(test)]
mod tests;
