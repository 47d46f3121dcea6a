//! `restore`: a store made of a backup, as of a moment.

use super::backup::{How, files};
use crate::args::values::Moment;
use crate::output::Facts;
use crate::progress;
use crate::time;
use crate::tool::Tool;
use annals::{BackupOptions, BackupProgress, RestoreReport, RestoreTo};
use anyhow::{Error, Result};
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
    #[command(flatten)]
    wanted: Wanted,
}

/// Where to, up to where, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Wanted {
    /// The directory of the new store: one that does not exist or is empty
    destination: PathBuf,
    /// The last position, or the time up to which events were recorded, inclusive [default: all]
    #[arg(long, value_name = "POSITION|TIME")]
    to: Option<Moment>,
    #[command(flatten)]
    how: How,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    args.wanted.restore(tool, |destination, to, options, progress| {
        annals::restore(&args.backup, destination, to, options, progress)
    })
}

impl Wanted {
    /// Restores with a bar that shows how far it is, and tells what came of it.
    pub(super) fn restore<E: Into<Error>>(
        &self,
        tool: &Tool,
        restore: impl FnOnce(
            &Path,
            RestoreTo,
            &BackupOptions,
            &mut dyn FnMut(BackupProgress),
        ) -> Result<RestoreReport, E>,
    ) -> Result<()> {
        let to = match self.to {
            None => RestoreTo::End,
            Some(Moment::Position(position)) => RestoreTo::Position(position),
            Some(Moment::Time(time)) => RestoreTo::Recorded(time),
        };
        let bar = progress::bytes("restore", Some(0));
        let restored = restore(&self.destination, to, &self.how.options(), &mut |progress| {
            bar.set_length(progress.bytes_total);
            bar.set_position(progress.bytes_done);
        });
        bar.finish_and_clear();
        tool.tell(&facts(&restored.map_err(Into::into)?, &self.destination))
    }
}

/// What a restore tells.
fn facts(report: &RestoreReport, destination: &Path) -> Facts {
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
