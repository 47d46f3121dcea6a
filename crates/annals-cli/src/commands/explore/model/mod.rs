//! What is shown, and what it takes to show it: keys and loaded pieces in, wants out. No input, no output, no clock.

mod chosen;
mod keys;
mod moment;
mod streams;

pub(super) use chosen::{Chosen, EventRow, Shown, Window};
pub(super) use moment::{Find, Moment, Unit};
pub(super) use streams::{StreamList, StreamRow};

use annals::{Clock, Timestamp};

/// Which pane the arrows move in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    Streams,
    Events,
    State,
    Changes,
}

/// A piece that has to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// What has been appended meanwhile.
    Refresh,
    /// A page of the list of streams: those that begin with `prefix` behind `after`.
    Streams { prefix: String, after: Option<String> },
    /// The next piece of what is known of the times of a stream.
    Outline { stream: String },
    /// An event of the stream.
    Find { stream: String, clock: Clock, find: Find },
    /// The events with these versions.
    Events { stream: String, first: u64, count: u64 },
    /// The next piece of folding the state at a moment.
    State { stream: String, clock: Clock, at: Option<EventRow> },
}

impl Want {
    /// Whether it comes piece by piece, so that keys may come in between.
    pub(super) fn may_last(&self) -> bool {
        matches!(self, Want::Outline { .. } | Want::State { .. })
    }
}

/// Everything that is shown.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) store: String,
    pub(super) streams: StreamList,
    pub(super) chosen: Option<Chosen>,
    pub(super) clock: Clock,
    pub(super) unit: Unit,
    pub(super) focus: Focus,
    pub(super) help: bool,
    /// Whether letters go into the filter of the streams.
    pub(super) typing: bool,
    /// What went wrong, until the next key.
    pub(super) said: Option<String>,
    refresh: bool,
    over: bool,
}

impl Model {
    /// With nothing loaded. Without a stream to begin with, it is the first one.
    pub(super) fn new(store: String, stream: Option<String>) -> Self {
        Model {
            store,
            streams: StreamList::default(),
            focus: if stream.is_some() { Focus::Events } else { Focus::Streams },
            chosen: stream.map(Chosen::new),
            clock: Clock::Occurred,
            unit: Unit::Day,
            help: false,
            typing: false,
            said: None,
            refresh: false,
            over: false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// What is to be loaded next; `None` if all that is shown is there.
    pub(super) fn want(&self) -> Option<Want> {
        if self.refresh {
            return Some(Want::Refresh);
        }
        if let Some(after) = self.streams.wanted() {
            return Some(Want::Streams { prefix: self.streams.prefix.clone(), after });
        }
        self.chosen.as_ref()?.want(self.clock)
    }

    /// Events may have come: the list of streams and the end of the chosen one are looked at again.
    pub(super) fn refreshed(&mut self) {
        self.refresh = false;
        self.streams.reload();
        if let Some(chosen) = &mut self.chosen {
            chosen.reload();
        }
    }

    /// Takes a page of streams.
    pub(super) fn take_streams(&mut self, rows: Vec<StreamRow>, more: bool) {
        self.streams.take(rows, more);
        if self.chosen.is_none()
            && let Some(row) = self.streams.selected_row()
        {
            self.chosen = Some(Chosen::new(row.name.clone()));
        }
    }

    /// Takes what is known so far of the times of the chosen stream.
    pub(super) fn take_outline(&mut self, last: u64, done: u64, spans: Option<Spans>) {
        if let Some(chosen) = &mut self.chosen {
            chosen.take_outline(last, done, spans);
        }
    }

    /// Takes the event that was looked for; `None` if there is none.
    pub(super) fn take_found(&mut self, row: Option<EventRow>) {
        let clock = self.clock;
        if let Some(chosen) = &mut self.chosen {
            chosen.take_found(clock, row);
        }
    }

    /// Takes the events from a version on.
    pub(super) fn take_events(&mut self, window: Window) {
        if let Some(chosen) = &mut self.chosen {
            chosen.window = Some(window);
        }
    }

    /// Takes the state at the moment.
    pub(super) fn take_state(&mut self, shown: Shown) {
        if let Some(chosen) = &mut self.chosen {
            chosen.state = Some(shown);
            chosen.progress = None;
        }
    }

    /// Takes how many events have been folded of how many, for a state that is not ready yet.
    pub(super) fn take_progress(&mut self, done: u64, of: u64) {
        if let Some(chosen) = &mut self.chosen {
            chosen.progress = Some((done, of));
        }
    }

    /// What was wanted cannot be had: that is said, and it is not wanted any more.
    pub(super) fn take_failure(&mut self, want: &Want, text: String) {
        match want {
            Want::Refresh => self.refresh = false,
            Want::Streams { .. } => self.streams.take(Vec::new(), false),
            Want::State { .. } => self.take_state(Shown { lines: vec![text.clone()], ..Shown::default() }),
            Want::Outline { .. } | Want::Find { .. } | Want::Events { .. } => {
                if let Some(chosen) = &mut self.chosen {
                    chosen.give_up();
                }
            }
        }
        self.said = Some(text);
    }
}

/// The first and the last time of a stream on each clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spans {
    pub(super) occurred: (Timestamp, Timestamp),
    pub(super) recorded: (Timestamp, Timestamp),
}

impl Spans {
    pub(super) fn on(&self, clock: Clock) -> (Timestamp, Timestamp) {
        match clock {
            Clock::Occurred => self.occurred,
            Clock::Recorded => self.recorded,
        }
    }
}

#[cfg(test)]
mod tests;
