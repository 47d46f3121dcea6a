//! One bit of any file flipped: at most the event is lost whose record has the bit.

use super::{original, place_of, repaired};

#[test]
fn a_flipped_bit_anywhere_costs_at_most_the_event_whose_record_has_it() {
    let (image, wanted) = original(90);
    assert!(super::segments(&image).len() >= 3);
    let places: Vec<_> = wanted.iter().map(|event| place_of(&image, event)).collect();
    let mut losses = 0;
    for (name, bytes) in &image {
        let step = if name.starts_with("log/") { 23 } else { 41 };
        for offset in (0..bytes.len()).step_by(step).chain(0..bytes.len().min(112)) {
            let mut damaged = image.clone();
            damaged.get_mut(name).unwrap()[offset] ^= 1 << (offset % 8);
            let (report, _, lost) = repaired(&damaged, &wanted);
            let hit =
                |(file, from, to): &(String, usize, usize)| file == name && (*from..*to).contains(&offset);
            let expected: Vec<u64> =
                (1..).zip(&places).filter(|(_, place)| hit(place)).map(|(at, _)| at).collect();
            assert_eq!(lost, expected, "{name}, bit flipped at {offset}: {report:?}");
            assert_eq!(report.last_position.get(), 90, "{name}, bit flipped at {offset}");
            if let Some(range) = report.lost.first() {
                let event = &wanted[range.first.get() as usize - 1];
                assert!(range.file == *name, "{range:?}");
                // Of the last event of a stream nothing but a run knows.
                let known = range.streams == [event.stream.clone()];
                assert!(known || report.unassigned == 1, "{range:?}");
                losses += 1;
            }
        }
    }
    assert!(losses > 100);
}
