//! Real event data, end to end: what goes in through the tool comes out as it went in, whole, per stream and as of
//! any moment, and an import that is killed loses nothing.
//!
//! The data do not belong to the project. `ANNALS_TEST_DATA` names the directory that they are in; without it the
//! tests that need them say so and pass.

#![expect(clippy::unwrap_used, reason = "what cannot go on in a test ends it")]

/// Makes a test of a check for each set; for checks that look into the store itself one for each layout, too.
macro_rules! of_each_set {
    (@tests) => {
        #[test]
        fn receipt() {
            crate::data::on(crate::data::Set::Receipt, check);
        }

        #[test]
        fn loans() {
            crate::data::on(crate::data::Set::Loans, check);
        }

        #[test]
        fn fines() {
            crate::data::on(crate::data::Set::Fines, check);
        }

        #[test]
        fn wiki() {
            crate::data::on(crate::data::Set::Wiki, check);
        }
    };
    (in each layout: $($check:ident),+ $(,)?) => {
        $(mod $check {
            mod usual {
                fn check(given: &crate::data::Given) {
                    super::super::$check(given, &given.view(crate::store::Layout::Usual));
                }
                of_each_set!(@tests);
            }
            mod small_segments {
                fn check(given: &crate::data::Given) {
                    super::super::$check(given, &given.view(crate::store::Layout::SmallSegments));
                }
                of_each_set!(@tests);
            }
        })+
    };
    ($($check:ident),+ $(,)?) => {
        $(mod $check {
            use super::$check as check;
            of_each_set!(@tests);
        })+
    };
}

mod again;
mod both_clocks;
mod canonical;
mod compacted;
mod data;
mod facts;
mod fold;
mod kill;
mod known;
mod lists;
mod store;
mod streams;
mod through_the_tool;
mod times;
mod tool;
mod whole;
