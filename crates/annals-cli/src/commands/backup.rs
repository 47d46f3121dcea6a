//! `backup`: a copy of the store that is a store, also while another process writes it.

use crate::output::{Facts, Out};
use crate::progress;
use crate::time;
use crate::tool::Tool;
use annals::{BackupOptions, BackupReport, FilesTaken};
use anyhow::Result;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Make a backup of the store in a directory, or bring the one that is there up to date
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Another process may have the store open for writing. The backup then has everything that is proven to \
    be durable: all but what was appended in the last tenth of a second.\n\n\
    Files that do not change any more are taken once: linked on the same file system, otherwise cloned where the file \
    system can, otherwise copied. Whatever happens meanwhile, the directory is the backup that it was, or the new one. It \
    is a store: --store names it for all commands that read. Opened for writing it is no backup any more; `annals restore` \
    makes a store of it and leaves it as it is.\n\n\
    JSON: position (the last one in the backup), recorded (when it was recorded), former (last position of the backup that was \
    there), destination, kept, linked, cloned, copied (files, each with its bytes as kept_bytes and so on), \
    verified_bytes, notes.\n\n\
    Exit status 4 if the store is damaged: then the former backup stays.\n\n\
    Example:\n  annals backup /backups/shop --store ./shop"
)]
pub(crate) struct Args {
    /// The directory of the backup: one that does not exist, is empty, or has a backup of this store
    destination: PathBuf,
    #[command(flatten)]
    how: How,
}

/// How files are taken.
#[derive(Debug, clap::Args)]
pub(crate) struct How {
    /// Do not read and verify what is taken
    #[arg(long)]
    no_verify: bool,
    /// Do not link files, so that no damage to one file is in both directories
    #[arg(long)]
    no_links: bool,
}

impl How {
    pub(crate) fn options(&self) -> BackupOptions {
        BackupOptions::new().verify(!self.no_verify).links(!self.no_links)
    }
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let bar = progress::bytes("backup", Some(0));
    let made = store.backup(&args.destination, &args.how.options(), &mut |progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_done);
    });
    bar.finish_and_clear();
    let mut out = tool.out();
    summary(&mut out, &made?, &args.destination)?;
    out.flush()
}

fn summary(out: &mut Out, report: &BackupReport, destination: &Path) -> Result<()> {
    let facts = Facts::new().number("position", report.position);
    let facts = facts.maybe("recorded", report.recorded_at.map(|time| time::show(time).to_string()));
    let facts = match report.former {
        Some(former) => facts.number("former", former),
        None => facts.maybe("former", None::<&str>),
    };
    let facts = files(facts.text("destination", destination.display()), &report.files);
    let facts = facts.number("verified_bytes", report.verified_bytes).json_and(
        "notes",
        json!(report.notes).to_string(),
        report.notes.join("; "),
    );
    out.facts(&facts)
}

/// How many files came in which way, and how many bytes they have.
pub(crate) fn files(facts: Facts, taken: &FilesTaken) -> Facts {
    facts
        .number("kept", taken.kept.files)
        .number("kept_bytes", taken.kept.bytes)
        .number("linked", taken.linked.files)
        .number("linked_bytes", taken.linked.bytes)
        .number("cloned", taken.cloned.files)
        .number("cloned_bytes", taken.cloned.bytes)
        .number("copied", taken.copied.files)
        .number("copied_bytes", taken.copied.bytes)
}
