//! `replay`: events again, at the pace at which they came.

mod keys;

use self::keys::Keys;
use super::events::Printer;
use crate::args::filters::Filters;
use crate::output::note;
use crate::terminal;
use crate::tool::Tool;
use annals::Speed;
use anyhow::Result;
use std::time::Duration;

/// Replay events at the pace at which they came, faster, or slower
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The pace is that of the clock named with --clock. The first event comes at once; one whose time is not \
    behind all before it comes without a wait.\n\n\
    On a terminal: space pauses and goes on, right arrow or s shows one event while paused, + and - double and halve the \
    speed, q ends.\n\n\
    Examples:\n  \
    annals replay --stream account-7 --speed 86400   (a day in a second)\n  \
    annals replay --type Deposited --speed 3600 --longest-wait 2 --clock recorded"
)]
pub(crate) struct Args {
    /// How many times as fast as it was [default: 1]
    #[arg(long, value_name = "N", value_parser = parse_speed, conflicts_with = "fast", help_heading = "Pace")]
    speed: Option<Speed>,
    /// As fast as events can be read
    #[arg(long, help_heading = "Pace")]
    fast: bool,
    /// Wait no longer than this for any event
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, help_heading = "Pace")]
    longest_wait: Option<Duration>,
    #[command(flatten)]
    filters: Filters,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let view = args.filters.view(&store)?;
    let speed = if args.fast { Speed::FASTEST } else { args.speed.unwrap_or_default() };
    let mut replay = view.replay(args.filters.query()?)?.clock(args.filters.moment.clock.into()).speed(speed);
    if let Some(longest) = args.longest_wait {
        replay = replay.longest_wait(longest);
    }
    let mut out = tool.out();
    let mut printer = Printer::new(&out);
    let attended = terminal::is_attended();
    if attended {
        note("space: pause, right arrow or s: one event, + -: speed, q: end");
        out.terminal_is_raw();
    }
    // Puts the terminal in order when it is dropped, however this ends.
    let _keys = attended.then(|| Keys::of(replay.control())).transpose()?;
    for event in replay {
        match event {
            Ok(event) => printer.one(&mut out, &event.event())?,
            Err(error) => {
                printer.flush(&mut out)?;
                return Err(error.into());
            }
        }
        // Whoever looks on sees each event when it comes; a fast replay into a file need not be slowed down for that.
        if attended || !args.fast {
            printer.flush(&mut out)?;
        }
    }
    printer.flush(&mut out)
}

fn parse_speed(text: &str) -> Result<Speed, String> {
    let factor = text.parse().ok().and_then(Speed::times);
    factor.ok_or_else(|| "a speed is a number above 0, such as 60 or 0.5".to_owned())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "expected a number of seconds, 0 or more, such as 2 or 0.5".to_owned())
}
