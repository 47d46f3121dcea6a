//! File names.

use annals_format::names::{
    INDEX_DIR, LOG_DIR, edition, parse_edition, parse_run, parse_scratch, parse_segment, run, scratch,
    segment,
};
use proptest::prelude::*;

fn within(directory: &str, path: &str) -> String {
    path.strip_prefix(directory).and_then(|path| path.strip_prefix('/')).unwrap().to_owned()
}

proptest! {
    #[test]
    fn a_name_is_parsed_back_to_the_number_it_was_made_from(id in prop_oneof![0..3_000_000_000_000_u64, any::<u64>()]) {
        prop_assert_eq!(parse_segment(&within(LOG_DIR, &segment(id))), Some(id));
        prop_assert_eq!(parse_run(&within(INDEX_DIR, &run(id))), Some(id));
        for number in [0, 1, 10, u64::MAX] {
            prop_assert_eq!(parse_scratch(&within(INDEX_DIR, &scratch(id, number))), Some((id, number)));
        }
        prop_assert_eq!(parse_scratch(&within(INDEX_DIR, &run(id))), None);
        prop_assert_eq!(parse_run(&within(INDEX_DIR, &scratch(id, 0))), None);
        prop_assert_eq!(parse_run(&within(LOG_DIR, &segment(id))), None);
        prop_assert_eq!(parse_segment(&within(INDEX_DIR, &run(id))), None);
        for number in [0, 1, 10, u64::MAX] {
            let name = within(LOG_DIR, &edition(id, number));
            prop_assert_eq!(parse_edition(&name), Some((id, number)));
            prop_assert_eq!(parse_segment(&name), (number == 0).then_some(id));
            prop_assert_eq!((parse_run(&name), parse_scratch(&name)), (None, None));
        }
        prop_assert_eq!(parse_edition(&within(INDEX_DIR, &scratch(id, 1))), None);
        prop_assert_eq!(parse_edition(&within(INDEX_DIR, &run(id))), None);
    }

    #[test]
    fn names_sort_as_their_numbers_do(one in 0..1_000_000_000_000_u64, other in 0..1_000_000_000_000_u64) {
        prop_assert_eq!(segment(one).cmp(&segment(other)), one.cmp(&other));
        prop_assert_eq!(run(one).cmp(&run(other)), one.cmp(&other));
    }

    #[test]
    fn what_is_parsed_is_the_one_name_of_its_number(name in "[0-9]{11,20}\\.seg") {
        if let Some(id) = parse_segment(&name) {
            prop_assert_eq!(within(LOG_DIR, &segment(id)), name);
        }
    }

    #[test]
    fn what_is_parsed_is_the_one_name_of_its_edition(name in "[0-9]{11,20}\\.[0-9]{1,20}\\.seg") {
        if let Some((id, number)) = parse_edition(&name) {
            prop_assert_eq!(within(LOG_DIR, &edition(id, number)), name);
        }
    }
}

#[test]
fn other_names_are_not_taken_for_scratch_files() {
    for name in [
        "",
        ".tmp",
        "7.0.tmp",
        "000000000007..tmp",
        "000000000007.01.tmp",
        "000000000007.+1.tmp",
        "000000000007.0",
    ] {
        assert_eq!(parse_scratch(name), None, "{name:?}");
    }
}

#[test]
fn other_names_are_not_taken_for_editions() {
    for name in [
        "7.1.seg",
        "000000000007.0.seg",
        "000000000007.01.seg",
        "000000000007.+1.seg",
        "000000000007..seg",
        "000000000007.1.1.seg",
        "000000000007.1.tmp",
        "000000000007.1",
        "0000000000007.1.seg",
        "000000000007.18446744073709551616.seg",
    ] {
        assert_eq!(parse_edition(name), None, "{name:?}");
        assert_eq!(parse_segment(name), None, "{name:?}");
    }
}

#[test]
fn other_names_are_not_taken_for_segments() {
    let names = [
        "",
        ".seg",
        "7.seg",
        "00000000007.seg",
        "0000000000007.seg",
        "000000000007",
        "000000000007.seg.tmp",
        "000000000007.SEG",
        "+00000000007.seg",
        "-00000000007.seg",
        " 00000000007.seg",
        "00000000000é.seg",
        "000000000007.run",
        "99999999999999999999999.seg",
    ];
    for name in names {
        assert_eq!(parse_segment(name), None, "{name:?}");
    }
}
