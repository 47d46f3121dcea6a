//! Events as they are shown: by the rules that are registered, or as they are stored.

use annals::{EventRef, Query, View};
use anyhow::Result;

/// How to show events.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Shown {
    /// Events as they are stored, without the rules that are registered
    #[arg(long)]
    pub(crate) stored: bool,
}

impl Shown {
    /// Hands over each event of a query, and which part it is of a stored event that became several.
    pub(crate) fn each(
        self,
        view: &View,
        query: Query,
        mut take: impl FnMut(&EventRef<'_>, usize) -> Result<()>,
    ) -> Result<()> {
        if self.stored {
            view.read(query)?.try_for_each(|event| take(&event?, 0))
        } else {
            view.read_upcast(query)?.try_for_each(|event| {
                let event = event?;
                take(&event.event(), event.part())
            })
        }
    }
}
