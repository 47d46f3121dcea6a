//! What the manifest says of compaction: only what can be, and nothing in a manifest of an older version.

use crate::absurd::{ABSURD, SECTIONS, put, seal_manifest};
use crate::common::{manifest, manifest_of_version_3};
use annals_format::{
    ErasedRange, Erasures, FormatError, Manifest, Removed, Rewritten, RunEntry, SealedSegment,
};
use annals_types::Position;

type Change = fn(&mut Manifest);

fn assert_all_refused(changes: &[(&str, Change)]) {
    for (what, change) in changes {
        let mut manifest = manifest();
        change(&mut manifest);
        let decoded = Manifest::decode(&manifest.encode());
        assert!(matches!(decoded, Err(FormatError::Damaged(_))), "{what}: {decoded:?}");
    }
}

fn assert_sound(what: &str, change: Change) {
    let mut manifest = manifest();
    change(&mut manifest);
    assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest), "{what}");
}

fn set_positions(segment: &mut SealedSegment, positions: u64) {
    segment.rewritten = Some(Rewritten { edition: 2, positions, compaction: 5 });
}

#[test]
fn positions_may_be_missing_where_something_was_removed_and_nowhere_else() {
    assert_sound("a segment less in the middle", |manifest| {
        set_positions(&mut manifest.sealed[0], 35);
        manifest.removed = Some(Removed { events: 10, through: Position::new(40), compaction: 5 });
    });
    assert_sound("a rewritten segment that has all its events", |manifest| {
        manifest.sealed[0].count = 40;
    });
    assert_sound("rewritten although nothing was ever removed", |manifest| {
        manifest.sealed[0].count = 40;
        manifest.removed = None;
        manifest.compactions.clear();
    });
    assert_all_refused(&[
        ("missing in a store in which nothing was removed", |manifest| {
            manifest.removed = None;
            manifest.compactions.clear();
        }),
        ("a gap in a store in which nothing was removed", |manifest| {
            (manifest.sealed[0].count, manifest.sealed[0].rewritten) = (35, None);
            manifest.removed = None;
            manifest.compactions.clear();
        }),
        ("a gap behind all that was removed", |manifest| {
            manifest.sealed[1].first_position = Position::new(42);
        }),
        ("missing behind all that was removed", |manifest| {
            manifest.sealed[1].count = 2;
            set_positions(&mut manifest.sealed[1], 3);
        }),
        ("segments that overlap by what one covers", |manifest| {
            set_positions(&mut manifest.sealed[0], 41);
        }),
    ]);
}

#[test]
fn numbers_of_rewritten_segments_that_cannot_be_are_errors() {
    assert_all_refused(&[
        ("edition 0", |manifest| {
            manifest.sealed[0].rewritten = Some(Rewritten { edition: 0, positions: 40, compaction: 5 });
        }),
        ("an edition that cannot be counted on from", |manifest| {
            let edition = (1 << 62) + 1;
            manifest.sealed[0].rewritten = Some(Rewritten { edition, positions: 40, compaction: 5 });
        }),
        ("more events than positions", |manifest| set_positions(&mut manifest.sealed[0], 29)),
        ("more positions than offsets can be", |manifest| set_positions(&mut manifest.sealed[1], 1 << 32)),
        ("positions whose sum overflows", |manifest| set_positions(&mut manifest.sealed[1], u64::MAX)),
        ("a first position whose sum overflows", |manifest| {
            manifest.sealed[1].first_position = Position::new(u64::MAX);
            manifest.removed = Some(Removed { events: 1, through: Position::MAX, compaction: 5 });
        }),
        ("positions beyond the last that there can be", |manifest| {
            manifest.sealed[1].first_position = Position::MAX;
            manifest.removed = Some(Removed { events: 1, through: Position::MAX, compaction: 5 });
        }),
        ("removed beyond the last position that there can be", |manifest| {
            let through = Position::MAX.next();
            manifest.removed = Some(Removed { events: 1, through, compaction: 5 });
        }),
    ]);
}

#[test]
fn compactions_ascend_up_to_the_last_one() {
    assert_sound("two of them", |manifest| {
        let mut earlier = manifest.compactions[0];
        earlier.number = 4;
        manifest.compactions.insert(0, earlier);
    });
    assert_sound("none that is not in the ledger", |manifest| manifest.compactions.clear());
    assert_all_refused(&[
        ("one twice", |manifest| manifest.compactions.push(manifest.compactions[0])),
        ("number 0", |manifest| manifest.compactions[0].number = 0),
        ("one behind the last", |manifest| manifest.compactions[0].number = 6),
        ("a number that cannot be counted on from", |manifest| {
            manifest.removed = Some(Removed { events: 1, through: Position::new(38), compaction: u64::MAX });
        }),
    ]);
}

#[test]
fn what_was_erased_lies_between_two_positions_and_no_erasure_is_finished_that_was_not_asked_for() {
    let erased =
        |events, first, last| ErasedRange { events, first: Position::new(first), last: Position::new(last) };
    for (range, sound) in [
        (ErasedRange::NONE, true),
        (erased(1, 7, 7), true),
        (erased(0, 7, 7), false),
        (erased(1, 8, 7), false),
        (erased(1, 0, 7), false),
        (erased(1, 7, u64::MAX), false),
    ] {
        let mut manifest = manifest();
        manifest.compactions[0].erased = range;
        assert_eq!(Manifest::decode(&manifest.encode()).is_ok(), sound, "{range:?}");
    }
    for (requested, finished, sound) in [
        (0, 0, true),
        (3, 3, true),
        (3, 4, false),
        (259, 3, true),
        (260, 3, false),
        (u64::MAX, u64::MAX, false),
    ] {
        let manifest = Manifest { erasures: Some(Erasures { requested, finished }), ..manifest() };
        assert_eq!(Manifest::decode(&manifest.encode()).is_ok(), sound, "{requested} {finished}");
    }
}

