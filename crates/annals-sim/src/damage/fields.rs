//! Every length, count, offset and number in the files of a store.

use super::layout::Layout;
use super::seal::Seal;
use super::specimen::Image;
use annals_format::run::{RUN_HEADER_BYTES, RUN_TRAILER_BYTES};
use annals_format::{FOOTER_TRAILER_BYTES, names};

/// A number in a file.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) at: usize,
    pub(super) width: usize,
    pub(super) seal: Seal,
}

/// How many values a field is given.
pub(super) const VALUES: usize = 10;

impl Field {
    /// Gives the field one of the values that go wrong most easily.
    pub(super) fn set(&self, bytes: &mut [u8], value: usize) -> Option<u64> {
        let length = bytes.len() as u64;
        let place = bytes.get_mut(self.at..self.at + self.width)?;
        let mut word = [0; 8];
        word[..self.width].copy_from_slice(place);
        let (was, max) = (u64::from_le_bytes(word), u64::MAX >> (64 - 8 * self.width));
        let values = [
            0,
            1,
            max,
            max - 1,
            1 << 31,
            1 << 63,
            length,
            length + 1,
            was.wrapping_add(1),
            was.wrapping_sub(1),
        ];
        let value = values[value % VALUES] & max;
        place.copy_from_slice(&value.to_le_bytes()[..self.width]);
        Some(value)
    }
}

/// The fields of a file.
pub(super) fn fields(image: &Image, layout: &Layout, file: &str) -> Vec<Field> {
    let length = image.get(file).map_or(0, Vec::len);
    let mut fields = Vec::new();
    let mut add = |seal: &Seal, places: &mut dyn Iterator<Item = (usize, usize)>| {
        fields.extend(places.map(|(at, width)| Field { at, width, seal: seal.clone() }));
    };
    if file == names::MANIFEST || file == names::MANIFEST_TEMPORARY {
        add(&Seal::Manifest, &mut [(8, 4), (80, 1)].into_iter());
        add(&Seal::Manifest, &mut (16..80).step_by(8).map(|at| (at, 8)));
        // Sections: kinds and sizes of entries are half words, the rest whole ones.
        add(&Seal::Manifest, &mut (96..length).step_by(4).map(|at| (at, 4)));
        add(&Seal::Manifest, &mut (96..length).step_by(8).map(|at| (at, 8)));
    } else if file.starts_with(names::LOG_DIR) {
        add(&Seal::SegmentHeader, &mut [(8, 4), (32, 8), (40, 8), (48, 8), (56, 8)].into_iter());
        let mut sealed = None;
        for frame in layout.frames.iter().filter(|frame| frame.file == file) {
            let at = frame.bytes.start;
            let places = [(8, 4), (12, 4), (16, 8), (24, 8), (32, 8), (40, 4), (44, 4)];
            add(
                &Seal::FrameHeader(frame.clone()),
                &mut places.into_iter().map(|(offset, width)| (at + offset, width)),
            );
            for (index, record) in frame.records.iter().enumerate() {
                // The last ones may be lengths of optional fields.
                let places =
                    [(4, 4), (12, 2), (14, 1), (15, 1), (16, 8), (24, 8), (32, 2), (34, 2), (36, 4), (60, 4)];
                let places = places.into_iter().map(|(offset, width)| (record.start + offset, width));
                add(
                    &Seal::Record(frame.clone(), index),
                    &mut places.filter(|(at, width)| at + width <= record.end),
                );
            }
            sealed = frame.sealed;
        }
        if let (Some(start), Some(trailer)) = (sealed, length.checked_sub(FOOTER_TRAILER_BYTES)) {
            add(&Seal::Footer, &mut (start..trailer).step_by(4).map(|at| (at, 4)));
            add(&Seal::Footer, &mut (trailer + 16..trailer + 80).step_by(8).map(|at| (at, 8)));
            add(&Seal::Footer, &mut [(trailer + 8, 4), (trailer + 84, 4)].into_iter());
        }
    } else if file.starts_with(names::INDEX_DIR) && length > RUN_HEADER_BYTES + RUN_TRAILER_BYTES {
        let trailer = length - RUN_TRAILER_BYTES;
        add(&Seal::Run, &mut [(8, 4), (32, 8), (40, 8), (48, 8)].into_iter());
        add(&Seal::Run, &mut (trailer + 16..trailer + 88).step_by(8).map(|at| (at, 8)));
        add(
            &Seal::Run,
            &mut (trailer + 92..trailer + 96).chain(trailer + 104..trailer + 106).map(|at| (at, 1)),
        );
        add(&Seal::Run, &mut (RUN_HEADER_BYTES..trailer).step_by(2).map(|at| (at, 2)));
        add(&Seal::Run, &mut (RUN_HEADER_BYTES..trailer - 8).step_by(8).map(|at| (at, 8)));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::super::compacted::compacted;
    use super::super::specimen::specimens;
    use super::*;

    #[test]
    fn sealing_what_was_not_changed_changes_nothing() {
        let mut seen = 0;
        let removed = compacted().unwrap_or_default();
        for specimen in specimens().unwrap_or_default().into_iter().chain(removed) {
            // A segment that is laid out ahead has no header yet, and no checksum.
            let written = specimen.image.iter().filter(|(_, bytes)| bytes.iter().any(|byte| *byte != 0));
            for file in written.map(|(file, _)| file) {
                for field in fields(&specimen.image, &specimen.layout, file) {
                    let mut image = specimen.image.clone();
                    field.seal.close(&mut image, file);
                    assert!(image == specimen.image, "{}: {file}: {field:?}", specimen.name);
                    seen += 1;
                }
            }
        }
        assert!(seen > 1_000, "{seen}");
    }
}
