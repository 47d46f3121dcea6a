//! Which events are meant, and the requests for them.

use super::choosing::{Chosen, Kept};
use super::error::EraseError;
use super::handle::{ErasePlan, EraseSegment, EraseTarget};
use super::request::{OfStream, Request, STREAMS_MAX, STRETCHES_MAX};
use crate::error::ReadError;
use crate::query::{AsOf, Query};
use crate::view::View;
use annals_compaction::SYSTEM_PREFIX;
use annals_format::ERASURES_UNDER_WAY_MAX;
use annals_types::{EventRef, Version};
use std::collections::BTreeMap;

/// Goes through the events that are meant.
pub(super) struct Finder<'f> {
    /// What every request of it says beside the events.
    pub(super) base: Request,
    /// What is asked for already, and not finished.
    pub(super) under_way: &'f Chosen,
    pub(super) requests: Vec<Request>,
    pub(super) plan: ErasePlan,
    streams: BTreeMap<String, OfStream>,
    stretches: usize,
}

impl<'f> Finder<'f> {
    pub(super) fn new(base: Request, under_way: &'f Chosen) -> Self {
        let (requests, plan) = (Vec::new(), ErasePlan::default());
        Finder { base, under_way, requests, plan, streams: BTreeMap::new(), stretches: 0 }
    }

    /// Takes in what is meant of a view that shows everything.
    pub(super) fn find(
        &mut self,
        view: &View,
        target: &EraseTarget,
        until: Option<AsOf>,
    ) -> Result<(), EraseError> {
        let view = &until.map_or_else(|| Ok(view.clone()), |moment| view.as_of(moment))?;
        match target {
            EraseTarget::Id(id) => {
                let event = view.event(*id)?.ok_or(EraseError::NoId { id: *id })?;
                self.take_one(view, &event)?;
            }
            EraseTarget::Position(position) => {
                let event = view.stored_at(*position)?;
                self.take_one(view, &event.ok_or(EraseError::NoPosition { position: *position })?)?;
            }
            EraseTarget::Stream(stream) => {
                refuse_system(stream)?;
                self.take_all(view, Query::stream(stream.as_str()))?;
                if self.plan.found == 0 && until.is_none() {
                    return Err(EraseError::NoStream { stream: stream.clone() });
                }
            }
            EraseTarget::Tag(tag) => self.take_all(view, Query::all().tagged(tag.as_str()))?,
        }
        self.end_request()
    }

    fn take_one(&mut self, view: &View, event: &EventRef<'_>) -> Result<(), EraseError> {
        refuse_system(event.stream)?;
        self.take(view, event)
    }

    fn take_all(&mut self, view: &View, query: Query) -> Result<(), EraseError> {
        for event in view.read(query)? {
            let event = event?;
            if !event.stream.starts_with(SYSTEM_PREFIX) {
                self.take(view, &event)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, view: &View, event: &EventRef<'_>) -> Result<(), EraseError> {
        self.plan.found += 1;
        let kept = Kept { tags: self.base.keep_tags, hash: self.base.keep_hash };
        if !kept.lacks(event) {
            return Ok(());
        }
        self.plan.events += 1;
        self.note_segment(view, event)?;
        let asked = self.under_way.kept_at(event.position);
        if asked.is_some_and(|asked| (kept.tags || !asked.tags) && (kept.hash || !asked.hash)) {
            return Ok(());
        }
        if !self.streams.contains_key(event.stream) {
            if self.streams.len() >= STREAMS_MAX {
                self.end_request()?;
            }
            let (stream, from) = (event.stream.to_owned(), event.version);
            let of =
                OfStream { stream: stream.clone(), from, positions: super::stretches::Stretches::default() };
            self.streams.insert(stream, of);
        }
        if let Some(of) = self.streams.get_mut(event.stream) {
            let before = of.positions.len();
            of.positions.push(event.position);
            of.from = Version::min(of.from, event.version);
            self.stretches += of.positions.len() - before;
        }
        if self.stretches >= STRETCHES_MAX { self.end_request() } else { Ok(()) }
    }

    fn note_segment(&mut self, view: &View, event: &EventRef<'_>) -> Result<(), ReadError> {
        let Some(segment) = view.parts.segment_of(event.position) else { return Ok(()) };
        let bytes = segment.record(event.position)?.map_or(0, <[u8]>::len) as u64;
        // By tag, and within a stream, positions ascend.
        match self.plan.segments.last_mut().filter(|last| last.segment_id == segment.id()) {
            Some(last) => {
                last.events += 1;
                last.bytes += bytes;
            }
            None => self.plan.segments.push(EraseSegment {
                segment_id: segment.id(),
                sealed: segment.sealed_entry().is_some(),
                events: 1,
                bytes,
            }),
        }
        Ok(())
    }

    fn end_request(&mut self) -> Result<(), EraseError> {
        self.stretches = 0;
        let streams: Vec<OfStream> = std::mem::take(&mut self.streams).into_values().collect();
        if streams.is_empty() {
            return Ok(());
        }
        if self.requests.len() as u64 >= ERASURES_UNDER_WAY_MAX {
            return Err(EraseError::TooMany);
        }
        self.requests.push(Request { streams, ..self.base.clone() });
        Ok(())
    }
}

fn refuse_system(stream: &str) -> Result<(), EraseError> {
    match stream.starts_with(SYSTEM_PREFIX) {
        true => Err(EraseError::SystemStream { stream: stream.to_owned() }),
        false => Ok(()),
    }
}
