//! `compact`: give back the space of what rules of retention hide for good.

use super::retention::plan;
use crate::args::throttle::Throttle;
use crate::output::Facts;
use crate::progress;
use crate::tool::Tool;
use annals::{Compaction, CompactionControl, Compression, Store};
use anyhow::Result;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How often the bar is moved.
const TICK: Duration = Duration::from_millis(100);

/// Remove from the disk what rules of retention let go
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Segments are written anew without the events that go; positions and versions of what stays do not change. It can be \
    interrupted at any point and done again. `annals retention set` makes rules, `annals ledger` tells what went, and --dry-run why \
    something stays.\n\n\
    JSON: events_removed, bytes_before and bytes_after (of the segments that were touched), segments_dropped, segments_rewritten, \
    segments_merged, snapshots_dropped; with --dry-run that of `annals retention plan`.\n\n\
    Examples:\n  \
    annals compact --dry-run\n  \
    annals compact --all --guard mails=120000\n  \
    annals compact --bytes-per-second 10000000\n  \
    annals compact --recompress"
)]
pub(crate) struct Args {
    #[command(flatten)]
    choice: plan::Choice,
    /// Show what would be done, as `annals retention plan` does, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    throttle: Throttle,
    /// How payloads are stored in what is written anew
    #[arg(long, value_enum, default_value_t = Codec::Lz4)]
    compression: Codec,
    /// Write segments anew as well that are stored otherwise, although nothing goes of them
    #[arg(long)]
    recompress: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Codec {
    Lz4,
    None,
}

impl Args {
    fn compaction(&self, store: &Store) -> Result<Compaction> {
        let compression = match self.compression {
            Codec::Lz4 => Compression::Lz4,
            Codec::None => Compression::None,
        };
        Ok(self.choice.of(store)?.compression(compression).recompress(self.recompress))
    }
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    if args.dry_run {
        return plan::show(tool, &args.compaction(&tool.reading()?)?.plan()?);
    }
    let store = tool.writing_existing()?;
    let control = CompactionControl::new();
    let compaction = args.compaction(&store)?.control(&control);
    let compaction = args.throttle.set(compaction, Compaction::bytes_per_second);
    let bar = progress::bytes("compact", Some(0));
    let report = thread::scope(|scope| {
        let (done, ended) = channel::<()>();
        scope.spawn(|| {
            let ended = ended;
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let progress = control.progress();
                bar.set_length(progress.bytes_total);
                bar.set_position(progress.bytes_read);
            }
        });
        let report = compaction.run();
        drop(done);
        report
    });
    bar.finish_and_clear();
    let report = report?;
    store.close()?;
    let facts = Facts::new()
        .number("events_removed", report.events_removed)
        .number("bytes_before", report.bytes_before)
        .number("bytes_after", report.bytes_after)
        .number("segments_dropped", report.segments_dropped)
        .number("segments_rewritten", report.segments_rewritten)
        .number("segments_merged", report.segments_merged)
        .number("snapshots_dropped", report.snapshots_dropped);
    tool.tell(&facts)
}
