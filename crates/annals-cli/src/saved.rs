//! States of streams as documents, from snapshots where there are any.

use crate::args::shown::Shown;
use annals::{Aggregates, Document, Query, SnapshotPolicy, Store, Version, View};
use anyhow::Result;

/// The schema tag of the snapshots that this tool takes. Programs have tags of their own: they may read events through
/// upcasters that the tool does not know.
pub(crate) const TAG: &str = "annals.document/1";

/// The documents of a store.
pub(crate) struct SavedDocuments(Aggregates<Document>);

/// The state of a stream.
pub(crate) struct Saved {
    pub(crate) version: Version,
    /// The version of its first event, if it lacks those before, which rules of retention hide.
    pub(crate) floor: Option<Version>,
    pub(crate) document: Document,
}

impl SavedDocuments {
    pub(crate) fn of(store: &Store) -> Self {
        SavedDocuments(store.aggregates().with_snapshots(TAG, SnapshotPolicy::only_when_told()))
    }

    /// The aggregates, for what is not about showing.
    pub(crate) fn aggregates(&self) -> &Aggregates<Document> {
        &self.0
    }

    /// The state of a stream in a view. Events as they are stored are folded anew.
    pub(crate) fn load(&self, view: &View, stream: &str, shown: Shown) -> Result<Saved> {
        if shown.stored {
            let mut document = Document::default();
            for event in view.read(Query::stream(stream))? {
                document.apply(&event?)?;
            }
            return Ok(Saved { version: document.version(), floor: floor(view, stream)?, document });
        }
        let loaded = self.0.clone().from_floor().load_from(view, stream)?;
        let (version, floor) = (loaded.version(), loaded.floor());
        Ok(Saved { version, floor, document: loaded.into_state() })
    }
}

/// The version of the first event that is left of a stream, if others are hidden.
pub(crate) fn floor(view: &View, stream: &str) -> Result<Option<Version>> {
    Ok(Some(view.floor(stream)?).filter(|floor| *floor > Version::FIRST))
}
