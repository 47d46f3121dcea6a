//! `get`: one event by its id.

use super::events;
use crate::args::shown::Shown;
use crate::json::{erased, event_out, text};
use crate::output::{Facts, Out, note};
use crate::time;
use crate::tool::Tool;
use annals::{EventRef, Uuid};
use anyhow::{Result, bail};

/// Show one event by its id
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  annals get 8fdb3160-2904-56a7-84a5-cbab24cd44c8")]
pub(crate) struct Args {
    /// The id: a UUID
    id: Uuid,
    #[command(flatten)]
    shown: Shown,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let view = store.view();
    let Some(event) = view.event(args.id)? else {
        if !store.ids_indexed() {
            bail!(
                "no event is found by the id {}: the store was made with --no-ids, so that only ids that it made itself lead to events",
                args.id
            );
        }
        bail!("no event has the id {}: `annals read` shows the ids that are there", args.id);
    };
    let mut out = tool.out();
    if args.shown.stored {
        one(&mut out, &event)?;
    } else {
        let parts = view.upcast(event)?;
        if parts.is_empty() {
            note("the event is dropped by what is registered; --stored shows it");
        }
        parts.iter().try_for_each(|part| one(&mut out, &part.event()))?;
    }
    out.flush()
}

fn one(out: &mut Out, event: &EventRef<'_>) -> Result<()> {
    if out.is_table() {
        return show(out, event);
    }
    let mut line = Vec::new();
    event_out::push(&mut line, event)?;
    line.push(b'\n');
    out.bytes(&line)
}

fn show(out: &mut Out, event: &EventRef<'_>) -> Result<()> {
    let tags: Vec<_> = event.tags.iter().collect();
    let metadata = match event.metadata() {
        Ok(metadata) => match text::value(&metadata) {
            Some(json) => text::on_one_line(json).into_owned(),
            None => format!("<{} bytes>", metadata.len()),
        },
        Err(error) => erased::shown(&error),
    };
    let facts = Facts::new()
        .number("position", event.position)
        .text("stream", event.stream)
        .number("version", event.version)
        .text("type", event.event_type)
        .text("time", time::show(event.occurred_at))
        .text("recorded", time::show(event.recorded_at))
        .text("id", event.id)
        .text("tags", tags.join(", "))
        .number("schema_version", event.schema_version)
        .text("data", events::data(event))
        .text("metadata", metadata);
    out.facts(&facts)
}
