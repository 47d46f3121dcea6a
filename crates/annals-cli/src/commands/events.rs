//! Events on standard output: as JSON Lines, or as a table.

use crate::args::shown::Shown;
use crate::json::{erased, event_out, text};
use crate::output::Out;
use crate::table::{self, Column, Table, number};
use crate::time;
use annals::{EventRef, PayloadBuffer, Query, View};
use anyhow::Result;

const COLUMNS: &[Column] = &[
    number("position"),
    table::text("stream"),
    number("version"),
    table::text("type"),
    table::text("time"),
    table::text("data"),
];

/// Writes events one after another.
pub(crate) struct Printer {
    table: Option<Table>,
    line: Vec<u8>,
    buffer: PayloadBuffer,
}

impl Printer {
    pub(crate) fn new(out: &Out) -> Self {
        let table = out.is_table().then(|| Table::new(COLUMNS));
        Printer { table, line: Vec::new(), buffer: PayloadBuffer::new() }
    }

    /// Writes all events that the query selects; also those before one that cannot be read.
    pub(crate) fn all(&mut self, out: &mut Out, view: &View, query: Query) -> Result<()> {
        self.shown(out, view, query, Shown::default(), 0)
    }

    /// The same in a way that was asked for, without so many events at the front.
    pub(crate) fn shown(
        &mut self,
        out: &mut Out,
        view: &View,
        query: Query,
        shown: Shown,
        mut left_out: usize,
    ) -> Result<()> {
        let read = shown.each(view, query, |event, _| match left_out.checked_sub(1) {
            Some(fewer) => {
                left_out = fewer;
                Ok(())
            }
            None => self.one(out, event),
        });
        if read.is_err() {
            self.flush(out)?;
        }
        read
    }

    /// Writes one event.
    pub(crate) fn one(&mut self, out: &mut Out, event: &EventRef<'_>) -> Result<()> {
        if let Some(table) = &mut self.table {
            return table.row(out, cells(event));
        }
        self.line.clear();
        event_out::push(&mut self.line, &event.plain_in(&mut self.buffer).unwrap_or(*event))?;
        self.line.push(b'\n');
        out.bytes(&self.line)
    }

    /// Writes what still waits for more.
    pub(crate) fn flush(&mut self, out: &mut Out) -> Result<()> {
        if let Some(table) = &mut self.table {
            table.flush(out)?;
        }
        out.flush()
    }
}

fn cells(event: &EventRef<'_>) -> Vec<String> {
    vec![
        event.position.to_string(),
        event.stream.to_owned(),
        event.version.to_string(),
        event.event_type.to_owned(),
        time::show(event.occurred_at).to_string(),
        data(event),
    ]
}

/// The data of an event as a person reads them.
pub(crate) fn data(event: &EventRef<'_>) -> String {
    let data = match event.data() {
        Ok(data) => data,
        Err(error) => return erased::shown(&error),
    };
    match event_out::json_of(&data, event.content_type) {
        Some(json) => text::on_one_line(json).into_owned(),
        None if data.is_empty() => String::new(),
        None => format!("<{} bytes of {}>", data.len(), event.content_type),
    }
}
