//! Lists and counts.

use super::Asked;
use crate::suite::Failure;
use annals::{ReadError, Version};
use std::collections::BTreeMap;
use std::fmt::Debug;

impl Asked<'_, '_> {
    /// Streams and types, with their counts.
    pub(super) fn lists(&mut self) -> Result<(), Failure> {
        let (mut streams, mut types) = (BTreeMap::new(), BTreeMap::new());
        for event in self.truth {
            let (count, last) = streams.entry(event.stream.clone()).or_insert((0_u64, Version::ZERO));
            *count += 1;
            *last = event.version;
            *types.entry(event.event_type.clone()).or_insert(0_u64) += 1;
        }
        let listed: Result<Vec<_>, _> = self.view.streams("").collect();
        let listed = listed.map(|streams| {
            streams.into_iter().map(|info| (info.stream, (info.events, info.last_version))).collect()
        });
        self.list("streams", listed, &streams.clone().into_iter().collect::<Vec<_>>())?;
        let listed = self.view.types();
        let listed =
            listed.map(|types| types.into_iter().map(|info| (info.event_type, info.events)).collect());
        self.list("types", listed, &types.into_iter().collect::<Vec<_>>())?;
        for (stream, counts) in streams {
            let info = self.view.stream(&stream);
            let info = info.map(|info| info.map(|info| (info.events, info.last_version)));
            self.list(&format!("stream {stream}"), info, &Some(counts))?;
        }
        let nobody = self.view.stream("nobody").map(|info| info.map(|info| info.events));
        self.list("a stream that is not there", nobody, &None)
    }

    pub(super) fn list<T: PartialEq + Debug>(
        &mut self,
        what: &str,
        said: Result<T, ReadError>,
        wanted: &T,
    ) -> Result<(), Failure> {
        match said {
            Ok(said) if said == *wanted => Ok(()),
            Ok(said) => Err(Failure::new(format!("{what}: {said:?} instead of {wanted:?}"))),
            Err(error) => (self.judge)(error),
        }
    }
}
