//! What an open store knows of schemas: read when it is first needed, and again when something was registered since.

use super::registry::Registry;
use super::system::SCHEMAS_STREAM;
use crate::error::{ReadError, with_causes};
use crate::events::Events;
use crate::lists::stream_info;
use crate::parts::Parts;
use crate::query::Query;
use crate::upcast::{Chain, Upcasters};
use crate::view::View;
use annals_types::Version;
use annals_vfs::sync::Mutex;
use annals_vfs::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Nobody has looked yet.
const UNKNOWN: u64 = u64::MAX;

/// Shared by the writer and all views.
#[derive(Debug)]
pub(crate) struct Schemas {
    /// The version of the last event of the stream of registrations, staged ones included; 0 if there is none. Kept by the
    /// writer, from the moment on when somebody has looked: views are taken from an open store, so until something is staged
    /// all of them show the same. Not kept by a store that follows another process.
    version: AtomicU64,
    follows: bool,
    /// Nothing is registered.
    empty: Arc<Registry>,
    /// What was read last.
    newest: Mutex<Arc<Registry>>,
}

impl Default for Schemas {
    fn default() -> Self {
        Self::of_reader(Upcasters::default())
    }
}

impl Schemas {
    pub(crate) fn of_writer(code: Upcasters) -> Self {
        Self::new(&code, false)
    }

    pub(crate) fn of_reader(code: Upcasters) -> Self {
        Self::new(&code, true)
    }

    fn new(code: &Upcasters, follows: bool) -> Self {
        let empty = Arc::new(Registry::empty(code));
        let newest = Mutex::new(Arc::clone(&empty));
        Schemas { version: AtomicU64::new(UNKNOWN), follows, empty, newest }
    }

    /// Whether it is known that nothing is registered: all that an append has to know then.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.version.load(Ordering::Acquire) == 0
    }

    /// The version of the last registration, staged ones included. `view` is of the store as it is now.
    pub(crate) fn version(&self, view: &View) -> Result<u64, ReadError> {
        match self.version.load(Ordering::Acquire) {
            UNKNOWN => {
                let found = self.find_version(view)?;
                Ok(if self.follows { found } else { self.version.load(Ordering::Acquire) })
            }
            known => Ok(known),
        }
    }

    /// The writer has staged registrations, up to this version.
    pub(crate) fn note_staged(&self, version: Version) {
        self.version.store(version.get(), Ordering::Release);
    }

    /// The chain for the events of a view.
    pub(crate) fn chain(&self, view: &View) -> Result<Arc<Chain>, ReadError> {
        if self.is_empty() {
            return Ok(Arc::clone(&self.empty.chain));
        }
        Ok(Arc::clone(&self.registry(view)?.chain))
    }

    /// What was registered when a view was taken.
    pub(crate) fn registry(&self, view: &View) -> Result<Arc<Registry>, ReadError> {
        let version = self.version.load(Ordering::Acquire);
        if version == 0 {
            return Ok(Arc::clone(&self.empty));
        }
        let newest = Arc::clone(&*self.newest.lock());
        let known = newest.last <= view.taken;
        if known && (newest.version == version || view.taken <= newest.covers()) {
            return Ok(newest);
        }
        let head = self.find_version(view)?;
        // A view that was taken before the last registration: from the beginning.
        let base = if known { newest } else { Arc::clone(&self.empty) };
        if base.version == head {
            base.note_covered(view.taken);
            return Ok(base);
        }
        let whole = View::new(Arc::clone(&view.parts), view.taken);
        let registry = continued(&base, whole.read(behind(&base, head))?, head, &view.parts)?;
        registry.note_covered(view.taken);
        let registry = Arc::new(registry);
        let mut newest = self.newest.lock();
        if newest.version < registry.version {
            *newest = Arc::clone(&registry);
        }
        Ok(registry)
    }

    /// What was read last.
    pub(crate) fn newest(&self) -> Arc<Registry> {
        Arc::clone(&*self.newest.lock())
    }

    /// What there is before anything is registered.
    pub(crate) fn nothing(&self) -> Arc<Registry> {
        Arc::clone(&self.empty)
    }

    /// The version of the last registration that a view shows, whatever moment it is as of.
    fn find_version(&self, view: &View) -> Result<u64, ReadError> {
        let whole = View::new(Arc::clone(&view.parts), view.taken);
        let found = stream_info(&whole, SCHEMAS_STREAM)?.map_or(0, |info| info.last_version.get());
        if !self.follows {
            // If the writer has staged one meanwhile, it has said so, and that counts.
            let _ = self.version.compare_exchange(UNKNOWN, found, Ordering::AcqRel, Ordering::Acquire);
        }
        Ok(found)
    }
}

/// The registrations behind those of a registry.
pub(crate) fn behind(base: &Registry, head: u64) -> Query {
    let query = Query::stream(SCHEMAS_STREAM).from_version(Version::new(base.version + 1));
    query.to_version(Version::new(head))
}

/// A registry with what comes behind it.
pub(crate) fn continued(
    base: &Registry,
    events: Events<'_>,
    head: u64,
    parts: &Parts,
) -> Result<Registry, ReadError> {
    let mut registry = base.begin();
    for event in events {
        registry.take(&event?, &|error| with_causes(&parts.payload_error(error)));
    }
    // Some of them may have been lost.
    registry.version = head;
    Ok(registry)
}
