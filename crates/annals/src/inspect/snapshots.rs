//! A file of snapshots: what its header says, and its trailer.

use super::{Fact, Inspector};
use crate::error::OpenError;
use annals_format::snapshot::{
    SNAPSHOT_HEADER_BYTES, SNAPSHOT_TRAILER_BYTES, SnapshotFileHeader, SnapshotFileKind,
    SnapshotFilePreamble, SnapshotTrailer,
};
use annals_types::Uuid;

impl Inspector<'_> {
    pub(super) fn snapshots(&mut self) -> Result<(), OpenError> {
        self.out.kind = "snapshots";
        let Some(header) = self.snapshot_header()? else { return Ok(()) };
        self.fact("store_id", Fact::Text(Uuid::from_bytes(header.store_id).to_string()));
        self.fact("id", Fact::Number(header.file_id));
        let sorted = header.kind == SnapshotFileKind::Sorted;
        self.fact("sorted", Fact::Flag(sorted));
        self.fact("replaces", Fact::Numbers(header.replaced.clone()));
        if sorted { self.snapshot_trailer(&header) } else { Ok(()) }
    }

    fn snapshot_header(&mut self) -> Result<Option<SnapshotFileHeader>, OpenError> {
        let bytes = self.read(0, SNAPSHOT_HEADER_BYTES)?;
        let Some(bytes) = bytes.first_chunk::<SNAPSHOT_HEADER_BYTES>() else {
            self.finding(Some(0), "the file ends within its header");
            return Ok(None);
        };
        let Some(preamble) = self.check(SnapshotFilePreamble::decode(bytes))? else { return Ok(None) };
        let rest = self.read(SNAPSHOT_HEADER_BYTES as u64, preamble.rest_length())?;
        self.check(preamble.complete(&rest))
    }

    fn snapshot_trailer(&mut self, header: &SnapshotFileHeader) -> Result<(), OpenError> {
        let at = self.length.saturating_sub(SNAPSHOT_TRAILER_BYTES as u64);
        let bytes = self.read(at, SNAPSHOT_TRAILER_BYTES)?;
        let Some(bytes) = bytes.first_chunk::<SNAPSHOT_TRAILER_BYTES>() else {
            self.finding(Some(at), "the file ends within its trailer");
            return Ok(());
        };
        let decoded = SnapshotTrailer::decode(bytes, header.length() as u64, self.length, header.binding());
        let Some(trailer) = self.check(decoded)? else { return Ok(()) };
        self.fact("snapshots", Fact::Number(trailer.count));
        self.fact("keys", Fact::Number(trailer.keys));
        self.fact("records_end", Fact::Number(trailer.records_end));
        Ok(())
    }
}
