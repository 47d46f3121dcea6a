//! What the append of a batch did.

use super::{Batch, BatchStream};
use annals_format::FrameStamp;
use annals_types::{Position, Timestamp, Version};

/// What an append did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Position of the batch's first event.
    pub first_position: Position,
    /// Position of its last event.
    pub last_position: Position,
    /// When the store took it.
    pub recorded_at: Timestamp,
    /// Whether it had been appended before, by a call with the same ids: then this is the first call's result.
    pub already_applied: bool,
    /// The streams that it wrote, in order of appearance.
    pub streams: Vec<AppendedStream>,
}

impl Appended {
    fn new(stamp: &FrameStamp, events: usize, streams: Vec<AppendedStream>) -> Self {
        Appended {
            first_position: stamp.first_position,
            last_position: stamp.first_position.plus(events as u64).previous(),
            recorded_at: stamp.recorded_at,
            already_applied: false,
            streams,
        }
    }
}

/// The versions that a batch got in one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendedStream {
    /// Name of the stream.
    pub stream: String,
    /// Version of the batch's first event in it.
    pub first_version: Version,
    /// Version of the batch's last event in it.
    pub last_version: Version,
}

impl Batch {
    /// What its append did, once it is where the stamp says.
    pub(crate) fn appended_at(&self, stamp: &FrameStamp) -> Appended {
        Appended::new(stamp, self.len(), self.streams.iter().filter_map(BatchStream::appended).collect())
    }

    /// The same, where the batch is not needed any more.
    pub(crate) fn into_appended_at(self, stamp: &FrameStamp) -> Appended {
        let (len, streams) = (self.len(), self.streams.into_iter());
        Appended::new(stamp, len, streams.filter_map(BatchStream::into_appended).collect())
    }
}

impl BatchStream {
    /// Versions of its first and its last event in the batch.
    fn versions(&self) -> Option<(Version, Version)> {
        (self.events > 0).then(|| (Version::new(self.head.get() - self.events + 1), self.head))
    }

    fn appended(&self) -> Option<AppendedStream> {
        let (first_version, last_version) = self.versions()?;
        Some(AppendedStream { stream: self.name.to_string(), first_version, last_version })
    }

    fn into_appended(self) -> Option<AppendedStream> {
        let (first_version, last_version) = self.versions()?;
        Some(AppendedStream { stream: self.name.into_string(), first_version, last_version })
    }
}
