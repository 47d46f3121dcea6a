//! Tables for people: aligned columns that are written as they come, in bounded memory.
//!
//! The first rows decide the widths; a longer value later on moves its row rather than being cut. Only the last
//! column is cut, and only on a terminal, where the line ends.

use crate::output::Out;
use anyhow::Result;
use std::borrow::Cow;

/// How many rows decide the widths.
const SAMPLE_ROWS: usize = 200;
/// A column grows no wider than this for the sake of alignment.
const WIDTH_MAX: usize = 48;

/// A column: its name and the side on which its values stand.
pub(crate) struct Column {
    name: &'static str,
    right: bool,
}

/// A column of text.
pub(crate) const fn text(name: &'static str) -> Column {
    Column { name, right: false }
}

/// A column of numbers.
pub(crate) const fn number(name: &'static str) -> Column {
    Column { name, right: true }
}

/// A table under way.
pub(crate) struct Table {
    columns: &'static [Column],
    line_width: Option<usize>,
    waiting: Vec<Vec<String>>,
    widths: Vec<usize>,
}

impl Table {
    pub(crate) fn new(columns: &'static [Column]) -> Self {
        let terminal = console::Term::stdout();
        let line_width = terminal.size_checked().map(|(_, width)| usize::from(width));
        Table { columns, line_width, waiting: Vec::new(), widths: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, out: &mut Out, cells: Vec<String>) -> Result<()> {
        let cells: Vec<_> = cells.into_iter().map(|cell| printable(&cell).into_owned()).collect();
        if !self.widths.is_empty() {
            return out.line(self.line(&cells));
        }
        self.waiting.push(cells);
        if self.waiting.len() >= SAMPLE_ROWS { self.flush(out) } else { Ok(()) }
    }

    /// Writes what waits; the first time this fixes the widths and writes the head. Without rows there is no head.
    pub(crate) fn flush(&mut self, out: &mut Out) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        if self.widths.is_empty() {
            self.widths = self.measure();
            let names: Vec<_> = self.columns.iter().map(|column| column.name.to_owned()).collect();
            out.line(console::style(self.line(&names)).bold())?;
        }
        for cells in std::mem::take(&mut self.waiting) {
            out.line(self.line(&cells))?;
        }
        Ok(())
    }

    fn measure(&self) -> Vec<usize> {
        let widest = |(number, column): (usize, &Column)| {
            let cells = self.waiting.iter().map(|cells| console::measure_text_width(&cells[number]));
            cells.chain([column.name.len()]).max().unwrap_or(0).min(WIDTH_MAX)
        };
        self.columns.iter().enumerate().map(widest).collect()
    }

    fn line(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for ((cell, column), width) in cells.iter().zip(self.columns).zip(&self.widths) {
            let blanks = " ".repeat(width.saturating_sub(console::measure_text_width(cell)));
            let (before, after) = if column.right { (&*blanks, "") } else { ("", &*blanks) };
            line.extend([before, cell, after, "  "]);
        }
        line.truncate(line.trim_end().len());
        match self.line_width {
            Some(width) => cut(&line, width).into_owned(),
            None => line,
        }
    }
}

/// The text within a number of columns, with `…` where it was cut.
fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if console::measure_text_width(text) <= width {
        return text.into();
    }
    let mut kept = String::new();
    let mut used = 0;
    for char in text.chars() {
        used += console::measure_text_width(char.encode_utf8(&mut [0; 4]));
        if used >= width {
            break;
        }
        kept.push(char);
    }
    kept.push('…');
    kept.into()
}

/// The text with control characters written out, so that data cannot drive the terminal.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        if char.is_control() { shown.extend(char.escape_default()) } else { shown.push(char) }
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[number("n"), text("name"), text("data")];

    fn row(cells: [&str; 3]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    #[test]
    fn columns_are_aligned_by_what_a_terminal_shows() {
        let mut table = Table { columns: COLUMNS, line_width: None, waiting: Vec::new(), widths: Vec::new() };
        table.waiting = vec![row(["7", "犬", "x"]), row(["1000", "a", "y"])];
        table.widths = table.measure();
        assert_eq!(table.line(&table.waiting[0]), "   7  犬    x");
        assert_eq!(table.line(&table.waiting[1]), "1000  a     y");
    }

    #[test]
    fn a_line_is_cut_where_the_terminal_ends() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("犬犬犬犬", 6), "犬犬…");
    }

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
    }
}
