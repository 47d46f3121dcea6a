//! Standard output: buffered, in one of two formats, and without a panic when the reader goes away.

use crate::json::text;
use crate::table::{Column, Table};
use anyhow::Result;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

/// The two formats of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people: aligned columns.
    Table,
    /// For programs: one JSON object per line.
    Jsonl,
}

/// Somebody closed the other end of standard output. Not a failure: they have seen enough.
#[derive(Debug)]
pub(crate) struct StdoutClosed;

impl fmt::Display for StdoutClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output was closed")
    }
}

impl std::error::Error for StdoutClosed {}

/// Standard output.
pub(crate) struct Out {
    format: Format,
    to: BufWriter<Lines<StdoutLock<'static>>>,
}

impl Out {
    /// Opens it in the format asked for: tables on a terminal and JSON Lines elsewhere unless told otherwise.
    pub(crate) fn new(format: Option<Format>) -> Self {
        let stdout = io::stdout();
        let usual = if stdout.is_terminal() { Format::Table } else { Format::Jsonl };
        let lines = Lines { to: stdout.lock(), carriage: false };
        Out { format: format.unwrap_or(usual), to: BufWriter::with_capacity(64 << 10, lines) }
    }

    /// From here on the terminal takes bytes as they are, so that the beginning of a line must be asked for.
    pub(crate) fn terminal_is_raw(&mut self) {
        self.to.get_mut().carriage = true;
    }

    pub(crate) fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        done(self.to.write_all(bytes))
    }

    /// Writes one line.
    pub(crate) fn line(&mut self, text: impl fmt::Display) -> Result<()> {
        done(writeln!(self.to, "{text}"))
    }

    /// Writes everything that is still in the buffer.
    pub(crate) fn flush(&mut self) -> Result<()> {
        done(self.to.flush())
    }

    /// Starts a table. Its rows are written by [`Table::row`].
    pub(crate) fn table(&self, columns: &'static [Column]) -> Table {
        Table::new(columns)
    }

    /// Writes facts about one thing: a JSON object, or a line for each.
    pub(crate) fn facts(&mut self, facts: &Facts) -> Result<()> {
        if !self.is_table() {
            return self.line(facts.json());
        }
        let width = facts.0.iter().map(|(key, ..)| key.len()).max().unwrap_or(0);
        for (key, _, shown) in &facts.0 {
            let key = console::style(format!("{key:width$}")).bold();
            let shown = if shown.is_empty() { "-" } else { shown };
            self.line(format_args!("{key}  {shown}"))?;
        }
        Ok(())
    }
}

/// Passes bytes on, and puts a carriage return before each line break where the terminal does not do that.
struct Lines<W> {
    to: W,
    carriage: bool,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match bytes.iter().position(|byte| *byte == b'\n').filter(|_| self.carriage) {
            None => self.to.write(bytes),
            Some(0) => self.to.write_all(b"\r\n").map(|()| 1),
            Some(end) => self.to.write(&bytes[..end]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn done(result: io::Result<()>) -> Result<()> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => StdoutClosed.into(),
        _ => anyhow::Error::new(error).context("cannot write to standard output"),
    })
}

/// Named values in order, each as JSON text and as a person reads it.
#[derive(Default)]
pub(crate) struct Facts(Vec<(&'static str, String, String)>);

impl Facts {
    pub(crate) fn new() -> Self {
        Facts::default()
    }

    /// Adds a number or anything else that is JSON as it is shown.
    pub(crate) fn number(self, key: &'static str, value: impl fmt::Display) -> Self {
        let text = value.to_string();
        self.json_and(key, text.clone(), text)
    }

    /// Adds a text.
    pub(crate) fn text(self, key: &'static str, value: impl fmt::Display) -> Self {
        let value = value.to_string();
        let mut json = Vec::new();
        text::push_string(&mut json, &value);
        let shown = crate::table::printable(&value).into_owned();
        self.json_and(key, String::from_utf8_lossy(&json).into_owned(), shown)
    }

    /// Adds a text, or `null`.
    pub(crate) fn maybe(self, key: &'static str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self.json_and(key, "null".to_owned(), "-".to_owned()),
        }
    }

    /// Adds a value whose two forms differ.
    pub(crate) fn json_and(mut self, key: &'static str, json: String, shown: String) -> Self {
        self.0.push((key, json, shown));
        self
    }

    /// All of it as one JSON object.
    pub(crate) fn json(&self) -> String {
        let members: Vec<_> = self.0.iter().map(|(key, json, _)| format!("{key:?}:{json}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// A line on standard error. If nobody can read it, there is nobody to tell.
pub(crate) fn note(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_at_the_left_where_the_terminal_is_raw() {
        for (carriage, expected) in [(false, "a\n\nb\nc"), (true, "a\r\n\r\nb\r\nc")] {
            let mut lines = Lines { to: Vec::new(), carriage };
            lines.write_all(b"a\n\nb\nc").unwrap();
            assert_eq!(lines.to, expected.as_bytes());
        }
    }

    #[test]
    fn facts_are_one_json_object_in_their_order() {
        let facts = Facts::new().number("n", 1).text("t", "a\"b").maybe("m", None::<&str>);
        assert_eq!(facts.json(), r#"{"n":1,"t":"a\"b","m":null}"#);
    }
}
