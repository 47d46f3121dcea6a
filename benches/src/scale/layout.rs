//! Where each event of a store lies: the floor of reading is to read there, knowing it.

use super::Outcome;
use annals::Position;
use annals_format::{Manifest, OpenSegment, StoreId, names, record_length};
use annals_vfs::{Access, Disk, Mapping, RealDisk};
use annals_wal::{Segment, Step, scan_mapped};
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Bytes of a page.
const PAGE_BYTES: u64 = 4096;

/// The segments of a store, mapped once more, beside its own mappings.
#[derive(Debug)]
pub(crate) struct Layout(Vec<Part>);

#[derive(Debug)]
enum Part {
    Sealed(Segment),
    /// A segment without a footer, whose records were found by walking it.
    Open {
        first: Position,
        mapping: Mapping,
        offsets: Vec<u64>,
    },
}

/// Where the record of an event lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    part: usize,
    offset: usize,
    length: usize,
}

/// The manifest of a store and its disk.
pub(crate) fn manifest_of(store: &Path) -> Outcome<(Manifest, Arc<dyn Disk>)> {
    let manifest = Manifest::decode(&fs::read(store.join(names::MANIFEST))?)?;
    Ok((manifest, Arc::new(RealDisk::open(store)?)))
}

impl Layout {
    /// The layout of the store at a path as it is now.
    pub(crate) fn of(store: &Path) -> Outcome<Self> {
        let (manifest, disk) = manifest_of(store)?;
        let id = manifest.store_id;
        let sealed = manifest.sealed.into_iter();
        let mut parts: Vec<Part> =
            sealed.map(|entry| Part::Sealed(Segment::sealed(Arc::clone(&disk), &id, entry))).collect();
        for segment in &manifest.open {
            parts.extend(walk(&*disk, &id, segment)?);
        }
        Ok(Layout(parts))
    }

    /// The place of the event at a position that the store has.
    pub(crate) fn place(&self, position: Position) -> Outcome<Place> {
        let part = self.0.partition_point(|part| part.first() <= position).checked_sub(1);
        let part = part.ok_or("a position before the first segment")?;
        let offset = match &self.0[part] {
            Part::Sealed(segment) => {
                u64::from(segment.offset_of(position)?.ok_or("a position whose event was removed")?)
            }
            Part::Open { first, offsets, .. } => *usize::try_from(position.events_since(*first))
                .ok()
                .and_then(|index| offsets.get(index))
                .ok_or("a position behind the last segment")?,
        };
        let offset = usize::try_from(offset)?;
        let length = record_length(self.0[part].bytes()?.get(offset..).unwrap_or_default());
        Ok(Place { part, offset, length: length.ok_or("no record at a position")? })
    }

    /// The bytes of a record.
    pub(crate) fn bytes(&self, place: Place) -> Outcome<&[u8]> {
        let Place { part, offset, length } = place;
        Ok(self.0[part].bytes()?.get(offset..offset + length).ok_or("a record behind the end of its file")?)
    }
}

impl Part {
    fn first(&self) -> Position {
        match self {
            Part::Sealed(segment) => segment.first_position(),
            Part::Open { first, .. } => *first,
        }
    }

    fn bytes(&self) -> Outcome<&[u8]> {
        match self {
            Part::Sealed(segment) => Ok(segment.mapped()?),
            Part::Open { mapping, .. } => Ok(mapping.bytes(0..mapping.len()).unwrap_or_default()),
        }
    }
}

/// `None` for a segment that was laid out and has no records yet.
fn walk(disk: &dyn Disk, store: &StoreId, segment: &OpenSegment) -> Outcome<Option<Part>> {
    let file = disk.open(&names::segment(segment.id), Access::Read)?;
    let mapping = file.map(file.length()?)?;
    let (mut first, mut offsets) = (None, Vec::new());
    scan_mapped(mapping.bytes(0..mapping.len()).unwrap_or_default(), segment.binding(store), |step| {
        if let Step::Record { offset, event } = step {
            first.get_or_insert(event.position);
            offsets.push(offset);
        }
    });
    Ok(first.map(|first| Part::Open { first, mapping, offsets }))
}

/// On how many different pages these records lie.
pub(crate) fn distinct_pages(places: &[Place]) -> u64 {
    let pages = |place: &Place| {
        let (from, to) = (place.offset as u64, (place.offset + place.length.max(1) - 1) as u64);
        let part = place.part;
        (from / PAGE_BYTES..=to / PAGE_BYTES).map(move |page| (part, page))
    };
    places.iter().flat_map(pages).collect::<HashSet<_>>().len() as u64
}

/// Bytes of so many pages.
pub(crate) fn page_bytes(pages: u64) -> u64 {
    pages * PAGE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals::{Expected, NewEvent, Query, Store};

    #[test]
    fn places_lead_to_the_records_of_sealed_and_of_open_segments() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = Store::options().segment_bytes(16 << 10).open(&path).unwrap();
        for number in 0..200 {
            store
                .append(&format!("s-{}", number % 7), Expected::Any, &[NewEvent::new("t", vec![7; 300])])
                .unwrap();
        }
        store.close().unwrap();
        let layout = Layout::of(&path).unwrap();
        assert!(layout.0.len() > 2);
        let store = Store::open(&path).unwrap();
        let view = store.view();
        let mut places = Vec::new();
        for event in view.read(Query::all()).unwrap() {
            let event = event.unwrap();
            let place = layout.place(event.position).unwrap();
            let record = layout.bytes(place).unwrap();
            assert!(record.windows(event.stream.len()).any(|bytes| bytes == event.stream.as_bytes()));
            places.push(place);
        }
        assert_eq!(places.len(), 200);
        let bytes: usize = places.iter().map(|place| place.length).sum();
        let pages = distinct_pages(&places);
        assert!(page_bytes(pages) >= bytes as u64 && pages <= 200 * 2);
        assert!(layout.place(Position::new(201)).is_err());
    }

    #[test]
    fn a_page_counts_once_and_a_record_over_two_pages_for_both() {
        let place = |part, offset, length| Place { part, offset, length };
        assert_eq!(distinct_pages(&[place(0, 0, 100), place(0, 200, 100)]), 1);
        assert_eq!(distinct_pages(&[place(0, 4000, 96), place(0, 4000, 97), place(1, 0, 1)]), 3);
    }
}
