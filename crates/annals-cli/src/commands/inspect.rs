//! `inspect`: what one file of a store holds.

use super::verify::report;
use crate::failure::Damaged;
use crate::output::{Facts, Out};
use crate::table::{Column, Table, number, text};
use crate::time;
use crate::tool::Tool;
use annals::{EventRef, Fact, InspectedFrame, InspectedRecord, Inspection, OpenError, PayloadError};
use anyhow::{Error, Result, anyhow, bail};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Show what one file of a store holds: a log segment, an index run or the manifest
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  annals inspect ./annals-data/MANIFEST\n  \
    annals inspect ./annals-data/log/000000000001.seg --frame 64")]
pub(crate) struct Args {
    /// The file
    file: PathBuf,
    /// Show the records of the frame that begins at this byte of a segment
    #[arg(long, value_name = "OFFSET")]
    frame: Option<u64>,
}

const COLUMNS: &[Column] = &[
    number("offset"),
    number("length"),
    number("first_position"),
    number("records"),
    number("lost"),
    number("dictionary"),
    number("missing"),
    number("durable"),
    text("recorded"),
];

const RECORD_COLUMNS: &[Column] = &[
    number("offset"),
    number("position"),
    text("stream"),
    number("version"),
    text("type"),
    number("data_bytes"),
    text("lost"),
    text("id"),
];

pub(crate) fn run(args: &Args, tool: &Tool) -> Result<()> {
    let mut out = tool.out();
    if let Some(offset) = args.frame {
        return records(&mut out, &args.file, offset);
    }
    let inspection =
        annals::inspect(&args.file, &mut |_| {}).map_err(|error| not_inspected(error, &args.file))?;
    head(&mut out, &inspection)?;
    if inspection.frames > 0 {
        frames(&mut out, &args.file)?;
    }
    for finding in &inspection.findings {
        report(&mut out, finding)?;
    }
    out.flush()?;
    if !inspection.findings.is_empty() {
        bail!(Damaged(format!("{} is damaged: `annals verify` checks the whole store", args.file.display())));
    }
    Ok(())
}

/// The records of one frame.
fn records(out: &mut Out, file: &Path, offset: u64) -> Result<()> {
    let mut table = out.table(RECORD_COLUMNS);
    let mut written = Ok(());
    let inspected = annals::inspect_frame(file, offset, &mut |record| {
        if written.is_ok() {
            written = write_record(out, &mut table, &record);
        }
    });
    written?;
    table.flush(out)?;
    out.flush()?;
    inspected.map_err(|error| match error {
        // Nothing says that there should be a frame: the offset may be any.
        OpenError::Corrupt(damage) if damage.offset == offset => anyhow!(
            "no whole frame begins at byte {offset} of {file} ({damage}): `annals inspect {file}` lists those that there are",
            file = file.display()
        ),
        error => not_inspected(error, file),
    })
}

fn write_record(out: &mut Out, table: &mut Table, record: &InspectedRecord<'_>) -> Result<()> {
    let event = &record.event;
    if out.is_table() {
        let lost = if event.is_lost() { "lost" } else { "" };
        return table.row(
            out,
            vec![
                record.offset.to_string(),
                event.position.to_string(),
                event.stream.to_owned(),
                event.version.to_string(),
                event.event_type.to_owned(),
                data_bytes(event).map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
                lost.to_owned(),
                event.id.to_string(),
            ],
        );
    }
    let line = Facts::new()
        .number("offset", record.offset)
        .number("position", event.position)
        .text("stream", event.stream)
        .number("version", event.version)
        .text("type", event.event_type)
        .number("data_bytes", data_bytes(event).map_or_else(|| "null".to_owned(), |bytes| bytes.to_string()))
        .number("lost", event.is_lost())
        .text("id", event.id)
        .text("recorded", time::show(event.recorded_at));
    out.line(line.json())
}

/// How many bytes of data the event has or had, if the record alone tells.
fn data_bytes(event: &EventRef<'_>) -> Option<u64> {
    match event.data() {
        Ok(data) => Some(data.len() as u64),
        Err(PayloadError::Erased { erasure, .. }) => Some(erasure.data_bytes.into()),
        Err(_) => None,
    }
}

/// Why a file cannot be inspected: what the library says of a whole store, said of the file.
fn not_inspected(error: OpenError, file: &Path) -> Error {
    let file = file.display();
    match error {
        OpenError::NotFound { .. } => anyhow!("there is no file {file}: name one in a store's directory"),
        OpenError::NotAStore { .. } => anyhow!(
            "{file} does not begin like a segment, run or manifest: if it is one of a store, it is damaged and \
            `annals verify` tells more"
        ),
        other => other.into(),
    }
}

/// What the file says of itself: one line of JSON, or a line for each fact.
fn head(out: &mut Out, inspection: &Inspection) -> Result<()> {
    if !out.is_table() {
        let facts: Map<String, Value> =
            inspection.facts.iter().map(|(key, fact)| ((*key).to_owned(), value(fact))).collect();
        return out.line(json!({"kind": inspection.kind, "facts": facts, "frames": inspection.frames}));
    }
    let facts = inspection.facts.iter();
    let facts =
        facts.fold(Facts::new().text("kind", inspection.kind), |all, (key, fact)| all.text(key, fact));
    out.facts(&facts)?;
    if inspection.frames > 0 { out.line("") } else { Ok(()) }
}

fn value(fact: &Fact) -> Value {
    match fact {
        Fact::Number(number) => json!(number),
        Fact::Numbers(numbers) => json!(numbers),
        Fact::Flag(flag) => json!(flag),
        Fact::Text(text) => json!(text),
    }
}

/// The frames, as they are read: there may be many.
fn frames(out: &mut Out, file: &Path) -> Result<()> {
    let mut table = out.table(COLUMNS);
    let mut written = Ok(());
    annals::inspect(file, &mut |frame| {
        if written.is_ok() {
            written = write_frame(out, &mut table, frame);
        }
    })?;
    written?;
    table.flush(out)
}

fn write_frame(out: &mut Out, table: &mut Table, frame: &InspectedFrame) -> Result<()> {
    if out.is_table() {
        return table.row(out, cells(frame));
    }
    let line = Facts::new()
        .number("offset", frame.offset)
        .number("length", frame.length)
        .number("first_position", frame.first_position)
        .number("records", frame.records)
        .number("lost", frame.lost)
        .number("dictionary", frame.dictionary_bytes.unwrap_or(0))
        .number("missing", frame.missing)
        .number("durable", frame.durable)
        .text("recorded", time::show(frame.recorded_at));
    out.line(line.json())
}

fn cells(frame: &InspectedFrame) -> Vec<String> {
    vec![
        frame.offset.to_string(),
        frame.length.to_string(),
        frame.first_position.to_string(),
        frame.records.to_string(),
        frame.lost.to_string(),
        frame.dictionary_bytes.unwrap_or(0).to_string(),
        frame.missing.to_string(),
        frame.durable.to_string(),
        time::show(frame.recorded_at).to_string(),
    ]
}
