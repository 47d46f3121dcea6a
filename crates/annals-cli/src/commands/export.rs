//! `export`: events as JSON Lines that `import` takes back.

use crate::args::filters::Filters;
use crate::json::event_out;
use crate::output::{Facts, note};
use crate::progress;
use crate::tool::Tool;
use annals::{PayloadBuffer, Query, Retention, View};
use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use indicatif::ProgressBar;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Write events as JSON Lines that `annals import` takes back
#[derive(Debug, clap::Args)]
#[command(after_help = "A file appears under its name only when it is whole; .gz and .zst are packed.\n\n\
    Examples:\n  \
    annals export --output events.jsonl.gz\n  \
    annals export --prefix order- --since 2024-05-01T00:00:00Z > orders.jsonl")]
pub(crate) struct Args {
    #[command(flatten)]
    filters: Filters,
    /// At most so many events
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let view = args.filters.view(&store)?;
    let mut query = args.filters.query()?;
    if let Some(limit) = args.limit {
        query = query.limit(limit);
    }
    let mut out = tool.out();
    let bar = progress::events("export", view.position().get());
    match &args.output {
        None => {
            each_line(&view, query, &bar, |line| out.bytes(line))?;
        }
        Some(path) => {
            let events = to_file(&view, query, &bar, path)?;
            bar.finish_and_clear();
            out.facts(&Facts::new().number("exported", events).text("output", path.display()))?;
        }
    }
    bar.finish_and_clear();
    out.flush()
}

/// Hands over each event as a line. Gives the number of events. What was truncated or deleted is not among them, so it gets other
/// versions and positions where it is imported: what says at which ones is left out as well.
fn each_line(
    view: &View,
    query: Query,
    bar: &ProgressBar,
    mut write: impl FnMut(&[u8]) -> Result<()>,
) -> Result<u64> {
    let (mut line, mut buffer) = (Vec::new(), PayloadBuffer::new());
    let (mut events, mut left_out) = (0, 0);
    for event in view.read(query)? {
        let event = event?;
        if Retention::is_about_versions(&event) {
            left_out += 1;
            continue;
        }
        line.clear();
        event_out::push(&mut line, &event.plain_in(&mut buffer).unwrap_or(event))?;
        line.push(b'\n');
        write(&line)?;
        events += 1;
        if events % 1024 == 0 {
            bar.set_position(event.position.get());
        }
    }
    if left_out > 0 {
        note(format_args!(
            "left out: {left_out} events of the store's own that say what was truncated, deleted, removed or erased, by versions and positions of this store"
        ));
    }
    Ok(events)
}

/// Writes beside the file and gives it its name when it is whole and on disk.
fn to_file(view: &View, query: Query, bar: &ProgressBar, path: &Path) -> Result<u64> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".tmp");
    let unfinished = PathBuf::from(unfinished);
    let written = write_file(view, query, bar, &unfinished, path);
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn write_file(view: &View, query: Query, bar: &ProgressBar, unfinished: &Path, path: &Path) -> Result<u64> {
    let failed = || format!("cannot write {}", unfinished.display());
    let file = File::create(unfinished).with_context(failed)?;
    let mut packed = Packed::new(file, path).with_context(failed)?;
    let events = each_line(view, query, bar, |line| packed.write(line).with_context(failed))?;
    packed.finish().and_then(|file| file.sync_all()).with_context(failed)?;
    fs::rename(unfinished, path).with_context(|| format!("cannot rename to {}", path.display()))?;
    sync_parent(path).with_context(failed)?;
    Ok(events)
}

/// Makes the new name itself durable.
fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// A file that is packed as its name says.
enum Packed {
    Plain(BufWriter<File>),
    Gzip(BufWriter<GzEncoder<File>>),
    Zstd(BufWriter<zstd::Encoder<'static, File>>),
}

const BUFFER_BYTES: usize = 256 << 10;

impl Packed {
    fn new(file: File, path: &Path) -> io::Result<Self> {
        let ends_in = |extension| path.extension().is_some_and(|own| own == extension);
        Ok(if ends_in("gz") {
            Packed::Gzip(BufWriter::with_capacity(BUFFER_BYTES, GzEncoder::new(file, Compression::default())))
        } else if ends_in("zst") {
            Packed::Zstd(BufWriter::with_capacity(BUFFER_BYTES, zstd::Encoder::new(file, 0)?))
        } else {
            Packed::Plain(BufWriter::with_capacity(BUFFER_BYTES, file))
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Packed::Plain(to) => to.write_all(bytes),
            Packed::Gzip(to) => to.write_all(bytes),
            Packed::Zstd(to) => to.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<File> {
        match self {
            Packed::Plain(to) => Ok(to.into_inner()?),
            Packed::Gzip(to) => to.into_inner()?.finish(),
            Packed::Zstd(to) => to.into_inner()?.finish(),
        }
    }
}
