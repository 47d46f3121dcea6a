//! Loads what the model wants, piece by piece, so that neither memory nor the time of one piece grows with the store.

mod checkpoints;
mod find;
mod fold;
mod outline;
mod render;

use self::checkpoints::Checkpoints;
use self::fold::{Fold, Target};
use self::outline::Outline;
use super::model::{EventRow, Model, StreamRow, Want, Window};
use crate::failure;
use annals::{EventRef, Query, Store, Version, View};
use anyhow::Result;
use std::time::Duration;

/// Streams of one page of the list.
const STREAMS_PAGE: usize = 256;

/// The store, and what is remembered of the chosen stream.
pub(super) struct Source {
    store: Store,
    view: View,
    chosen: Option<Stream>,
}

/// What is remembered of a stream: small beside its events.
struct Stream {
    name: String,
    outline: Outline,
    checkpoints: Checkpoints,
    /// The state that is being folded.
    fold: Option<Fold>,
}

impl Source {
    pub(super) fn new(store: Store) -> Self {
        let view = store.view();
        Source { store, view, chosen: None }
    }

    /// Loads a piece of what is wanted, and gives it to the model; also if it cannot be loaded.
    pub(super) fn fulfil(&mut self, want: Want, model: &mut Model) {
        if let Err(error) = self.try_fulfil(&want, model) {
            model.take_failure(&want, failure::line(&error));
        }
    }

    fn try_fulfil(&mut self, want: &Want, model: &mut Model) -> Result<()> {
        match want {
            Want::Refresh => {
                // A store that is open for reading only looks for what has come when it is asked to wait.
                self.store.wait_beyond(self.view.position(), Duration::ZERO)?;
                self.view = self.store.view();
                model.refreshed();
            }
            Want::Streams { prefix, after } => {
                let (rows, more) = self.streams(prefix, after.as_deref())?;
                model.take_streams(rows, more);
            }
            Want::Outline { stream } => {
                let (view, chosen) = self.stream(stream);
                let last = view.stream(stream)?.map_or(0, |info| info.last_version.get());
                chosen.outline.extend(view, stream, last)?;
                model.take_outline(last, chosen.outline.done(), chosen.outline.spans());
            }
            Want::Find { stream, clock, find } => {
                let (view, chosen) = self.stream(stream);
                model.take_found(find::event(view, stream, &chosen.outline, *clock, *find)?);
            }
            Want::Events { stream, first, count } => {
                model.take_events(events(&self.view, stream, *first, *count)?);
            }
            Want::State { stream, clock, at } => {
                let (view, chosen) = self.stream(stream);
                let target = Target::of(*clock, at.as_ref());
                let mut fold = match chosen.fold.take() {
                    Some(fold) if fold.target() == target => fold,
                    _ => Fold::new(target, &chosen.checkpoints),
                };
                if fold.advance(view, stream, &chosen.outline, &mut chosen.checkpoints)? {
                    model.take_state(render::shown(fold.before().value(), fold.at().value()));
                } else {
                    let (done, of) = fold.progress(&chosen.outline);
                    model.take_progress(done, of);
                    chosen.fold = Some(fold);
                }
            }
        }
        Ok(())
    }

    fn streams(&self, prefix: &str, after: Option<&str>) -> Result<(Vec<StreamRow>, bool)> {
        let mut streams = self.view.streams(prefix);
        if let Some(after) = after {
            streams = streams.after(after);
        }
        let mut rows = Vec::new();
        for info in streams {
            let info = info?;
            if rows.len() == STREAMS_PAGE {
                return Ok((rows, true));
            }
            rows.push(StreamRow { name: info.stream, events: info.events });
        }
        Ok((rows, false))
    }

    /// What is remembered of a stream. Of the one before it nothing is.
    fn stream(&mut self, name: &str) -> (&View, &mut Stream) {
        if self.chosen.as_ref().is_none_or(|chosen| chosen.name != name) {
            self.chosen = None;
        }
        let chosen = self.chosen.get_or_insert_with(|| Stream {
            name: name.to_owned(),
            outline: Outline::default(),
            checkpoints: Checkpoints::default(),
            fold: None,
        });
        (&self.view, chosen)
    }
}

/// The events of a stream with some versions.
fn events(view: &View, stream: &str, first: u64, count: u64) -> Result<Window> {
    let query = versions(view, stream, first, first.saturating_add(count).saturating_sub(1))?;
    let mut rows = Vec::new();
    for event in view.read_upcast(query)? {
        rows.push(row(&event?.event()));
    }
    Ok(Window { first, count, rows })
}

/// The events of a stream from one version to another, both included; without those that rules of retention hide.
fn versions(view: &View, stream: &str, first: u64, last: u64) -> Result<Query> {
    let first = view.floor(stream)?.max(Version::new(first));
    Ok(Query::stream(stream).from_version(first).to_version(Version::new(last)))
}

fn row(event: &EventRef<'_>) -> EventRow {
    EventRow {
        version: event.version.get(),
        position: event.position.get(),
        occurred_at: event.occurred_at,
        recorded_at: event.recorded_at,
        event_type: event.event_type.to_owned(),
    }
}

#[cfg(test)]
mod tests;
