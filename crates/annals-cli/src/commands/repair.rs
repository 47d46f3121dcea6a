//! `repair`: what is sound of a damaged store, copied into a new one.

use crate::failure::Damaged;
use crate::output::{Facts, Out};
use crate::progress;
use crate::tool::Tool;
use annals::{LostRange, OpenError, RepairReport};
use anyhow::{Error, Result, anyhow, bail};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Copy what is sound of a damaged store into a new one, and list what is lost
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The original is only read: keep it until the report has been looked at. Nobody may have it open for \
    writing. Positions, versions, ids and times stay as they are; lost positions are kept free, and reading skips them.\n\n\
    What compaction has removed stays removed. Where nothing tells whether events were removed or lost, that is said.\n\n\
    Exit status 4 if positions were lost, or may have been: the new store is complete otherwise, and verified.\n\n\
    Example:\n  annals repair ./repaired --store ./annals-data"
)]
pub(crate) struct Args {
    /// The directory of the new store: one that does not exist or is empty
    destination: PathBuf,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let bar = progress::bytes("repair", Some(0));
    let repaired = annals::repair(&tool.store, &args.destination, &mut |progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_done);
    });
    bar.finish_and_clear();
    let report = repaired.map_err(|error| explained(error, tool))?;
    let mut out = tool.out();
    for range in &report.lost {
        lost(&mut out, range, "lost")?;
    }
    for range in &report.uncertain {
        lost(&mut out, range, "removed or lost")?;
    }
    summary(&mut out, &report, &args.destination)?;
    out.flush()?;
    match (report.lost_positions, report.uncertain_positions) {
        (0, 0) => Ok(()),
        (0, count) => {
            let positions = if count == 1 { "position was" } else { "positions were" };
            bail!(Damaged(format!(
                "{count} {positions} removed or lost, and nothing tells which; the new store {} has all that can be \
                read, and is verified: keep the original {} until the report has been looked at",
                args.destination.display(),
                tool.store.display()
            )))
        }
        (count, _) => {
            let positions = if count == 1 { "position was" } else { "positions were" };
            bail!(Damaged(format!(
                "{count} {positions} lost; the new store {} is complete otherwise, and verified: keep the original {} \
                until the report has been looked at",
                args.destination.display(),
                tool.store.display()
            )))
        }
    }
}

/// What the library's texts, which are written for those who open a store, do not say to somebody who repairs one.
fn explained(error: OpenError, tool: &Tool) -> Error {
    match error {
        OpenError::Locked { .. } => anyhow!(
            "the store {} is open for writing, or was written while it was read: stop what writes it, and repair it \
            then, or a copy of it",
            tool.store.display()
        ),
        other => other.into(),
    }
}

/// One stretch of positions that are lost, or removed or lost: a line of JSON, or a sentence.
fn lost(out: &mut Out, range: &LostRange, fate: &str) -> Result<()> {
    let LostRange { first, last, file, offset, what, streams, unassigned } = range;
    if !out.is_table() {
        return out.line(json!({
            "first": first.get(),
            "last": last.get(),
            "fate": fate,
            "file": file,
            "offset": offset,
            "what": what,
            "streams": streams,
            "unassigned": unassigned,
        }));
    }
    let positions = if first == last { first.to_string() } else { format!("{first} to {last}") };
    let streams = if streams.is_empty() { String::new() } else { format!(" ({})", streams.join(", ")) };
    let streams = crate::table::printable(&streams).into_owned();
    let lost = console::style(fate).red().bold();
    out.line(format_args!("{lost} {positions}{streams}: {file} at byte {offset}: {what}"))
}

fn summary(out: &mut Out, report: &RepairReport, destination: &Path) -> Result<()> {
    let torn = report.torn_tail.as_ref();
    let torn = torn.map(|torn| format!("{} at byte {}: {}", torn.file, torn.offset, torn.what));
    let facts = Facts::new()
        .number("ok", report.lost_positions + report.uncertain_positions == 0)
        .number("events", report.events)
        .number("lost", report.lost_positions)
        .number("lost_before", report.lost_before)
        .number("removed", report.removed_positions)
        .number("removed_or_lost", report.uncertain_positions)
        .number("unassigned", report.unassigned)
        .number("snapshots", report.snapshots)
        .number("snapshots_left_out", report.snapshots_left_out)
        .number("last_position", report.last_position)
        .text("destination", destination.display())
        .maybe("torn_tail", torn)
        .json_and("notes", json!(report.notes).to_string(), report.notes.join("; "));
    out.facts(&facts)
}
