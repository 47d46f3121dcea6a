//! Truncating a stream below a snapshot of its state.

use super::Aggregate;
use super::error::{LoadError, SaveError};
use super::handle::Aggregates;
use super::loaded::Loaded;
use crate::error::AppendError;
use crate::retention::{RetentionChange, RetentionError};
use annals_types::Version;

/// Why a stream was not truncated below a snapshot. Nothing of it was truncated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TruncateError {
    /// The state cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The state cannot be saved.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// The snapshot was saved, and is not found again.
    #[error(
        "the snapshot at version {version} of stream {stream:?} is not found again, so the events before it are kept"
    )]
    NotFoundAgain {
        /// The stream.
        stream: String,
        /// The version.
        version: Version,
    },
    /// The events of the state cannot be made durable.
    #[error(transparent)]
    Sync(#[from] AppendError),
    /// The stream cannot be truncated.
    #[error(transparent)]
    Retention(#[from] RetentionError),
}

impl<A: Aggregate> Aggregates<A> {
    /// Saves the state of a stream, makes the snapshot durable, and then truncates the stream before the last event of the state. From
    /// then on the state needs the snapshot: where it cannot be read, or is dropped, loading is an error
    /// ([`LoadError::BelowFloor`]) and never another state.
    ///
    /// What is truncated cannot be folded anew: not by an aggregate with another schema tag, not after rules were registered by which
    /// its events would be read as other ones. The last event itself stays, and proves that the snapshot is one of this stream.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Document, Expected, NewEvent, SnapshotPolicy, Version};
    /// let events = [r#"{"total":20}"#, r#"{"status":"paid"}"#].map(|data| NewEvent::json("changed", data));
    /// store.append("order-1", Expected::NoStream, &events)?;
    /// let orders = store.aggregates::<Document>().with_snapshots("order/1", SnapshotPolicy::every(100));
    /// orders.truncate_below_snapshot("order-1")?;
    /// assert_eq!(store.view().floor("order-1")?, Version::new(2));
    /// let state = orders.load("order-1")?.into_state().into_value().map(|state| state.to_string());
    /// assert_eq!(state.as_deref(), Some(r#"{"status":"paid","total":20}"#));
    /// // Without the snapshot there is no way to the state.
    /// assert!(store.aggregates::<Document>().load("order-1").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`TruncateError`] says.
    pub fn truncate_below_snapshot(&self, stream: &str) -> Result<RetentionChange, TruncateError> {
        let mut loaded = self.load(stream)?;
        let version = loaded.version();
        if version == Version::ZERO {
            return Err(RetentionError::NoStream { stream: stream.into() }.into());
        }
        // A snapshot behind events that are not durable waits for them, in memory.
        self.store.sync()?;
        self.save(&mut loaded)?;
        self.store.sync_snapshots().map_err(SaveError::from)?;
        self.find_again(stream, version)?;
        Ok(self.store.retention().truncate(stream, version)?)
    }

    /// Looks that the snapshot is found and can be read, as long as there are events.
    fn find_again(&self, stream: &str, version: Version) -> Result<(), TruncateError> {
        let view = self.store.view();
        let rules_at = view.rules_at().map_err(LoadError::from)?;
        let mut again: Loaded<A> = Loaded::nothing(stream, true, rules_at, view.parts.erasures);
        if let Some(saving) = &self.saving {
            saving.begin(&self.store, &view, version, Version::FIRST, &mut again);
        }
        if again.version() == version {
            return Ok(());
        }
        Err(TruncateError::NotFoundAgain { stream: stream.into(), version })
    }
}
