//! States of streams as documents, from snapshots where there are any.

use crate::args::shown::Shown;
use annals::{Aggregates, Document, Query, SnapshotPolicy, Store, Version, View};
use anyhow::Result;

/// The schema tag of the snapshots that this tool takes. Programs have tags of their own: they may read events through
/// upcasters that the tool does not know.
pub(crate) const TAG: &str = "annals.document/1";

/// The documents of a store.
pub(crate) struct SavedDocuments(Aggregates<Document>);

impl SavedDocuments {
    pub(crate) fn of(store: &Store) -> Self {
        SavedDocuments(store.aggregates().with_snapshots(TAG, SnapshotPolicy::only_when_told()))
    }

    /// The aggregates, for what is not about showing.
    pub(crate) fn aggregates(&self) -> &Aggregates<Document> {
        &self.0
    }

    /// The state of a stream in a view, and the version at which it stands. Events as they are stored are folded anew.
    pub(crate) fn load(&self, view: &View, stream: &str, shown: Shown) -> Result<(Version, Document)> {
        if shown.stored {
            let mut document = Document::default();
            for event in view.read(Query::stream(stream))? {
                document.apply(&event?)?;
            }
            return Ok((document.version(), document));
        }
        let loaded = self.0.load_from(view, stream)?;
        Ok((loaded.version(), loaded.into_state()))
    }
}
