//! `erase`: take out of the log what events say.

use crate::args::filters::as_of;
use crate::args::throttle::Throttle;
use crate::args::values::{ClockName, Moment, parse_stream};
use crate::output::{Facts, Out, note};
use crate::table::{Column, number, text};
use crate::tool::Tool;
use annals::limits::TAG_BYTES_MAX;
use annals::{Erase, ErasePlan, EraseTarget, Position, Store, Uuid};
use anyhow::Result;

/// Take out of the log what events say, for good; the events stay
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Data and metadata go; position, version, stream, type, times, id and length stay, and tags and a SHA-256 unless told \
    otherwise. Snapshots that may have what is erased go as well. It can be interrupted at any point and done again; `annals ledger \
    --erased` tells what was erased. Backups, archives and exports that were made before keep it.\n\n\
    JSON: found (events that are meant), events (those that had something to be erased), position (of the event that \
    asks for it; 0 if there was nothing to do), events_erased (with those of requests that were under way), segments_rewritten, \
    bytes_before and bytes_after (of these), snapshots_dropped. With --dry-run a line for each segment (segment, sealed, events, \
    bytes), and one for all (found, events, segments).\n\n\
    Exit status 3 if what is left of a state would go: say --forget-states.\n\n\
    Examples:\n  \
    annals erase --tag patient:7 --reason \"letter of 3 May\" --dry-run\n  \
    annals erase --stream user-7 --until 2024-05-01T00:00:00Z --no-hash\n  \
    annals erase --id 8fdb3160-2904-56a7-84a5-cbab24cd44c8"
)]
pub(crate) struct Args {
    #[command(flatten)]
    what: What,
    /// Only events up to this position, or time, inclusive
    #[arg(long, value_name = "P|T", conflicts_with_all = ["id", "position"])]
    until: Option<Moment>,
    /// The clock of a time
    #[arg(long, value_name = "CLOCK", value_enum, default_value_t, requires = "until")]
    clock: ClockName,
    /// Why, for the ledger, where it stays: it must not say what is to be erased
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Who asks for it, for the ledger
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    asked_by: String,
    /// Take the tags as well: the events are not found by them any more
    #[arg(long, conflicts_with = "keep_tags")]
    no_tags: bool,
    /// Leave the tags (the default)
    #[arg(long)]
    keep_tags: bool,
    /// Leave no SHA-256 of the payloads: short ones can be guessed by it
    #[arg(long)]
    no_hash: bool,
    /// Also where a snapshot that goes is all that is left of a state
    #[arg(long)]
    forget_states: bool,
    /// Show what would be erased, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    throttle: Throttle,
}

/// Whose payloads.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The event with this id
    #[arg(long, value_name = "UUID")]
    id: Option<Uuid>,
    /// The event at this position
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    position: Option<u64>,
    /// All events of this stream
    #[arg(long, value_name = "S", value_parser = parse_stream)]
    stream: Option<String>,
    /// All events with this tag
    #[arg(long, value_name = "T", value_parser = parse_tag)]
    tag: Option<String>,
}

const COLUMNS: &[Column] = &[number("segment"), text("sealed"), number("events"), number("bytes")];

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    if args.dry_run {
        return show(tool, &args.erase(&tool.reading()?).plan()?);
    }
    let store = tool.writing_existing()?;
    let report = args.throttle.set(args.erase(&store), Erase::bytes_per_second).run()?;
    store.close()?;
    let facts = Facts::new()
        .number("found", report.found)
        .number("events", report.events)
        .number("position", report.request)
        .number("events_erased", report.events_erased)
        .number("segments_rewritten", report.segments_rewritten)
        .number("bytes_before", report.bytes_before)
        .number("bytes_after", report.bytes_after)
        .number("snapshots_dropped", report.snapshots_dropped);
    tool.tell(&facts)
}

impl Args {
    fn erase(&self, store: &Store) -> Erase {
        let erase = store
            .erase(self.what.target())
            .reason(&self.reason)
            .asked_by(&self.asked_by)
            .keep_tags(!self.no_tags)
            .keep_hash(!self.no_hash)
            .forget_states(self.forget_states);
        match self.until {
            Some(moment) => erase.until(as_of(moment, self.clock)),
            None => erase,
        }
    }
}

impl What {
    fn target(&self) -> EraseTarget {
        match self {
            What { id: Some(id), .. } => EraseTarget::Id(*id),
            What { stream: Some(stream), .. } => EraseTarget::Stream(stream.clone()),
            What { tag: Some(tag), .. } => EraseTarget::Tag(tag.clone()),
            // One of them is there, or the command line would have been refused.
            What { position, .. } => EraseTarget::Position(Position::new(position.unwrap_or_default())),
        }
    }
}

/// Prints what would be erased: a line for each segment, and the sum.
fn show(tool: &Tool, plan: &ErasePlan) -> Result<()> {
    let mut out = tool.out();
    let mut table = out.table(COLUMNS);
    for segment in &plan.segments {
        if out.is_table() {
            let sealed = if segment.sealed { "yes" } else { "no" }.to_owned();
            let numbers =
                [segment.segment_id, segment.events, segment.bytes].map(|number| number.to_string());
            let [id, events, bytes] = numbers;
            table.row(&mut out, vec![id, sealed, events, bytes])?;
        } else {
            let facts = Facts::new()
                .number("segment", segment.segment_id)
                .number("sealed", segment.sealed)
                .number("events", segment.events)
                .number("bytes", segment.bytes);
            out.line(facts.json())?;
        }
    }
    end(&mut out, plan, table)
}

fn end(out: &mut Out, plan: &ErasePlan, mut table: crate::table::Table) -> Result<()> {
    if out.is_table() {
        table.flush(out)?;
        out.flush()?;
        note(format_args!(
            "{} events are meant, of which {} have something to be erased",
            plan.found, plan.events
        ));
        return Ok(());
    }
    let facts = Facts::new()
        .number("found", plan.found)
        .number("events", plan.events)
        .number("segments", plan.segments.len());
    out.line(facts.json())?;
    out.flush()
}

fn parse_tag(text: &str) -> Result<String, String> {
    match text.len() {
        1..=TAG_BYTES_MAX => Ok(text.to_owned()),
        bytes => Err(format!("a tag has 1 to {TAG_BYTES_MAX} bytes, this one has {bytes}")),
    }
}
