//! Which events to read, as of which moment: the arguments that `read`, `tail` and `export` share.

use super::criteria::{any_of, parse_clause};
use super::values::{ClockName, Moment, parse_stream, parse_time};
use annals::{AsOf, Clause, Position, Query, Store, Timestamp, Version, View};
use anyhow::{Result, bail};

/// The moment as of which everything is read.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct AsOfArgs {
    /// As it stood at a time, inclusive, or after the event at a position
    #[arg(long, value_name = "T|POSITION", help_heading = "As of")]
    pub(crate) as_of: Option<Moment>,
    /// As the store knew it at a time on the recorded clock, or after the event at a position
    #[arg(long, value_name = "T|POSITION", help_heading = "As of")]
    pub(crate) recorded_as_of: Option<Moment>,
    /// The clock that times are on
    #[arg(long, value_enum, default_value_t, value_name = "CLOCK", help_heading = "As of")]
    pub(crate) clock: ClockName,
}

impl AsOfArgs {
    /// The view as of the moment.
    pub(crate) fn narrow(&self, mut view: View) -> Result<View> {
        if let Some(moment) = self.as_of {
            view = view.as_of(as_of(moment, self.clock))?;
        }
        if let Some(moment) = self.recorded_as_of {
            view = view.as_of(as_of(moment, ClockName::Recorded))?;
        }
        Ok(view)
    }

    pub(crate) fn is_now(&self) -> bool {
        self.as_of.is_none() && self.recorded_as_of.is_none()
    }
}

/// A moment on a clock as the library says it.
pub(crate) fn as_of(moment: Moment, clock: ClockName) -> AsOf {
    match (moment, clock) {
        (Moment::Position(position), _) => AsOf::Position(position),
        (Moment::Time(time), ClockName::Occurred) => AsOf::Occurred(time),
        (Moment::Time(time), ClockName::Recorded) => AsOf::Recorded(time),
    }
}

/// Which events.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Filters {
    /// Only the events of this stream
    #[arg(long, value_name = "S", value_parser = parse_stream, help_heading = "Filters")]
    pub(crate) stream: Option<String>,
    /// The events of all streams (the default)
    #[arg(long, conflicts_with = "stream", help_heading = "Filters")]
    all: bool,
    /// From this version of the stream, or this position of the store, inclusive
    #[arg(long, value_name = "N", help_heading = "Filters")]
    from: Option<u64>,
    /// Up to this version of the stream, or this position of the store, inclusive
    #[arg(long, value_name = "N", help_heading = "Filters")]
    pub(crate) to: Option<u64>,
    /// Only events of this type; given again, of any of the types
    #[arg(long = "type", value_name = "T", help_heading = "Filters")]
    types: Vec<String>,
    /// Only events with this tag; given again, with all of the tags
    #[arg(long = "tag", value_name = "X", help_heading = "Filters")]
    tags: Vec<String>,
    /// Only events of any of these types with all of these tags, as {"types":["T"],"tags":["X"]}; given again, of any of
    /// those
    #[arg(long = "match", value_name = "JSON", value_parser = parse_clause, help_heading = "Filters")]
    clauses: Vec<Clause>,
    /// Only streams whose name begins so
    #[arg(long, value_name = "P", conflicts_with = "stream", help_heading = "Filters")]
    prefix: Option<String>,
    /// Only streams of this category: the name up to the first `-`
    #[arg(long, value_name = "C", conflicts_with = "stream", help_heading = "Filters")]
    category: Option<String>,
    /// Only events at this time or later
    #[arg(long, value_name = "T", value_parser = parse_time, help_heading = "Filters")]
    since: Option<Timestamp>,
    /// Only events before this time
    #[arg(long, value_name = "T", value_parser = parse_time, help_heading = "Filters")]
    pub(crate) until: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) moment: AsOfArgs,
}

impl Filters {
    /// The view to read from.
    ///
    /// # Errors
    /// If the stream that is asked for has never had an event.
    pub(crate) fn view(&self, store: &Store) -> Result<View> {
        let view = store.view();
        if let Some(stream) = &self.stream {
            must_exist(&view, stream)?;
        }
        self.moment.narrow(view)
    }

    /// The query that selects the events from a position on.
    pub(crate) fn query_from(&self, position: Position) -> Result<Query> {
        let from = self.from.filter(|_| self.stream.is_none()).map_or(Position::ZERO, Position::new);
        Ok(self.query()?.from_position(position.max(from)))
    }

    /// The query that selects the events.
    pub(crate) fn query(&self) -> Result<Query> {
        let mut query = match &self.stream {
            Some(stream) => Query::stream(stream),
            None => Query::all(),
        };
        query = match (self.from, &self.stream) {
            (Some(from), Some(_)) => query.from_version(Version::new(from)),
            (Some(from), None) => query.from_position(Position::new(from)),
            (None, _) => query,
        };
        query = match (self.to, &self.stream) {
            (Some(to), Some(_)) => query.to_version(Version::new(to)),
            (Some(to), None) => query.to_position(Position::new(to)),
            (None, _) => query,
        };
        query = self.types.iter().fold(query, Query::of_type);
        query = self.tags.iter().fold(query, Query::tagged);
        if let Some(criteria) = any_of(&self.clauses)? {
            query = query.matching(criteria);
        }
        if let Some(prefix) = &self.prefix {
            query = query.prefix(prefix);
        }
        if let Some(category) = &self.category {
            query = query.category(category);
        }
        let clock = self.moment.clock;
        if let Some(since) = self.since {
            query = query.since(clock.into(), since);
        }
        if let Some(until) = self.until {
            query = query.until(clock.into(), until);
        }
        Ok(query)
    }
}

/// Checks that a stream has had an event at some time, and was not deleted since.
pub(crate) fn must_exist(view: &View, stream: &str) -> Result<()> {
    if view.stream(stream)?.is_none() {
        if view.floor(stream)? > Version::FIRST {
            bail!("all events of stream {stream:?} were deleted: `annals streams` lists what is there");
        }
        bail!("stream {stream:?} has never had an event: `annals streams` lists what is there");
    }
    Ok(())
}