/// However many events are said to have been removed, the sum is a number.
#[test]
fn sums_of_counts_do_not_overflow() {
    let mut manifest = manifest();
    manifest.compactions[0].events = [u64::MAX; 7];
    let decoded = Manifest::decode(&manifest.encode()).unwrap();
    assert_eq!(decoded.compactions[0].events(), u64::MAX);
}

#[test]
fn a_segment_that_is_not_there_or_is_told_twice_was_not_rewritten() {
    let own = manifest().encode();
    let section = SECTIONS[4];
    for id in ABSURD.into_iter().filter(|id| ![1, 3].contains(id)) {
        let mut bytes = own.clone();
        put(&mut bytes, section + 16, 8, id);
        seal_manifest(&mut bytes);
        assert!(Manifest::decode(&bytes).is_err(), "{id}");
    }
    let mut twice = own.clone();
    twice.splice(section + 48..section + 48, own[section + 16..section + 48].to_vec());
    put(&mut twice, section + 8, 8, 2);
    let length = twice.len() as u64;
    put(&mut twice, 32, 8, length);
    seal_manifest(&mut twice);
    assert!(Manifest::decode(&twice).is_err());
}

#[test]
fn a_window_is_of_a_run_that_is_there_and_lies_within_its_file() {
    let own = manifest().encode();
    let entry = SECTIONS[8] + 16;
    // Its run, and where it begins there.
    for (word, right) in [(0, 2), (1, 1)] {
        for value in ABSURD.into_iter().filter(|value| *value != right) {
            let mut bytes = own.clone();
            put(&mut bytes, entry + word * 8, 8, value);
            seal_manifest(&mut bytes);
            assert!(Manifest::decode(&bytes).is_err(), "{value} in word {word}");
        }
    }
    // The file: positions from 1 on, of which 40 are covered.
    for (first, count) in [(2, 43), (1, 39), (1, 40), (0, 40), (0, u64::MAX), (u64::MAX, 43), (1, u64::MAX)] {
        let mut bytes = own.clone();
        put(&mut bytes, entry + 16, 8, first);
        put(&mut bytes, entry + 24, 8, count);
        seal_manifest(&mut bytes);
        let fits = first == 0 && count == u64::MAX;
        assert_eq!(Manifest::decode(&bytes).is_ok(), fits, "{count} from {first} on");
    }
    let mut twice = own.clone();
    twice.extend_from_slice(&own[entry..entry + 32]);
    put(&mut twice, SECTIONS[8] + 8, 8, 2);
    let length = twice.len() as u64;
    put(&mut twice, 32, 8, length);
    seal_manifest(&mut twice);
    assert!(Manifest::decode(&twice).is_err());
}

#[test]
fn several_windows_of_one_run_are_read_as_they_were_written() {
    let mut manifest = manifest();
    let whole = RunEntry { first_position: Position::new(1), count: 43, file: None, ..manifest.runs[0] };
    let windows = [(1, 11), (21, 31), (41, 44)];
    let windows = windows.map(|(first, end)| whole.within(Position::new(first), Position::new(end)));
    manifest.runs = windows.into_iter().flatten().collect();
    assert_eq!(manifest.runs.iter().map(|run| run.count).collect::<Vec<_>>(), [10, 10, 3]);
    assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
}

#[test]
fn what_was_removed_is_told_once() {
    let own = manifest().encode();
    for (section, words) in [(SECTIONS[3], 2), (SECTIONS[5], 3)] {
        let mut twice = own.clone();
        let end = section + 16 + words * 8;
        twice.splice(end..end, own[section + 16..end].to_vec());
        put(&mut twice, section + 8, 8, 2);
        let length = twice.len() as u64;
        put(&mut twice, 32, 8, length);
        seal_manifest(&mut twice);
        assert!(Manifest::decode(&twice).is_err());
    }
}

#[test]
fn a_manifest_of_an_older_version_has_none_of_these_sections() {
    for version in [2, 3] {
        let mut older = manifest_of_version_3().encode();
        put(&mut older, 8, 4, version);
        seal_manifest(&mut older);
        assert_eq!(Manifest::decode(&older), Ok(manifest_of_version_3()));
        let mut bytes = manifest().encode();
        put(&mut bytes, 8, 4, version);
        seal_manifest(&mut bytes);
        match Manifest::decode(&bytes) {
            Err(FormatError::Damaged(damage)) => assert_eq!(damage.offset, SECTIONS[4] as u64),
            other => panic!("version {version}: {other:?}"),
        }
    }
}

#[test]
fn a_segment_is_named_and_numbered_as_it_was_rewritten() {
    let manifest = manifest();
    let (sparse, whole) = (&manifest.sealed[0], &manifest.sealed[1]);
    assert_eq!((sparse.path().as_str(), sparse.edition()), ("log/000000000001.2.seg", 2));
    assert_eq!((sparse.positions(), sparse.last_position()), (40, Position::new(40)));
    assert_eq!((whole.path().as_str(), whole.edition()), ("log/000000000003.seg", 0));
    assert_eq!((whole.positions(), whole.last_position()), (3, Position::new(43)));
    assert_eq!(manifest.sealed_end(), Position::new(44));
}
