//! `import`: events from JSON Lines, appended in batches.
//!
//! One thread reads and encodes ([`reader`]); one thread per writer appends ([`writer`]), so that reading goes
//! on while a sync runs. An event is known by its id ([`identity`]): the store refuses a batch with ids that are
//! stored already, and only then is the batch gone through event by event ([`settle`]).

mod identity;
mod outcome;
mod pending;
mod reader;
mod settle;
mod writer;

use crate::args::store::StoreArgs;
use crate::input::{self, Input};
use crate::output::{Facts, note};
use crate::progress;
use crate::tool::Tool;
use annals::Store;
use anyhow::{Result, bail};
use outcome::{Acks, Tally};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

/// Import events from JSON Lines, plain or packed (.gz, .zst)
#[derive(Debug, clap::Args)]
#[command(after_help = "Each line is an event:\n\n  \
    {\"stream\",\"type\",\"time\",\"id\",\"tags\",\"schema_version\",\"data\",\"metadata\"}\n\n\
    Only stream and type are required. An event whose id is stored already with the same content is skipped, so \
    an import can be repeated or resumed. An event without an id gets one made from the file's name (without \
    directory, .gz and .zst), the number of the line and its text.\n\n\
    Examples:\n  \
    annals import events.jsonl\n  \
    zcat *.jsonl.gz | annals import - --skip-invalid")]
pub(crate) struct Args {
    /// The files; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Events per batch: each batch is appended as a whole
    #[arg(long, value_name = "N", default_value = "1000")]
    batch: NonZeroUsize,
    /// Threads that append: the streams are shared out among them, the order within each is kept; registrations of schemas
    /// come last
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    writers: u16,
    /// Print `ACK first last` (positions) after each batch that is durable
    #[arg(long)]
    ack: bool,
    /// Report lines that cannot be taken, and go on
    #[arg(long)]
    skip_invalid: bool,
    /// Give new random ids to events without an id; such an import cannot be repeated
    #[arg(long)]
    new_ids: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    input::must_be_files(&args.files)?;
    let store = tool.writing_for_long(&args.store)?;
    if !store.ids_indexed() && !args.new_ids {
        bail!(
            "the store was made with --no-ids, so an import that is repeated would append everything again: \
             add --new-ids if that is known"
        );
    }
    let bar = progress::bytes("import", input::bytes_of(&args.files));
    let began = Instant::now();
    let tally = Tally::new(Acks::new(args.ack), args.skip_invalid, bar.clone());
    let result = import_files(&store, args, &tally);
    bar.finish_and_clear();
    let closed = store.close();
    result?;
    closed?;
    summary(tool, args, &tally.facts(began.elapsed()))
}

fn import_files(store: &Store, args: &Args, tally: &Tally) -> Result<()> {
    for path in &args.files {
        let input = Input::open(path, tally.bar())?;
        let source = identity::Source::new(path, args.new_ids);
        import_file(store, args, tally, input, &source)?;
    }
    Ok(())
}

/// Imports one file. Whatever ends it early, the batches before that are appended first.
fn import_file(
    store: &Store,
    args: &Args,
    tally: &Tally,
    input: Input,
    source: &identity::Source,
) -> Result<()> {
    let name = input.name().to_owned();
    let held = thread::scope(|scope| {
        let mut batches = Vec::new();
        for _ in 0..args.writers {
            let (sender, receiver) = sync_channel(1);
            let writer = writer::Writer { store, source, name: &name, tally };
            scope.spawn(move || writer.run(&receiver));
            batches.push(sender);
        }
        reader::Reader::new(args, source, tally, batches).run(input)
    });
    let (sender, receiver) = sync_channel(held.len());
    held.into_iter().filter(|_| !tally.is_stopped()).for_each(|pending| drop(sender.send(pending)));
    drop(sender);
    writer::Writer { store, source, name: &name, tally }.run(&receiver);
    tally.first_failure()
}

fn summary(tool: &Tool, args: &Args, facts: &Facts) -> Result<()> {
    if args.ack {
        note(facts.json());
        return Ok(());
    }
    let mut out = tool.out();
    out.facts(facts)?;
    out.flush()
}
