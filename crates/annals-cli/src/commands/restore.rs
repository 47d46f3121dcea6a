//! `restore`: a store made of a backup, as of a moment.

use super::backup::{How, files};
use crate::args::values::Moment;
use crate::output::Facts;
use crate::progress;
use crate::time;
use crate::tool::Tool;
use annals::{BackupProgress, RestoreReport, RestoreTo};
use anyhow::Result;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Make a store of a backup: of all of it, or up to a position or a time
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The backup is only read. Any store can be restored from, also one that is being written.\n\n\
    A batch is there as a whole or not at all: a position within one means the end of the batch before it. The new store \
    keeps the id of the old one, and positions behind its end are given again: what has read further than that has to be \
    set back, and backups that have more are not continued.\n\n\
    JSON: position (the last one of the new store), recorded (when it was recorded), backup_position (the last one of \
    the backup), destination, kept, linked, cloned, copied (files, each with its bytes as kept_bytes and so on), \
    verified_bytes, notes.\n\n\
    Exit status 4 if the backup is damaged: then there is no new store.\n\n\
    Examples:\n  annals restore /backups/shop ./shop\n  \
    annals restore /backups/shop ./before --to 2024-05-01T09:30:00Z"
)]
pub(crate) struct Args {
    /// The directory of the backup
    backup: PathBuf,
    /// The directory of the new store: one that does not exist or is empty
    destination: PathBuf,
    /// The last position, or the time up to which events were recorded, inclusive [default: all]
    #[arg(long, value_name = "POSITION|TIME")]
    to: Option<Moment>,
    #[command(flatten)]
    how: How,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let options = args.how.options();
    let report = with_bar(|progress| {
        annals::restore(&args.backup, &args.destination, restore_to(args.to), &options, progress)
    })?;
    tool.tell(&facts(&report, &args.destination))
}

/// Up to where a store is restored.
pub(super) fn restore_to(to: Option<Moment>) -> RestoreTo {
    match to {
        None => RestoreTo::End,
        Some(Moment::Position(position)) => RestoreTo::Position(position),
        Some(Moment::Time(time)) => RestoreTo::Recorded(time),
    }
}

/// Restores with a bar that shows how far it is.
pub(super) fn with_bar<R>(restore: impl FnOnce(&mut dyn FnMut(BackupProgress)) -> R) -> R {
    let bar = progress::bytes("restore", Some(0));
    let restored = restore(&mut |progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_done);
    });
    bar.finish_and_clear();
    restored
}

/// What a restore tells.
pub(super) fn facts(report: &RestoreReport, destination: &Path) -> Facts {
    let facts = Facts::new()
        .number("position", report.position)
        .maybe("recorded", report.recorded_at.map(|time| time::show(time).to_string()))
        .number("backup_position", report.backup_position)
        .text("destination", destination.display());
    files(facts, &report.files).number("verified_bytes", report.verified_bytes).json_and(
        "notes",
        json!(report.notes).to_string(),
        report.notes.join("; "),
    )
}
