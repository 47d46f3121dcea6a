//! A run: header, trailer, and the checksums of its pages.

use super::{Fact, Inspector};
use crate::error::OpenError;
use annals_format::run::{RUN_HEADER_BYTES, RUN_TRAILER_BYTES, RunHeader, RunTrailer, page_table_checksum};
use annals_format::{PAGE_BYTES, page_checksums};
use annals_types::Uuid;

/// Pages that are read at once.
const PAGES: usize = 256;

impl Inspector<'_> {
    pub(super) fn run(&mut self) -> Result<(), OpenError> {
        self.out.kind = "run";
        let start = self.length.saturating_sub(RUN_TRAILER_BYTES as u64);
        let (header, trailer) = (self.read(0, RUN_HEADER_BYTES)?, self.read(start, RUN_TRAILER_BYTES)?);
        let (Some(header), Some(trailer)) =
            (header.first_chunk::<RUN_HEADER_BYTES>(), trailer.first_chunk::<RUN_TRAILER_BYTES>())
        else {
            self.finding(Some(0), "no room for header and trailer of a run");
            return Ok(());
        };
        if let Some(header) = self.check(RunHeader::decode(header))? {
            self.fact("store_id", Fact::Text(Uuid::from_bytes(header.store_id).to_string()));
            self.fact("run_id", Fact::Number(header.run_id));
        }
        let Some(trailer) = self.check(RunTrailer::decode(trailer, self.length))? else { return Ok(()) };
        let [streams, categories, types, tags] = trailer.terms;
        for (name, number) in [
            ("first_position", trailer.first_position.get()),
            ("events", trailer.count),
            ("streams", streams),
            ("categories", categories),
            ("types", types),
            ("tags", tags),
            ("length", self.length),
            ("dictionary_bytes", trailer.dictionary_length),
        ] {
            self.fact(name, Fact::Number(number));
        }
        self.check_pages(&trailer)
    }

    /// The table is a thousandth of a file that has a sound trailer.
    fn check_pages(&mut self, trailer: &RunTrailer) -> Result<(), OpenError> {
        let parts = trailer.parts();
        let table = parts.page_table;
        let length = |end: u64| usize::try_from(end - table.start).unwrap_or(usize::MAX);
        // The zeros behind the table are under its checksum, too.
        let bytes = self.read(table.start, length(parts.trailer.start))?;
        if trailer.pages_checksum != page_table_checksum(&bytes) {
            self.finding(Some(table.start), "checksum of the page table");
        }
        let (sums, _) = bytes.get(..length(table.end)).unwrap_or(&bytes).as_chunks::<4>();
        for (group, sums) in sums.chunks(PAGES).enumerate() {
            let start = (group * PAGES * PAGE_BYTES) as u64;
            let length = table.start.saturating_sub(start).min((PAGES * PAGE_BYTES) as u64);
            let bytes = self.read(start, usize::try_from(length).unwrap_or(usize::MAX))?;
            for (page, (found, expected)) in page_checksums(&bytes).zip(sums).enumerate() {
                if found.to_le_bytes() != *expected {
                    self.finding(Some(start + (page * PAGE_BYTES) as u64), "checksum of a page");
                }
            }
        }
        Ok(())
    }
}
