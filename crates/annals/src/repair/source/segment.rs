//! One segment of the original: what its manifest, its header and its footer say of it.

use super::super::evidence::reached_in;
use super::super::found::Found;
use super::super::plausible::records_in;
use super::super::presence::stretches_of;
use super::super::report::Cause;
use annals_format::{
    Binding, FOOTER_TRAILER_BYTES, Footer, FormatError, OpenSegment, SealedSegment, SegmentHeader, StoreId,
    names,
};
use annals_types::Position;
use annals_vfs::File;
use annals_wal::Window;
use std::io;
use std::sync::Arc;

/// One segment that there is or should be.
#[derive(Debug)]
pub(in super::super) struct SourceSegment {
    pub(in super::super) id: u64,
    /// Its file, relative to the store's directory.
    pub(in super::super) name: String,
    /// `None` if the file is not there or holds something else.
    pub(in super::super) file: Option<Arc<dyn File>>,
    pub(in super::super) binding: Binding,
    /// Position of its first event, if that is known.
    pub(in super::super) first: Option<Position>,
    /// The position behind its last event, if that is known.
    pub(in super::super) end: Option<Position>,
    /// Where its frames end, if that is known.
    pub(in super::super) frames_end: Option<u64>,
    /// How many events it has, if that is known.
    pub(in super::super) count: Option<u64>,
    /// How long the manifest says that its file is.
    pub(in super::super) length: Option<u64>,
    /// Whether it was written anew, so that positions may be missing.
    pub(in super::super) sparse: bool,
    /// Whether a manifest that is current says all this.
    pub(in super::super) named: bool,
    /// What is to be said of it if its events cannot be found.
    pub(in super::super) missing: Cause,
}

impl SourceSegment {
    /// How long its file is.
    pub(in super::super) fn file_length(&self) -> u64 {
        self.file.as_ref().and_then(|file| file.length().ok()).unwrap_or(0)
    }

    fn new(id: u64, binding: Binding, found: Option<Found>) -> (Self, Option<SegmentHeader>) {
        let name = found.as_ref().map_or_else(|| names::segment(id), |found| found.name.clone());
        let sparse = found.as_ref().is_some_and(|found| found.edition > 0);
        let what = match &found {
            None => "the file is not there".into(),
            Some(found) => match &found.header {
                Ok(header) if header.binding() != binding && header.segment_id == id => {
                    "the file holds this segment of another store, or of a copy that was written on its own"
                        .into()
                }
                Ok(header) if header.binding() != binding => {
                    format!("the file holds segment {} of a store, and not this one", header.segment_id)
                }
                Ok(_) => "no frame where there were some".into(),
                Err(FormatError::Damaged(damage)) => damage.to_string(),
                Err(_) => "segment header".into(),
            },
        };
        let (file, header) = match found {
            Some(Found { header: Ok(header), .. }) if header.binding() != binding => (None, None),
            Some(Found { file, header, .. }) => (Some(file), header.ok()),
            None => (None, None),
        };
        let first = header.as_ref().map(|header| header.first_position);
        let missing = Cause { file: name.clone(), offset: 0, what };
        let segment = SourceSegment {
            id,
            name,
            file,
            binding,
            first,
            end: None,
            frames_end: None,
            count: None,
            length: None,
            sparse,
            named: false,
            missing,
        };
        (segment, header)
    }

    pub(super) fn sealed(store_id: &StoreId, entry: &SealedSegment, found: Option<Found>) -> Self {
        let is_missing = found.is_none();
        let (mut segment, _) = SourceSegment::new(entry.id, entry.binding(store_id), found);
        if is_missing {
            segment.name = entry.path();
            segment.missing.file = entry.path();
        }
        SourceSegment {
            first: Some(entry.first_position),
            end: Some(entry.last_position().next()),
            frames_end: Some(entry.frames_end),
            count: Some(entry.count),
            length: Some(entry.length),
            sparse: entry.rewritten.is_some(),
            named: true,
            ..segment
        }
    }

    /// A segment that its footer, if it has one, says more of than the manifest.
    pub(super) fn open(store_id: &StoreId, entry: OpenSegment, found: Option<Found>) -> Self {
        let (mut segment, header) = SourceSegment::new(entry.id, entry.binding(store_id), found);
        let footer = segment.file.as_ref().and_then(|file| footer_of(&**file, segment.binding, None));
        match (footer, header) {
            (Some((footer, length)), Some(_)) => {
                let dense = footer.first_position.plus(footer.count);
                let last = || {
                    let file = segment.file.as_ref()?;
                    stretches_of(&**file, &footer, length, u32::MAX.into())?.last().map(|last| last.1.next())
                };
                let end = if segment.sparse { last() } else { Some(dense) };
                segment.first = Some(footer.first_position);
                segment.end = end.or_else(|| segment.reached());
                segment.frames_end = Some(footer.frames_end);
                segment.count = Some(footer.count);
            }
            (None, Some(_)) if segment.sparse => segment.end = segment.reached(),
            _ => {}
        }
        segment
    }

    /// The position behind the last one that a frame of it tells, where nothing else does.
    fn reached(&self) -> Option<Position> {
        let mut window = Window::tolerant(&**self.file.as_ref()?).ok()?;
        reached_in(&mut window, self.binding, self.first?).map(Position::next)
    }
}

/// The footer that ends a file, or its first `length` bytes, if it is sound; and where it ends.
pub(in super::super) fn footer_of(
    file: &dyn File,
    binding: Binding,
    length: Option<u64>,
) -> Option<(Footer, u64)> {
    let length = length.or_else(|| file.length().ok())?;
    let start = length.checked_sub(FOOTER_TRAILER_BYTES as u64)?;
    let mut trailer = [0; FOOTER_TRAILER_BYTES];
    let read: io::Result<()> = annals_vfs::read_exact_at(file, &mut trailer, start);
    read.ok()?;
    let footer = Footer::decode_trailer(&trailer, binding, length)
        .ok()
        .filter(|footer| footer.count > 0 && footer.count <= records_in(footer.frames_end));
    footer.map(|footer| (footer, length))
}
