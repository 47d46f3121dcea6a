//! `verify`: every byte of every file, checked.

use crate::failure::Damaged;
use crate::output::{Facts, Out};
use crate::progress;
use crate::tool::Tool;
use annals::{Finding, Verification};
use anyhow::{Result, bail};
use serde_json::json;

/// Read and check every byte of every file of the store
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status 4 if anything is wrong. Torn bytes after the last whole batch are what a crash \
    leaves behind: they are noted, and nothing is wrong with them.\n\n\
    Example:\n  annals verify"
)]
pub(crate) struct Args {}

pub(crate) fn run(tool: &Tool, _args: &Args) -> Result<()> {
    let bar = progress::bytes("verify", Some(0));
    let checked = annals::verify(&tool.store, &mut |progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_done);
    });
    bar.finish_and_clear();
    let checked = checked?;
    let mut out = tool.out();
    for finding in &checked.findings {
        report(&mut out, finding)?;
    }
    summary(&mut out, &checked)?;
    out.flush()?;
    match checked.findings.len() {
        0 => Ok(()),
        count => {
            let findings = if count == 1 { "finding" } else { "findings" };
            bail!(Damaged(format!(
                "the store {} is damaged ({count} {findings}): keep a copy of the directory before anything else",
                tool.store.display()
            )))
        }
    }
}

/// One finding: a line of JSON, or a sentence.
pub(crate) fn report(out: &mut Out, finding: &Finding) -> Result<()> {
    let Finding { file, offset, what, .. } = finding;
    if !out.is_table() {
        return out.line(json!({"file": file, "offset": offset, "what": what}));
    }
    let place = offset.map(|offset| format!(" at byte {offset}")).unwrap_or_default();
    out.line(format_args!("{} {file}{place}: {what}", console::style("damaged").red().bold()))
}

fn summary(out: &mut Out, checked: &Verification) -> Result<()> {
    let ok = checked.findings.is_empty();
    let facts = Facts::new()
        .number("ok", ok)
        .number("findings", checked.findings.len())
        .number("events", checked.events)
        .number("lost", checked.lost)
        .number("last_position", checked.last_position)
        .number("segments", checked.segments)
        .number("runs", checked.runs)
        .number("snapshots", checked.snapshots)
        .number("bytes", checked.bytes)
        .json_and("notes", json!(checked.notes).to_string(), checked.notes.join("; "));
    out.facts(&facts)
}
