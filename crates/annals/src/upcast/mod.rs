//! Events in the newest version of their schemas, whatever version they were stored in.

mod event;
mod reading;

pub use event::UpcastEvent;
pub use reading::UpcastEvents;

use crate::error::ReadError;
use crate::store::Store;
use crate::view::View;
use annals_types::EventRef;

impl View {
    pub(crate) fn upcast<E>(
        &self,
        stored: &EventRef<'_>,
        mut take: impl FnMut(&EventRef<'_>) -> Result<(), E>,
    ) -> Result<Result<(), E>, ReadError> {
        Ok(take(stored))
    }
}

impl Store {
    pub(crate) fn current_version(&self, _event_type: &str) -> u32 {
        1
    }
}
