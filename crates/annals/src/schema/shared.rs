//! What an open store knows of schemas.

use crate::error::ReadError;
use crate::upcast::{Chain, Upcasters};
use crate::view::View;
use std::sync::Arc;

/// Shared by the writer and all views.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    code: Upcasters,
}

impl Schemas {
    pub(crate) fn of_writer(code: Upcasters) -> Self {
        Schemas { code }
    }

    pub(crate) fn of_reader(code: Upcasters) -> Self {
        Schemas { code }
    }

    /// The chain for the events of a view.
    pub(crate) fn chain(&self, _view: &View) -> Result<Arc<Chain>, ReadError> {
        Ok(Arc::clone(&self.code.0))
    }
}
