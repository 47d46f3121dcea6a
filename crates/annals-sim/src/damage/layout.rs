//! Where things are in the files of a sound store: frames, records, and what each frame says is durable.

use super::specimen::Image;
use annals_format::{
    FrameHeader, FrameStretches, Manifest, SEGMENT_HEADER_BYTES, SegmentHeader, names, record_length,
};
use std::ops::Range;

/// The frames of a store, in the order of their positions.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) frames: Vec<Frame>,
}

/// A frame.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) file: String,
    pub(super) bytes: Range<usize>,
    /// Its records, by their places in the file.
    pub(super) records: Vec<Range<usize>>,
    /// Position of the first of them, or of the next one to come.
    pub(super) first: u64,
    /// The positions of its records.
    pub(super) positions: Vec<u64>,
    /// The position that it says is durable.
    pub(super) durable: u64,
    /// Whether its segment is sealed; then where the frames of it end.
    pub(super) sealed: Option<usize>,
    /// Whether compaction has written its segment.
    pub(super) rewritten: bool,
}

impl Frame {
    /// The position behind its events.
    pub(super) fn next(&self) -> u64 {
        self.positions.last().map_or(self.first, |last| last + 1)
    }

    /// Whether an image has these bytes at their place.
    pub(super) fn is_intact(&self, was: &Image, is: &Image) -> bool {
        same(was, is, &self.file, self.bytes.clone())
    }
}

/// Whether two images agree on some bytes of a file.
pub(super) fn same(was: &Image, is: &Image, file: &str, bytes: Range<usize>) -> bool {
    let part = |image: &Image| image.get(file).and_then(|all| all.get(bytes.clone()).map(<[u8]>::to_vec));
    part(was).is_some() && part(was) == part(is)
}

impl Layout {
    pub(super) fn of(image: &Image) -> Self {
        let mut frames = Vec::new();
        let Some(manifest) = manifest(image) else { return Layout { frames } };
        for sealed in &manifest.sealed {
            let end = usize::try_from(sealed.frames_end).unwrap_or(0);
            let from = frames.len();
            walk(image, &sealed.path(), Some(end), &mut frames);
            frames[from..].iter_mut().for_each(|frame| frame.rewritten = sealed.rewritten.is_some());
        }
        for open in &manifest.open {
            walk(image, &names::segment(open.id), None, &mut frames);
        }
        Layout { frames }
    }

    /// The frame and the record of a position.
    pub(super) fn record(&self, position: u64) -> Option<(&Frame, usize)> {
        self.frames.iter().find_map(|frame| Some((frame, frame.positions.binary_search(&position).ok()?)))
    }

    /// The positions at which a batch ends, and 0.
    pub(super) fn is_boundary(&self, position: u64) -> bool {
        position == 0 || self.frames.iter().any(|frame| frame.next() == position + 1)
    }
}

pub(super) fn manifest(image: &Image) -> Option<Manifest> {
    Manifest::decode(image.get(names::MANIFEST)?).ok()
}

fn walk(image: &Image, file: &str, sealed: Option<usize>, frames: &mut Vec<Frame>) {
    let Some(bytes) = image.get(file) else { return };
    let header = bytes.first_chunk::<SEGMENT_HEADER_BYTES>().map(SegmentHeader::decode);
    let Some(Ok(header)) = header else { return };
    let binding = header.binding();
    let mut at = SEGMENT_HEADER_BYTES;
    while let Some(rest) = bytes[..sealed.unwrap_or(bytes.len())].get(at..)
        && let Ok(header) = FrameHeader::decode(rest, binding, at as u64)
    {
        let end = at + usize::try_from(header.length).unwrap_or(0);
        let mut records = Vec::new();
        let stretches = FrameStretches::read(rest, &header, binding, at as u64);
        let Ok(stretches) = stretches else { return };
        let mut from = at + stretches.records_at();
        for _ in 0..header.record_count {
            let length = bytes.get(from..).and_then(record_length).unwrap_or(0);
            records.push(from..from + length);
            from += length;
        }
        // The torn end of the log has a whole header and lacks records.
        if end > bytes.len() || annals_format::check_frame(rest, binding, at as u64, |_, _| {}).is_err() {
            return;
        }
        let (first, durable) = (header.first_position.get(), header.durable.get());
        let positions = stretches.positions().map(annals::Position::get).collect();
        let (file, bytes, rewritten) = (file.into(), at..end, false);
        frames.push(Frame { file, bytes, records, first, positions, durable, sealed, rewritten });
        at = end;
    }
}
