//! Making checksums right again behind a change, as somebody would who means to do harm.

use super::layout::{Frame, manifest};
use super::specimen::Image;
use annals_format::run::{RUN_TRAILER_BYTES, page_table_checksum};
use annals_format::{
    FRAME_HEADER_BYTES, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader, names, reseal,
};
use std::ops::Range;

/// The checksums that cover a place in a file.
#[derive(Clone, Debug)]
pub(super) enum Seal {
    Manifest,
    SegmentHeader,
    FrameHeader(Frame),
    /// Of a record: body, header, frame.
    Record(Frame, usize),
    /// The tables of a footer, and its trailer.
    Footer,
    /// A whole run, and what the manifest says of it.
    Run,
}

impl Seal {
    /// Makes the checksums of a file right. What is not there is left alone.
    pub(super) fn close(&self, image: &mut Image, file: &str) {
        let Some(mut bytes) = image.remove(file) else { return };
        let done = match self {
            Seal::Manifest => plain(&mut bytes, None),
            Seal::SegmentHeader => plain(&mut bytes, Some(0..SEGMENT_HEADER_BYTES)),
            Seal::FrameHeader(frame) | Seal::Record(frame, _) if frame.rewritten => {
                rewritten(&mut bytes, frame)
            }
            Seal::FrameHeader(frame) => frame_header(&mut bytes, frame.bytes.start),
            Seal::Record(frame, index) => record(&mut bytes, frame, *index),
            Seal::Footer => footer(&mut bytes),
            Seal::Run => {
                reseal::run(&mut bytes);
                Some(())
            }
        };
        let trailer = bytes.last_chunk::<RUN_TRAILER_BYTES>().copied();
        image.insert(file.into(), bytes);
        if let (Seal::Run, Some(()), Some(trailer)) = (self, done, trailer) {
            tell_manifest(image, file, &trailer);
        }
    }
}

/// CRC-32 of parts, one after the other.
fn checksum(parts: &[&[u8]]) -> u32 {
    page_table_checksum(&parts.concat())
}

fn put(bytes: &mut [u8], at: usize, sum: u32) -> Option<()> {
    bytes.get_mut(at..at + 4)?.copy_from_slice(&sum.to_le_bytes());
    Some(())
}

/// A checksum at offset 12 over everything else in a range.
fn plain(bytes: &mut [u8], range: Option<Range<usize>>) -> Option<()> {
    let part = bytes.get_mut(range.unwrap_or(0..bytes.len()))?;
    let sum = checksum(&[part.get(..12)?, part.get(16..)?]);
    put(part, 12, sum)
}

/// What the checksums of a segment are bound to.
fn binding(bytes: &[u8]) -> Option<Vec<u8>> {
    Some([bytes.get(16..40)?, bytes.get(48..56)?].concat())
}

fn frame_header(bytes: &mut [u8], at: usize) -> Option<()> {
    let bound = binding(bytes)?;
    let header = bytes.get(at..at + FRAME_HEADER_BYTES)?;
    let sum = checksum(&[&bound, &header[..4], &header[8..]]);
    put(bytes, at + 4, sum)
}

/// A frame with all that it may have in a segment that compaction has written: a table of positions, a dictionary.
fn rewritten(bytes: &mut [u8], frame: &Frame) -> Option<()> {
    let binding = SegmentHeader::decode(bytes.first_chunk()?).ok()?.binding();
    reseal::frame(bytes.get_mut(frame.bytes.start..)?, binding).map(drop)
}

fn record(bytes: &mut [u8], frame: &Frame, index: usize) -> Option<()> {
    let bound = binding(bytes)?;
    let range = frame.records.get(index)?.clone();
    let body = checksum(&[bytes.get(range.start + RECORD_HEADER_BYTES..range.end)?]);
    put(bytes, range.start + 8, body)?;
    let position = frame.first + index as u64;
    let header = bytes.get(range.start + 4..range.start + RECORD_HEADER_BYTES)?;
    let sum = checksum(&[&bound, &position.to_le_bytes(), header]);
    put(bytes, range.start, sum)?;
    let sums: Vec<&[u8]> =
        frame.records.iter().filter_map(|record| bytes.get(record.start..record.start + 4)).collect();
    let sum = checksum(&sums);
    put(bytes, frame.bytes.start + 40, sum)?;
    frame_header(bytes, frame.bytes.start)
}

fn footer(bytes: &mut [u8]) -> Option<()> {
    // With a header that cannot be read there is nothing that a footer could belong to.
    let header = SegmentHeader::decode(bytes.first_chunk()?).ok()?;
    reseal::footer(bytes, header.binding());
    Some(())
}

/// The manifest names the checksum of the run's trailer.
fn tell_manifest(image: &mut Image, file: &str, trailer: &[u8; RUN_TRAILER_BYTES]) {
    let Some(mut manifest) = manifest(image) else { return };
    let checksum = u32::from_le_bytes([trailer[12], trailer[13], trailer[14], trailer[15]]);
    // It may be looked at through several windows.
    for run in manifest.runs.iter_mut().filter(|run| names::run(run.id) == file) {
        run.trailer_checksum = checksum;
    }
    image.insert(names::MANIFEST.into(), manifest.encode());
}
