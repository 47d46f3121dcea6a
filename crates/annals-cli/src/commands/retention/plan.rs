//! `retention plan`: what would go of which segment.

use crate::output::{Facts, Out, note};
use crate::table::{Column, number, text};
use crate::tool::Tool;
use annals::{Action, Compaction, Guard, GuardError, Kept, Plan, PlannedSegment, Position, Store};
use anyhow::Result;

/// Show what would go of which segment by the rules as they stand; nothing is done
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A segment is dropped if all of its events go, rewritten if at least an eighth of its bytes goes, and merged with a \
    neighbour if both have become small. All events are read to find out.\n\n\
    JSON, a line for each segment: segment, first and last (positions), events, bytes, events_going, bytes_going, action (drop, \
    rewrite, merge or keep), why (it is kept).\n\n\
    Examples:\n  \
    annals retention plan\n  \
    annals retention plan --all --guard mails=120000"
)]
pub(crate) struct Args {
    #[command(flatten)]
    choice: Choice,
}

/// Which segments are worth it, and what is kept whatever the rules say.
#[derive(Debug, clap::Args)]
pub(crate) struct Choice {
    /// Whatever goes, however little it is of its segment
    #[arg(long)]
    all: bool,
    /// Keep segments with events above this position, which somebody has not read yet; may be given again
    #[arg(long = "guard", value_name = "NAME=POSITION", value_parser = parse_guard)]
    guards: Vec<Guard>,
    /// The guard with this name does not count
    #[arg(long = "override", value_name = "NAME")]
    overridden: Vec<String>,
}

const COLUMNS: &[Column] = &[
    number("segment"),
    number("first"),
    number("last"),
    number("events"),
    number("bytes"),
    number("events going"),
    number("bytes going"),
    text("action"),
    text("why"),
];

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    show(tool, &args.choice.of(&tool.reading()?)?.plan()?)
}

impl Choice {
    /// The compaction of a store by this choice.
    ///
    /// # Errors
    /// If a guard is to be overridden that is not there: somebody wants to pass over another one, which would keep what it keeps.
    pub(crate) fn of(&self, store: &Store) -> Result<Compaction> {
        if !self.overridden.is_empty() {
            let there = store.guards().list()?;
            let is_there = |name: &String| {
                there.iter().any(|guard| guard.name == *name)
                    || self.guards.iter().any(|guard| guard.name == *name)
            };
            if let Some(name) = self.overridden.iter().find(|name| !is_there(name)) {
                return Err(GuardError::NotFound { name: name.clone() }.into());
            }
        }
        let mut compaction = store.compaction().all(self.all);
        compaction = self.guards.iter().cloned().fold(compaction, Compaction::guard);
        Ok(self.overridden.iter().fold(compaction, Compaction::override_guard))
    }
}

/// Prints a plan.
pub(crate) fn show(tool: &Tool, plan: &Plan) -> Result<()> {
    let mut out = tool.out();
    let mut table = out.table(COLUMNS);
    for segment in &plan.segments {
        if out.is_table() {
            let (action, why) = told(&segment.action);
            let figures = &segment.figures;
            let mut cells: Vec<String> = [
                figures.segment_id,
                figures.first_position.get(),
                figures.last_position.get(),
                figures.events,
                figures.bytes,
                figures.going_events,
                figures.going_bytes,
            ]
            .map(|number| number.to_string())
            .to_vec();
            cells.extend([action.to_owned(), why.unwrap_or("-".to_owned())]);
            table.row(&mut out, cells)?;
        } else {
            line(&mut out, segment)?;
        }
    }
    if out.is_table() {
        table.flush(&mut out)?;
        out.flush()?;
        let (events, bytes) = plan.goes();
        note(format_args!(
            "{events} events would go, about {bytes} bytes; {} bytes would be read",
            plan.bytes_read()
        ));
    }
    out.flush()
}

fn line(out: &mut Out, segment: &PlannedSegment) -> Result<()> {
    let figures = &segment.figures;
    let (action, why) = told(&segment.action);
    let facts = Facts::new()
        .number("segment", figures.segment_id)
        .number("first", figures.first_position)
        .number("last", figures.last_position)
        .number("events", figures.events)
        .number("bytes", figures.bytes)
        .number("events_going", figures.going_events)
        .number("bytes_going", figures.going_bytes)
        .text("action", action)
        .maybe("why", why);
    out.line(facts.json())
}

/// What is to be done, and why not if nothing is.
fn told(action: &Action) -> (&'static str, Option<String>) {
    let kept = |why: &str| ("keep", Some(why.to_owned()));
    match action {
        Action::Drop => ("drop", None),
        Action::Rewrite => ("rewrite", None),
        Action::Merge(_) => ("merge", None),
        Action::Keep(Kept::NothingGoes) => kept("nothing goes"),
        Action::Keep(Kept::NotSealed) => kept("not sealed"),
        Action::Keep(Kept::TooLittle) => kept("too little goes"),
        Action::Keep(Kept::Guard(name)) => kept(&format!("guard {name}")),
        _ => kept("other"),
    }
}

fn parse_guard(text: &str) -> Result<Guard, String> {
    let parts = text.rsplit_once('=').filter(|(name, _)| !name.is_empty());
    let (name, position) = parts.ok_or("expected NAME=POSITION")?;
    if name.len() > Guard::NAME_BYTES_MAX {
        return Err(GuardError::Name { bytes: name.len() }.to_string());
    }
    let position = position.parse().map_err(|_| "expected NAME=POSITION, the position a whole number")?;
    Ok(Guard::new(name, Position::new(position)))
}
