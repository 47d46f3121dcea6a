//! `append`: one event.

use crate::args::criteria::{any_of, parse_clause};
use crate::args::store::StoreArgs;
use crate::args::values::{JsonArg, parse_expected, parse_stream, parse_time};
use crate::failure::Usage;
use crate::input::read_whole;
use crate::json::text;
use crate::output::Facts;
use crate::time;
use crate::tool::Tool;
use annals::{Appended, Batch, Clause, Expected, NewEvent, Position, Store, Timestamp, Uuid, Version};
use anyhow::{Context, Result, bail};

/// Append one event
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The event is durable when the command ends with 0. If --expect or --fail-if does not \
    hold, nothing is appended and the exit status is 3.\n\n\
    Examples:\n  \
    annals append --stream account-7 --type Deposited --data '{\"cents\":500}'\n  \
    annals append --stream account-7 --type Closed --expect 12 --tag branch:7 --time 2024-05-01T09:30:00+02:00\n  \
    annals append --stream seat-3 --type Taken --tag seat:3 --fail-if '{\"types\":[\"Taken\"],\"tags\":[\"seat:3\"]}' --after 120"
)]
pub(crate) struct Args {
    /// The stream: any name of 1 to 1024 bytes
    #[arg(long, value_name = "S", value_parser = parse_stream)]
    stream: String,
    /// What happened
    #[arg(long = "type", value_name = "T")]
    event_type: String,
    /// The data: JSON, or @FILE (@- is standard input)
    #[arg(long, value_name = "JSON|@FILE")]
    data: Option<JsonArg>,
    /// What belongs to the event but not to the fact: JSON, or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    metadata: Option<JsonArg>,
    /// The event's id, by which a repeated append is known [default: a new one]
    #[arg(long, value_name = "UUID")]
    id: Option<Uuid>,
    /// When it happened [default: now]
    #[arg(long, value_name = "T", value_parser = parse_time)]
    time: Option<Timestamp>,
    /// A name to find the event by; may be given again
    #[arg(long = "tag", value_name = "K:V")]
    tags: Vec<String>,
    /// Version of the data's schema
    #[arg(long, value_name = "N", default_value_t = 1)]
    schema_version: u32,
    /// What the stream must be at: any, no-stream, exists or the version of its last event
    #[arg(long, value_name = "EXPECTED", default_value = "any", value_parser = parse_expected)]
    expect: Expected,
    /// Append nothing if there is an event of any of these types with all of these tags, as
    /// {"types":["T"],"tags":["X"]}; given again, of any of those
    #[arg(long, value_name = "JSON", value_parser = parse_clause)]
    fail_if: Vec<Clause>,
    /// Look for such events only after this position, up to which they have been read [default: 0]
    #[arg(long, value_name = "POSITION", requires = "fail_if")]
    after: Option<u64>,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let (data, metadata) = (read(args.data.as_ref())?, read(args.metadata.as_ref())?);
    let mut event = NewEvent::json(args.event_type.as_str(), data)
        .with_metadata(metadata.into_bytes())
        .with_schema_version(args.schema_version);
    event.id = args.id;
    event.occurred_at = args.time;
    event.tags = args.tags.iter().map(|tag| tag.as_str().into()).collect();
    event.check().map_err(|invalid| Usage(invalid.to_string()))?;

    let mut batch = Batch::new();
    batch.expect(&args.stream, args.expect)?;
    batch.push(&args.stream, &event)?;
    if let Some(criteria) = any_of(&args.fail_if)? {
        batch.fail_if(criteria, Position::new(args.after.unwrap_or(0)))?;
    }

    let store = tool.writing(&args.store)?;
    let appended = store.append_batch(batch)?;
    let facts = facts(&store, &appended, args)?;
    store.close()?;
    tool.tell(&facts)
}

fn facts(store: &Store, appended: &Appended, args: &Args) -> Result<Facts> {
    let stored = store.view().event_at(appended.first_position)?.map(|event| event.id);
    let version = appended.streams.first().map_or(Version::ZERO, |stream| stream.last_version);
    let facts = Facts::new()
        .number("position", appended.first_position)
        .text("stream", &args.stream)
        .number("version", version)
        .maybe("id", args.id.or(stored))
        .text("recorded", time::show(appended.recorded_at))
        .number("already_applied", appended.already_applied);
    Ok(facts)
}

/// The JSON text that was given; empty if there is none.
fn read(given: Option<&JsonArg>) -> Result<String> {
    match given {
        None => Ok(String::new()),
        Some(JsonArg::Text(text)) => Ok(text.clone()),
        Some(JsonArg::File(path)) => {
            let bytes = read_whole(path).with_context(|| format!("cannot read {}", path.display()))?;
            match text::value(&bytes) {
                Some(json) => Ok(json.to_owned()),
                None => bail!("{} does not hold one JSON value: mend the file", path.display()),
            }
        }
    }
}
