//! `inspect`: what one file of a store holds.

use super::verify::report;
use crate::failure::Damaged;
use crate::output::{Facts, Out};
use crate::table::{Column, number, text};
use crate::time;
use crate::tool::Tool;
use annals::{InspectedFrame, Inspection, OpenError};
use anyhow::{Error, Result, anyhow, bail};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Show what one file of a store holds: a log segment, an index run or the manifest
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  annals inspect ./annals-data/MANIFEST")]
pub(crate) struct Args {
    /// The file
    file: PathBuf,
}

const COLUMNS: &[Column] = &[
    number("offset"),
    number("length"),
    number("first_position"),
    number("records"),
    number("durable"),
    text("recorded"),
];

pub(crate) fn run(args: &Args, tool: &Tool) -> Result<()> {
    let inspection = annals::inspect(&args.file).map_err(|error| not_inspected(error, &args.file))?;
    let mut out = tool.out();
    if out.is_table() {
        table(&mut out, &inspection)?
    } else {
        lines(&mut out, &inspection)?
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

fn lines(out: &mut Out, inspection: &Inspection) -> Result<()> {
    let facts: Map<String, Value> =
        inspection.facts.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    out.line(json!({"kind": inspection.kind, "facts": facts, "frames": inspection.frames.len()}))?;
    for frame in &inspection.frames {
        let line = Facts::new()
            .number("offset", frame.offset)
            .number("length", frame.length)
            .number("first_position", frame.first_position)
            .number("records", frame.records)
            .number("durable", frame.durable)
            .text("recorded", time::show(frame.recorded_at));
        out.line(line.json())?;
    }
    Ok(())
}

fn table(out: &mut Out, inspection: &Inspection) -> Result<()> {
    let facts = inspection.facts.iter();
    let facts =
        facts.fold(Facts::new().text("kind", inspection.kind), |all, (key, value)| all.text(key, value));
    out.facts(&facts)?;
    if inspection.frames.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut table = out.table(COLUMNS);
    for frame in &inspection.frames {
        table.row(out, cells(frame))?;
    }
    table.flush(out)
}

fn cells(frame: &InspectedFrame) -> Vec<String> {
    vec![
        frame.offset.to_string(),
        frame.length.to_string(),
        frame.first_position.to_string(),
        frame.records.to_string(),
        frame.durable.to_string(),
        time::show(frame.recorded_at).to_string(),
    ]
}
