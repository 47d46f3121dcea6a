//! The time of the stream as a line, and the moment on it.

use super::super::model::Model;
use super::panes::place;
use annals::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Stylize;
use ratatui::text::Line;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let Some(chosen) = &model.chosen else { return };
    let (Some(moment), Some(spans)) = (&chosen.moment, chosen.spans) else { return };
    let [words, bar] =
        ratatui::layout::Layout::vertical([ratatui::layout::Constraint::Length(1); 2]).areas(area);
    let text = format!(" {}", place(model, chosen));
    frame.render_widget(Line::from(text).bold(), words);
    let text = line(moment.time, spans.on(model.clock), bar.width);
    frame.render_widget(Line::from(text), bar);
}

/// The line from the first to the last time, with a mark for the moment.
fn line(time: Timestamp, (first, last): (Timestamp, Timestamp), width: u16) -> String {
    let cells = usize::from(width).saturating_sub(4).max(1);
    let (first, last) = (i128::from(first.as_nanos()), i128::from(last.as_nanos()));
    let time = i128::from(time.as_nanos());
    let place = if last <= first {
        if time < first { 0 } else { cells - 1 }
    } else {
        let part = (time.clamp(first, last) - first) * (cells as i128 - 1) / (last - first);
        usize::try_from(part).unwrap_or(0)
    };
    // Beyond the ends the mark stands outside.
    let (before, after) = (time < first, time > last);
    let inside: String =
        (0..cells).map(|cell| if cell == place && !before && !after { '●' } else { '─' }).collect();
    format!("{}├{inside}┤{}", if before { '●' } else { ' ' }, if after { '●' } else { ' ' })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_where_the_moment_is_between_the_ends_or_outside() {
        let at = Timestamp::from_nanos;
        let shown = |time, first, last| line(at(time), (at(first), at(last)), 14);
        assert_eq!(shown(0, 0, 90), " ├●─────────┤ ");
        assert_eq!(shown(50, 0, 90), " ├─────●────┤ ");
        assert_eq!(shown(90, 0, 90), " ├─────────●┤ ");
        assert_eq!(shown(-1, 0, 90), "●├──────────┤ ");
        assert_eq!(shown(91, 0, 90), " ├──────────┤●");
        assert_eq!(shown(7, 7, 7), " ├─────────●┤ ");
        assert_eq!(shown(i64::MAX, i64::MIN, i64::MAX), " ├─────────●┤ ");
        assert_eq!(line(at(0), (at(0), at(1)), 0), " ├●┤ ");
    }
}
