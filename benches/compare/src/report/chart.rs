//! The chart: for each workload a panel, in it a bar for each engine, as long as its ratio to the floor.

use super::cell::Cell;
use super::columns::{Column, SUMMARY};
use super::number::ratio;
use crate::Outcome;
use crate::results::Measurement;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::collections::BTreeSet;
use std::path::Path;

/// Which columns of the summary have a panel.
const PANELS: [&str; 9] = [
    "W1 one writer, one event, appends/s",
    "W2 16 writers, appends/s",
    "W2 64 writers, appends/s",
    "W3 batches of 100, events/s",
    "W3 batches of 1000, events/s",
    "W9 16 writers, appends/s",
    "W5 streams of 100, streams/s",
    "W5 streams of 10, streams/s",
    "W6 scan, events/s",
];
const COLUMNS: usize = 3;
const PANEL_WIDTH: u32 = 330;
const ROW_HEIGHT: i32 = 18;
const HEAD_HEIGHT: i32 = 44;
const FOOT_HEIGHT: i32 = 14;
const TITLE_HEIGHT: u32 = 40;
/// Where bars begin, and how long they get.
const BARS_AT: i32 = 92;
const BARS_WIDTH: i32 = 180;

const OWN: &str = "annals";
const INK: RGBColor = RGBColor(40, 40, 40);
const FAINT: RGBColor = RGBColor(130, 130, 130);
const OTHERS: RGBColor = RGBColor(158, 178, 196);
const ACCENT: RGBColor = RGBColor(192, 80, 30);

/// Draws the chart into an SVG file: nothing if no panel has anything to show.
///
/// # Errors
/// What the system says.
pub fn draw(all: &[Measurement], path: &Path) -> Outcome {
    let panels: Vec<Panel> = SUMMARY.iter().filter_map(|column| Panel::new(all, column)).collect();
    let Some(rows_most) = panels.iter().map(|panel| panel.bars.len()).max() else { return Ok(()) };
    let panel_height = u32::try_from(HEAD_HEIGHT + FOOT_HEIGHT + ROW_HEIGHT * i32::try_from(rows_most)?)?;
    let columns = panels.len().min(COLUMNS);
    let rows = panels.len().div_ceil(COLUMNS);
    let size = (PANEL_WIDTH * u32::try_from(columns)?, TITLE_HEIGHT + panel_height * u32::try_from(rows)?);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE).map_err(shown)?;
    let title = "Ratio to the raw floor of the same round (1 = the floor; longer is better)";
    area.draw(&Text::new(title, (12, 12), ("sans-serif", 16).into_font().color(&INK))).map_err(shown)?;
    let (_, area) = area.split_vertically(TITLE_HEIGHT);
    for (panel, area) in panels.iter().zip(area.split_evenly((rows, columns))) {
        panel.draw(&area)?;
    }
    area.present().map_err(shown)
}

/// The bars of a workload, the longest first.
struct Panel {
    title: &'static str,
    bars: Vec<(String, f64)>,
}

impl Panel {
    fn new(all: &[Measurement], column: &Column) -> Option<Self> {
        let engines: BTreeSet<&str> = all.iter().map(|one| one.engine.as_str()).collect();
        let bar = |engine: &str| Some((engine.to_owned(), Cell::new(all, column, engine)?.ratios?.0));
        let mut bars: Vec<(String, f64)> = engines.into_iter().filter_map(bar).collect();
        bars.sort_by(|one, other| other.1.total_cmp(&one.1));
        (PANELS.contains(&column.title) && !bars.is_empty()).then_some(Panel { title: column.title, bars })
    }

    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Outcome {
        let title = ("sans-serif", 14).into_font().color(&INK);
        area.draw(&Text::new(self.title, (12, 8), title)).map_err(shown)?;
        let most = self.bars.iter().map(|(_, ratio)| *ratio).fold(1.0, f64::max);
        for (row, (engine, figure)) in (0..).zip(&self.bars) {
            let top = HEAD_HEIGHT + row * ROW_HEIGHT;
            let own = engine == OWN;
            let color = if own { ACCENT } else { OTHERS };
            let bar = [(BARS_AT, top), (BARS_AT + length(*figure, most), top + ROW_HEIGHT - 4)];
            area.draw(&Rectangle::new(bar, color.filled())).map_err(shown)?;
            let middle = top + (ROW_HEIGHT - 4) / 2;
            label(area, engine, (BARS_AT - 6, middle), HPos::Right, if own { ACCENT } else { INK })?;
            // Behind the longest bar, where no line crosses it.
            label(area, &ratio(*figure), (BARS_AT + BARS_WIDTH + 8, middle), HPos::Left, INK)?;
        }
        let (floor, rows) = (BARS_AT + length(1.0, most), i32::try_from(self.bars.len())?);
        let line = [(floor, HEAD_HEIGHT - 6), (floor, HEAD_HEIGHT + rows * ROW_HEIGHT)];
        area.draw(&PathElement::new(line, FAINT)).map_err(shown)?;
        label(area, "floor", (floor, HEAD_HEIGHT - 13), HPos::Center, FAINT)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "pixels, of which there are few")]
fn length(ratio: f64, most: f64) -> i32 {
    (f64::from(BARS_WIDTH) * ratio / most).round() as i32
}

fn label(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    text: &str,
    at: (i32, i32),
    side: HPos,
    color: RGBColor,
) -> Outcome {
    let style = ("sans-serif", 12).into_font().color(&color).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(text.to_owned(), at, style)).map_err(shown)
}

/// Errors of the drawing library may not leave their thread; their text may.
fn shown(error: impl std::fmt::Display) -> Box<dyn std::error::Error + Send + Sync> {
    error.to_string().into()
}
