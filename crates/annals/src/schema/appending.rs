//! What is appended is compared with what is registered: on the caller's thread, and again by the writer where something was
//! registered in between.

use super::error::SchemaViolation;
use super::registry::Registry;
use super::shared::{Schemas, behind, continued};
use super::system::SCHEMAS_STREAM;
use crate::batch::Batch;
use crate::error::{AppendError, ReadError};
use crate::events::Events;
use crate::staged::Staged;
use crate::view::View;
use annals_types::Position;
use std::sync::Arc;

/// What is known of a batch and the schemas of its events.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// The version of the last registration that the batch was compared with; 0 if there was none.
    version: u64,
    /// What it does not keep to. Told by the writer, unless the batch was appended before.
    violation: Option<Box<SchemaViolation>>,
}

impl Schemas {
    /// Compares a batch with what is registered, on the thread of who appends it.
    #[inline]
    pub(crate) fn check(&self, batch: &mut Batch, view: impl FnOnce() -> View) -> Result<(), AppendError> {
        if self.is_empty() && !batch.registers {
            return Ok(());
        }
        self.check_all(batch, &view())
    }

    #[cold]
    fn check_all(&self, batch: &mut Batch, view: &View) -> Result<(), AppendError> {
        if self.version(view)? == 0 && !batch.registers {
            return Ok(());
        }
        let registry = self.registry(view)?;
        batch.checked = compare(&registry, batch)?;
        Ok(())
    }

    /// What a batch does not keep to, if anything. For the writer, with what it has written and staged; `last` is where the log ends
    /// with that.
    pub(crate) fn violation(
        &self,
        batch: &mut Batch,
        known: &mut Option<Arc<Registry>>,
        view: &View,
        staged: &Staged,
        last: Position,
    ) -> Result<Option<Box<SchemaViolation>>, AppendError> {
        let version = self.version(view)?;
        if version != batch.checked.version {
            let registry = self.with_staged(version, known, view, staged, last)?;
            batch.checked = compare(&registry, batch)?;
        }
        Ok(batch.checked.violation.take())
    }

    /// Everything that is registered, staged events included.
    fn with_staged(
        &self,
        version: u64,
        known: &mut Option<Arc<Registry>>,
        view: &View,
        staged: &Staged,
        last: Position,
    ) -> Result<Arc<Registry>, ReadError> {
        if let Some(known) = known.as_ref().filter(|known| known.version == version) {
            return Ok(Arc::clone(known));
        }
        let base = self.newest();
        let base = if base.version <= version { base } else { self.nothing() };
        let events = Events::with_staged(view, staged, last, behind(&base, version))?;
        let registry = Arc::new(continued(&base, events, version, &view.parts)?);
        *known = Some(Arc::clone(&registry));
        Ok(registry)
    }

    /// A batch with registrations has its place.
    #[cold]
    pub(crate) fn note_registered(&self, batch: &Batch) {
        if let Some(stream) = batch.streams.iter().find(|stream| &*stream.name == SCHEMAS_STREAM) {
            self.note_staged(stream.head);
        }
    }
}

/// Compares the events of a batch one after the other: what one of them registers counts for those behind it.
fn compare(registry: &Arc<Registry>, batch: &Batch) -> Result<Checked, AppendError> {
    let version = registry.version;
    let mut registry = Arc::clone(registry);
    for index in 0..batch.len() {
        let event = batch.frame.draft(index);
        let event = event.map_err(|damage| AppendError::Corrupt(damage.in_file("a batch")))?;
        let event = batch.lent(event);
        if batch.registers && event.stream == SCHEMAS_STREAM {
            let mut next = registry.begin();
            // It is in no segment yet.
            next.take(&event, &|error| error.to_string());
            registry = Arc::new(next);
        } else if let Err(flaw) = registry.check(&event) {
            let violation = Box::new(SchemaViolation {
                stream: event.stream.to_owned(),
                event_type: event.event_type.to_owned(),
                schema_version: event.schema_version,
                index,
                pointer: flaw.pointer,
                reason: flaw.reason,
            });
            return Ok(Checked { version, violation: Some(violation) });
        }
    }
    Ok(Checked { version, violation: None })
}
