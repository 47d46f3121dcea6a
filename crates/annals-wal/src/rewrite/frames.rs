//! What becomes of frames on their way into a new file, where their payloads are compressed.
//!
//! The first of them wait, and the dictionary is made of these. So it is made of events that stay, and of what stays of them: nothing
//! that was removed or erased is in it.

use annals_format::payload::{Compressor, Trainer};
use annals_format::{FrameStamp, KeptFrame, SegmentHeader, dictionary_frame};
use annals_types::{Compression, Position, Timestamp};

/// So many bytes of records wait, and one frame more.
const WAITING_BYTES: usize = 8 << 20;

/// What stays of a batch.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) records: KeptFrame,
    pub(super) durable: Position,
    pub(super) recorded_at: Timestamp,
}

#[derive(Debug)]
pub(super) enum Frames {
    /// They go into the file as they are.
    Plain,
    /// There is no dictionary yet. So many bytes of records wait.
    Waiting { frames: Vec<Kept>, bytes: usize },
    /// They are compressed.
    Compressed(Compressor),
}

impl Frames {
    pub(super) fn new(compression: Compression) -> Self {
        match compression {
            Compression::Lz4 => Frames::Waiting { frames: Vec::new(), bytes: 0 },
            _ => Frames::Plain,
        }
    }

    /// Takes a frame, and appends to `out` what is to be written of it and of those before it.
    pub(super) fn push(&mut self, kept: Kept, header: &SegmentHeader, out: &mut Vec<u8>) {
        if kept.records.record_count() == 0 {
            return;
        }
        match self {
            Frames::Plain => kept.finish(None, header, out),
            Frames::Compressed(compressor) => kept.finish(Some(compressor), header, out),
            Frames::Waiting { frames, bytes } => {
                *bytes += kept.records.bytes();
                frames.push(kept);
            }
        }
    }

    /// How many frames wait.
    pub(super) fn waiting(&self) -> usize {
        if let Frames::Waiting { frames, .. } = self { frames.len() } else { 0 }
    }

    /// How many bytes of records wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        if let Frames::Waiting { bytes, .. } = self { *bytes } else { 0 }
    }

    /// Forgets those that began to wait after so many.
    pub(super) fn take_back(&mut self, before: usize) {
        if let Frames::Waiting { frames, bytes } = self {
            frames.truncate(before);
            *bytes = frames.iter().map(|kept| kept.records.bytes()).sum();
        }
    }

    /// Makes the dictionary if enough wait for it, and appends what was waiting.
    pub(super) fn settle(&mut self, header: &SegmentHeader, out: &mut Vec<u8>) {
        if matches!(self, Frames::Waiting { bytes, .. } if *bytes >= WAITING_BYTES) {
            self.complete(header, out);
        }
    }

    /// The same however few wait.
    pub(super) fn complete(&mut self, header: &SegmentHeader, out: &mut Vec<u8>) {
        let Frames::Waiting { frames, .. } = self else { return };
        let Some(first) = frames.first() else { return };
        let stamp = FrameStamp {
            binding: header.binding(),
            first_position: first.records.first_position().unwrap_or(header.first_position),
            durable: first.durable,
            recorded_at: first.recorded_at,
        };
        let mut trainer = Trainer::new();
        frames.iter().for_each(|kept| kept.records.teach(&mut trainer));
        let compressor = Compressor::new(trainer.finish());
        out.extend(dictionary_frame(compressor.dictionary(), &stamp));
        for kept in std::mem::take(frames) {
            kept.finish(Some(&compressor), header, out);
        }
        *self = Frames::Compressed(compressor);
    }
}

impl Kept {
    fn finish(mut self, compressor: Option<&Compressor>, header: &SegmentHeader, out: &mut Vec<u8>) {
        if let Some(compressor) = compressor {
            self.records.compress(compressor);
        }
        self.records.finish(header.binding(), self.durable, self.recorded_at, out);
    }
}
