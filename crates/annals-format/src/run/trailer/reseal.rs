//! Making the checksums of a changed run right, for tests: see [`crate::reseal`].

use super::{CHECKSUM, PAGES_CHECKSUM, RUN_TRAILER_BYTES, RunTrailer, page_table_checksum, trailer_checksum};
use crate::pages::page_checksums;
use crate::run::header::reseal_run_header;
use crate::wire::put_u32;
use std::ops::Range;

/// See [`crate::reseal`]. `bytes` are those of the whole file.
pub fn reseal_run(bytes: &mut [u8]) {
    reseal_run_header(bytes);
    let length = bytes.len() as u64;
    let seal = |bytes: &mut [u8]| {
        let trailer = bytes.last_chunk_mut::<RUN_TRAILER_BYTES>()?;
        let checksum = trailer_checksum(trailer);
        put_u32(trailer, CHECKSUM, checksum);
        RunTrailer::decode(trailer, length).ok()
    };
    let Some(trailer) = seal(bytes) else { return };
    // That the parts lie within the file was checked by decoding.
    let place = |range: Range<u64>| range.start as usize..range.end as usize;
    let parts = trailer.parts();
    let sums = page_checksums(&bytes[..place(parts.page_table.clone()).start]);
    let sums: Vec<u8> = sums.flat_map(u32::to_le_bytes).collect();
    bytes[place(parts.page_table.clone())].copy_from_slice(&sums);
    let checksum = page_table_checksum(&bytes[place(parts.page_table.start..parts.trailer.start)]);
    if let Some(trailer) = bytes.last_chunk_mut::<RUN_TRAILER_BYTES>() {
        put_u32(trailer, PAGES_CHECKSUM, checksum);
    }
    seal(bytes);
}
