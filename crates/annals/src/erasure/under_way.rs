//! Not showing what is being erased.
//!
//! The manifest has two numbers: up to which request all are finished, and up to which there may be one in the log. Where they are
//! equal, which is in nearly every store, nobody looks for requests.

use super::request::{ERASURE_STREAM, Request};
use super::stretches::Stretches;
use crate::error::ReadError;
use crate::parts::Parts;
use crate::query::Query;
use crate::view::View;
use annals_format::Erasures;
use annals_index::{TermKey, TermKind};
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, PayloadRef, Position, Version};
use annals_vfs::sync::OnceLock;
use std::collections::HashMap;
use std::sync::Arc;

/// Requests that are not finished.
#[derive(Debug)]
pub(crate) struct UnderWay {
    numbers: Erasures,
    /// What they come to, once all of them have been read.
    known: OnceLock<Arc<Concealed>>,
}

/// What nobody is shown.
#[derive(Debug, Default)]
pub(crate) struct Concealed {
    positions: Stretches,
    /// From which version on states of streams may have it, by the hashes of their names: two streams with one hash only read more.
    streams: HashMap<u64, Version>,
}

/// What a reader is not shown; mostly nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Concealing(Option<Arc<Concealed>>);

/// A request and its number.
pub(crate) type Numbered = (u64, Request);

impl UnderWay {
    /// By a manifest; `None` if nothing is under way. Those that are known already are taken over.
    pub(crate) fn of(manifest: Option<Erasures>, known: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        let numbers = manifest.filter(|numbers| numbers.under_way() > 0)?;
        let same = known.filter(|known| known.numbers == numbers).cloned();
        Some(same.unwrap_or_else(|| Arc::new(UnderWay { numbers, known: OnceLock::new() })))
    }

    /// How many there may be.
    pub(crate) fn count(&self) -> u64 {
        self.numbers.under_way()
    }

    /// The number of the last one.
    pub(super) fn last(&self) -> u64 {
        self.numbers.requested
    }

    /// Those that are in the log up to a position.
    pub(super) fn requests(&self, parts: &Arc<Parts>, taken: Position) -> Result<Vec<Numbered>, ReadError> {
        let whole = View::new(Arc::clone(parts), taken);
        let query = Query::stream(ERASURE_STREAM)
            .from_version(Version::new(self.numbers.finished + 1))
            .to_version(Version::new(self.numbers.requested));
        let mut requests = Vec::new();
        for event in whole.read(query)? {
            let event = event?;
            let request = Request::of(&event).map_err(|error| parts.own_error(error))?;
            requests.push((event.version.get(), request));
        }
        Ok(requests)
    }

    fn concealed(&self, parts: &Arc<Parts>, taken: Position) -> Result<Arc<Concealed>, ReadError> {
        if let Some(known) = self.known.get() {
            return Ok(Arc::clone(known));
        }
        let requests = self.requests(parts, taken)?;
        let concealed = Arc::new(Concealed::by(&requests, parts.hash_seed));
        // One that is missing may still come: the manifest tells of it before it is written.
        if requests.len() as u64 == self.count() {
            return Ok(Arc::clone(self.known.get_or_init(|| concealed)));
        }
        Ok(concealed)
    }
}

impl Concealed {
    fn by(requests: &[Numbered], hash_seed: u64) -> Self {
        let mut streams = HashMap::new();
        for of in requests.iter().flat_map(|(_, request)| &request.streams) {
            let from = streams.entry(hash_of(&of.stream, hash_seed)).or_insert(of.from);
            *from = of.from.min(*from);
        }
        let positions = Stretches::joined(requests.iter().map(|(_, request)| request.positions()));
        Concealed { positions, streams }
    }
}

/// The hash of a stream's name.
pub(super) fn hash_of(stream: &str, hash_seed: u64) -> u64 {
    TermKey::new(TermKind::Stream, stream, hash_seed).hash(hash_seed)
}

impl Concealing {
    /// Whether everything is shown.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The event, without its payload if that is being erased.
    #[inline]
    pub(crate) fn conceal<'e>(&self, event: EventRef<'e>) -> EventRef<'e> {
        match &self.0 {
            Some(concealed) => hide(concealed, event),
            None => event,
        }
    }
}

#[cold]
fn hide<'e>(concealed: &Concealed, event: EventRef<'e>) -> EventRef<'e> {
    if event.payload.is_erased()
        || !concealed.positions.has(event.position)
        || planted(Bug::ErasedShownUntilDone)
    {
        return event;
    }
    EventRef { payload: PayloadRef::being_erased(), ..event }
}

impl View {
    /// What this view does not show because it is being erased.
    #[inline]
    pub(crate) fn concealing(&self) -> Result<Concealing, ReadError> {
        match &self.parts.erasing {
            Some(erasing) if self.conceals => {
                Ok(Concealing(Some(erasing.concealed(&self.parts, self.taken)?)))
            }
            _ => Ok(Concealing::default()),
        }
    }

    /// From which version on states of a stream may have what is being erased; `None` if none can.
    pub(crate) fn states_concealed_from(&self, stream: &str) -> Result<Option<Version>, ReadError> {
        let Concealing(concealed) = self.concealing()?;
        let hash = || hash_of(stream, self.parts.hash_seed);
        Ok(concealed.and_then(|concealed| concealed.streams.get(&hash()).copied()))
    }
}
