//! Reading events: ranges, names, single ones, as of a moment.

use super::Asked;
use crate::suite::Failure;
use annals::{
    AsOf, Clock, Event, EventRef, Position, Query, ReadError, Timestamp, Uuid, Version, View, category_of,
};
use std::collections::BTreeSet;

impl Asked<'_, '_> {
    /// All events, and the ones between two positions or times.
    pub(super) fn ranges(&mut self) -> Result<(), Failure> {
        let middle = Position::new(self.truth.len() as u64 / 2 + 1);
        self.read("all", Query::all(), |_| true)?;
        self.read("from the middle", Query::all().from_position(middle), |event| event.position >= middle)?;
        self.read("up to the middle", Query::all().to_position(middle), |event| event.position <= middle)?;
        let Some(event) = self.truth.get(self.truth.len() / 2) else { return Ok(()) };
        for clock in [Clock::Recorded, Clock::Occurred] {
            let of = move |event: &Event| match clock {
                Clock::Recorded => event.recorded_at,
                Clock::Occurred => event.occurred_at,
            };
            let time = of(event);
            self.read("since", Query::all().since(clock, time), |event| of(event) >= time)?;
            self.read("until", Query::all().until(clock, time), |event| of(event) < time)?;
        }
        Ok(())
    }

    /// Streams, categories, types, tags, prefixes.
    pub(super) fn names(&mut self) -> Result<(), Failure> {
        for stream in unique(self.truth, |event| vec![event.stream.as_str()]) {
            self.read("stream", Query::stream(stream), |event| event.stream == stream)?;
            let late = Query::stream(stream).from_version(Version::new(2)).to_version(Version::new(4));
            self.read("versions", late, |event| {
                event.stream == stream && (2..=4).contains(&event.version.get())
            })?;
        }
        for category in unique(self.truth, |event| vec![category_of(&event.stream)]) {
            let wanted = |event: &Event| category_of(&event.stream) == category;
            self.read("category", Query::all().category(category), wanted)?;
            let prefix = category.get(..1).unwrap_or_default();
            self.read("prefix", Query::all().prefix(prefix), |event| event.stream.starts_with(prefix))?;
        }
        for name in unique(self.truth, |event| vec![event.event_type.as_str()]) {
            self.read("type", Query::all().of_type(name), |event| event.event_type == name)?;
        }
        for tag in unique(self.truth, |event| event.tags.iter().map(String::as_str).collect()) {
            let wanted = |event: &Event| event.tags.iter().any(|own| own == tag);
            self.read("tag", Query::all().tagged(tag), wanted)?;
        }
        self.read("no such stream", Query::stream("nobody"), |_| false)
    }

    /// Every event by its position and by its id.
    pub(super) fn single_events(&mut self) -> Result<(), Failure> {
        for event in self.truth {
            self.single("position", Some(event), self.view.event_at(event.position))?;
            self.single("id", Some(event), self.view.event(event.id))?;
        }
        let behind = self.view.position().next();
        self.single("position behind the end", None, self.view.event_at(behind))?;
        self.single("unknown id", None, self.view.event(Uuid::from_u128(7)))
    }

    /// Views of earlier moments.
    pub(super) fn as_of(&mut self) -> Result<(), Failure> {
        let Some(event) = self.truth.get(self.truth.len() / 2) else { return Ok(()) };
        let (at, recorded, occurred) = (event.position, event.recorded_at, event.occurred_at);
        self.at_moment(AsOf::Position(at), |event| event.position <= at)?;
        self.at_moment(AsOf::Recorded(recorded), |event| event.recorded_at <= recorded)?;
        self.at_moment(AsOf::Recorded(Timestamp::MIN), |_| false)?;
        self.at_moment(AsOf::Occurred(occurred), |event| event.occurred_at <= occurred)
    }

    fn at_moment(&mut self, moment: AsOf, shown: impl Fn(&Event) -> bool) -> Result<(), Failure> {
        let view = match self.view.as_of(moment) {
            Ok(view) => view,
            Err(error) => return (self.judge)(error),
        };
        let wanted: Vec<&Event> = self.truth.iter().filter(|event| shown(event)).collect();
        self.compare(&format!("{moment:?}"), &view, Query::all(), &wanted)?;
        let stream = self.truth[0].stream.as_str();
        let own: Vec<&Event> = wanted.into_iter().rev().filter(|event| event.stream == stream).collect();
        self.compare(&format!("a stream, {moment:?}"), &view, Query::stream(stream).backwards(), &own)
    }

    /// A query forwards, backwards, and with a limit.
    fn read(&mut self, what: &str, query: Query, wanted: impl Fn(&Event) -> bool) -> Result<(), Failure> {
        let mut wanted: Vec<&Event> = self.truth.iter().filter(|event| wanted(event)).collect();
        let view = self.view;
        self.compare(what, view, query.clone(), &wanted)?;
        self.list(&format!("the number of {what}"), view.count(query.clone()), &(wanted.len() as u64))?;
        self.compare(what, view, query.clone().limit(2), &wanted[..wanted.len().min(2)])?;
        wanted.reverse();
        self.compare(what, view, query.backwards(), &wanted)
    }

    fn compare(&mut self, what: &str, view: &View, query: Query, wanted: &[&Event]) -> Result<(), Failure> {
        let fail = |said: &dyn std::fmt::Debug| Failure::new(format!("read of {what}: {said:?}"));
        let mut events = match view.read(query.clone()) {
            Ok(events) => events,
            Err(error) => return (self.judge)(error),
        };
        for wanted in wanted {
            match events.next() {
                Some(Ok(event)) if same(&event, wanted) => {}
                Some(Err(error)) => {
                    (self.judge)(error)?;
                    return if events.next().is_none() {
                        Ok(())
                    } else {
                        Err(fail(&"goes on after an error"))
                    };
                }
                other => {
                    return Err(fail(&(
                        other.map(|event| event.map(|event| event.position)),
                        wanted.position,
                    )));
                }
            }
        }
        match events.next() {
            None => Ok(()),
            Some(Err(error)) => (self.judge)(error),
            Some(Ok(event)) => Err(fail(&event.position)),
        }
    }

    fn single(
        &mut self,
        what: &str,
        wanted: Option<&Event>,
        found: Result<Option<EventRef<'_>>, ReadError>,
    ) -> Result<(), Failure> {
        match (found, wanted) {
            (Err(error), _) => (self.judge)(error),
            (Ok(None), None) => Ok(()),
            (Ok(Some(found)), Some(wanted)) if same(&found, wanted) => Ok(()),
            (Ok(found), _) => {
                let found = found.map(|event| event.position);
                Err(Failure::new(format!(
                    "by {what}: {found:?} instead of {:?}",
                    wanted.map(|event| event.position)
                )))
            }
        }
    }
}

fn same(found: &EventRef<'_>, wanted: &Event) -> bool {
    found.position == wanted.position
        && found.stream == wanted.stream
        && found.version == wanted.version
        && found.id == wanted.id
        && found.event_type == wanted.event_type
        && found.recorded_at == wanted.recorded_at
        && found.occurred_at == wanted.occurred_at
        && found.schema_version == wanted.schema_version
        && found.content_type == wanted.content_type
        && found.plain() == wanted.payload
        && found.tags.iter().eq(wanted.tags.iter().map(String::as_str))
}

fn unique<'e>(events: &'e [Event], names: impl Fn(&'e Event) -> Vec<&'e str>) -> BTreeSet<&'e str> {
    events.iter().flat_map(names).collect()
}
