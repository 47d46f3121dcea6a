//! `archive`: the log of a store in object storage, continuously, and stores made of it.

use super::restore::Wanted;
use crate::output::{Facts, Out, note};
use crate::time;
use crate::tool::Tool;
use annals::BackupOptions;
use annals_archive::{Archive, Lag, Shipped, Shipper, ShipperOptions, ShipperProgress};
use anyhow::Result;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// How often it is looked whether something was shipped.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Keep the log of the store in object storage, and make stores of it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Addresses: file:///absolute/path, and s3://bucket/prefix where the program was built with \
    the feature s3; the environment says how to come there (AWS_REGION, AWS_ACCESS_KEY_ID, \
    AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT, and AWS_ALLOW_HTTP=true without TLS).\n\n\
    Example:\n  annals archive ship file:///archive/shop --store ./shop"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Ship what is new, again and again, until it is ended, which is safe at any moment
    #[command(
        after_help = "Another process may have the store open for writing. Whoever shipped to the address before is fenced off: it ends \
        with an error.\n\n\
        JSON, one line each time something was shipped: position (the archive has everything up to it), objects and bytes (written for it), and \
        but for --once what the archive is behind by now: behind_events, behind_bytes (of the log; null if it cannot be read), behind_seconds.\n\n\
        Example:\n  annals archive ship file:///archive/shop --store ./shop --every 5"
    )]
    Ship {
        /// Where to
        url: String,
        /// Ship what is new once, and end
        #[arg(long)]
        once: bool,
        /// Seconds from one time to the next: about how far the archive is behind
        #[arg(long, value_name = "SECONDS", default_value_t = 1)]
        every: u32,
        /// Ship sooner if so many bytes of the log are new: about what may be lost with the disk
        #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
        bytes: u64,
        /// The directory of the copy that is shipped, best on the store's file system [default: that of the store, with
        /// .shipping at its end]
        #[arg(long, value_name = "DIR")]
        staging: Option<PathBuf>,
        /// Do not read and verify what is shipped
        #[arg(long)]
        no_verify: bool,
    },
    /// Show what is in the archive
    #[command(
        after_help = "JSON: store_id, position, recorded (when the event at that position was recorded), shipped (when that was shipped), \
        sequence, objects, bytes.\n\n\
        Example:\n  annals archive status file:///archive/shop"
    )]
    Status {
        /// Where it is
        url: String,
    },
    /// Make a store of the archive: of all of it, or up to a position or a time
    #[command(after_help = "As `annals restore`, which says more, and with the same JSON.\n\n\
        Example:\n  annals archive restore file:///archive/shop ./before --to 2024-05-01T09:30:00Z")]
    Restore {
        /// Where it is
        url: String,
        #[command(flatten)]
        wanted: Wanted,
    },
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    match &args.action {
        Action::Ship { url, once, every, bytes, staging, no_verify } => {
            let options = ShipperOptions::new()
                .every(Duration::from_secs((*every).into()))
                .bytes(*bytes)
                .backup(BackupOptions::new().verify(!no_verify));
            let staging = staging.clone().unwrap_or_else(|| beside(tool));
            let (store, archive) = (tool.reading()?, Archive::at(url)?);
            let mut out = tool.out();
            if *once {
                let shipped = Shipper::once(&store, &archive, staging, &options)?;
                line(&mut out, &shipped, None)?;
                return out.flush();
            }
            let shipper = Shipper::start(store, archive, staging, options)?;
            follow(&shipper, &mut out)?;
            Ok(shipper.stop()?)
        }
        Action::Status { url } => status(tool, &Archive::at(url)?),
        Action::Restore { url, wanted } => {
            let archive = Archive::at(url)?;
            wanted.restore(tool, |destination, to, options, progress| {
                archive.restore(destination, to, options, progress)
            })
        }
    }
}

/// The directory of the store, with an ending.
fn beside(tool: &Tool) -> PathBuf {
    let mut name = tool.store.components().collect::<PathBuf>().into_os_string();
    name.push(".shipping");
    name.into()
}

/// Shows what is shipped until the shipper ends.
fn follow(shipper: &Shipper, out: &mut Out) -> Result<()> {
    let mut seen = ShipperProgress::default();
    loop {
        let now = shipper.progress();
        if now.objects > seen.objects || (now.times > 0 && seen.times == 0) {
            let (objects, bytes) = (now.objects - seen.objects, now.bytes - seen.bytes);
            line(out, &Shipped { position: now.position, objects, bytes }, Some(shipper.lag()))?;
            out.flush()?;
        }
        if let Some(failure) = now.failure.as_ref().filter(|_| now.failures > seen.failures && now.running) {
            note(format_args!("annals: {}; it is tried again", crate::table::printable(failure)));
        }
        if !now.running {
            return Ok(());
        }
        seen = now;
        thread::sleep(LOOK_EVERY);
    }
}

fn line(out: &mut Out, shipped: &Shipped, lag: Option<Lag>) -> Result<()> {
    let mut facts = Facts::new()
        .number("position", shipped.position)
        .number("objects", shipped.objects)
        .number("bytes", shipped.bytes);
    if let Some(Lag { events, bytes, time }) = lag {
        let bytes = bytes.map_or("null".to_owned(), |bytes| bytes.to_string());
        facts = facts
            .number("behind_events", events)
            .number("behind_bytes", bytes)
            .number("behind_seconds", format_args!("{:.3}", time.as_secs_f64()));
    }
    out.facts(&facts)
}

fn status(tool: &Tool, archive: &Archive) -> Result<()> {
    let status = archive.status()?;
    let facts = Facts::new()
        .text("store_id", status.store_id)
        .number("position", status.position)
        .maybe("recorded", status.recorded_at.map(|at| time::show(at).to_string()))
        .text("shipped", time::show(status.shipped_at))
        .number("sequence", status.sequence)
        .number("objects", status.objects)
        .number("bytes", status.bytes);
    tool.tell(&facts)
}
