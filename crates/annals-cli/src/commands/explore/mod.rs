//! `explore`: streams, events and states on the terminal, at any moment of either clock.
//!
//! Three parts that know little of each other: `model` is the state of what is shown, changed by keys and by what was
//! loaded, without any input or output; it says what it wants next. `source` loads that from the store, a bounded piece at a
//! time. `draw` puts the model on the screen. Here they are tied together.

mod draw;
mod model;
mod source;

use self::model::Model;
use self::source::Source;
use crate::failure::Usage;
use crate::terminal;
use crate::tool::Tool;
use anyhow::{Context, Result, bail};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use std::time::{Duration, Instant};

/// Look around in a store: streams, events and states at any moment, on the terminal
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Tab goes from pane to pane, arrows move, left and right go from moment to moment, c changes the clock, \
    ? shows all keys, q ends.\n\n\
    Examples:\n  \
    annals --store ./shop explore\n  \
    annals explore --stream account-7"
)]
pub(crate) struct Args {
    /// Begin with this stream
    #[arg(long, value_name = "S", value_parser = crate::args::values::parse_stream)]
    stream: Option<String>,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    if !terminal::is_attended() {
        bail!(Usage("explore needs a terminal: use streams, read, state and history elsewhere".to_owned()));
    }
    let store = tool.reading()?;
    if let Some(stream) = &args.stream {
        crate::args::filters::must_exist(&store.view(), stream)?;
    }
    let name = tool.store.display().to_string();
    let mut source = Source::new(store);
    let mut model = Model::new(name, args.stream.clone());
    // A panic puts the terminal in order by the hook that this sets, everything else by what is dropped.
    let mut terminal = ratatui::try_init().context("cannot draw on the terminal")?;
    let _restored = Restored;
    attend(&mut terminal, &mut model, &mut source)
}

/// The terminal as it was, when this is dropped.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing left to put in order.
        let _ = ratatui::try_restore();
    }
}

/// While something long is loaded, how often that is shown.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

fn attend(terminal: &mut DefaultTerminal, model: &mut Model, source: &mut Source) -> Result<()> {
    while !model.is_over() {
        let mut drawn: Option<Instant> = None;
        while let Some(want) = model.want() {
            if want.may_last() && event::poll(Duration::ZERO)? {
                break;
            }
            if drawn.is_none_or(|drawn| drawn.elapsed() > REDRAW_EVERY) && want.may_last() {
                terminal.draw(|frame| draw::draw(frame, model))?;
                drawn = Some(Instant::now());
            }
            source.fulfil(want, model);
        }
        terminal.draw(|frame| draw::draw(frame, model))?;
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => model.key(key),
            // Another size: what is drawn next has it.
            _ => {}
        }
    }
    Ok(())
}
