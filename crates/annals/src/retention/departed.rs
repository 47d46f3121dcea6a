//! Why an event goes.

use crate::error::ReadError;
use crate::view::View;
use annals_compaction::SYSTEM_PREFIX;
use annals_types::EventRef;

/// The reasons, with their places in [`REASONS`](annals_format::REASONS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departed {
    Truncated = 0,
    MaxCount = 1,
    MaxAge = 2,
    MaxBytes = 3,
    Deleted = 4,
    Tombstoned = 5,
    Other = 6,
}

impl View {
    /// Why a hidden event is hidden: the rule that says most, if there are several.
    pub(crate) fn departed(&self, event: &EventRef<'_>) -> Result<Departed, ReadError> {
        let Some((_, rules)) = self.hidden_by()? else { return Ok(Departed::Other) };
        let own = super::of_stream::own(self, event.stream)?;
        if let Some(own) = &own {
            match () {
                () if own.tombstoned => return Ok(Departed::Tombstoned),
                () if event.version < own.anew => return Ok(Departed::Deleted),
                () if event.version < own.floor => return Ok(Departed::Truncated),
                () => {}
            }
        }
        let bounds = self.bounds(event.stream)?;
        Ok(match () {
            () if event.version < bounds.version() => Departed::MaxCount,
            () if event.position <= rules.truncated() && event.position <= bounds.position() => {
                Departed::MaxBytes
            }
            () if !bounds.show(event) => Departed::MaxAge,
            // A limit of the age hides one by one, and this one stands before the first that it leaves.
            () => Departed::Other,
        })
    }

    /// Whether the name of a stream is closed for good.
    pub(crate) fn is_tombstoned(&self, stream: &str) -> Result<bool, ReadError> {
        if stream.starts_with(SYSTEM_PREFIX) {
            return Ok(false);
        }
        Ok(super::of_stream::own(self, stream)?.is_some_and(|own| own.tombstoned))
    }
}
