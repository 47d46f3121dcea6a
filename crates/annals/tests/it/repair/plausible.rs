//! Positions that the files had no room for: right checksums, and no sense.

use super::{Image, original, repaired, segments};
use annals::Position;
use annals_format::{Manifest, SEGMENT_HEADER_BYTES, SegmentHeader};

fn with_manifest(image: &Image, change: impl Fn(&mut Manifest)) -> Image {
    let mut manifest = Manifest::decode(&image["MANIFEST"]).unwrap();
    change(&mut manifest);
    let mut image = image.clone();
    image.insert("MANIFEST".into(), manifest.encode());
    image
}

#[test]
fn a_durable_position_that_no_file_had_room_for_is_not_believed() {
    let (image, wanted) = original(90);
    for absurd in [Position::MAX.previous(), Position::new(1 << 40), Position::new(100_000_000)] {
        let (report, _, lost) =
            repaired(&with_manifest(&image, |manifest| manifest.durable = absurd), &wanted);
        assert_eq!((report.events, report.last_position, lost), (90, Position::new(90), vec![]));
        assert!(report.notes.iter().any(|note| note.contains(&absurd.to_string())), "{:?}", report.notes);
    }
}

#[test]
fn a_durable_position_that_can_be_is_believed() {
    let (image, wanted) = original(90);
    let image = with_manifest(&image, |manifest| manifest.durable = Position::new(97));
    let (report, _) = super::try_repair(&image).unwrap();
    assert_eq!((report.events, report.lost_positions, report.last_position), (90, 7, Position::new(97)));
    assert_eq!(wanted.len(), 90);
}

#[test]
fn a_segment_that_begins_further_than_any_before_it_can_reach_is_not_used() {
    let (mut image, wanted) = original(90);
    image.remove("MANIFEST");
    let name = segments(&image).into_iter().rfind(|name| image[name].iter().any(|byte| *byte != 0)).unwrap();
    let bytes = image.get_mut(&name).unwrap();
    let header = SegmentHeader::decode(bytes[..SEGMENT_HEADER_BYTES].try_into().unwrap()).unwrap();
    let begins = header.first_position.get();
    let absurd = SegmentHeader { first_position: Position::new(1 << 47), ..header };
    bytes[..SEGMENT_HEADER_BYTES].copy_from_slice(&absurd.encode());
    let (report, _, lost) = repaired(&image, &wanted);
    assert_eq!((report.events, lost), (begins - 1, vec![]));
    assert!(report.notes.iter().any(|note| note.contains("further than")), "{:?}", report.notes);
}
