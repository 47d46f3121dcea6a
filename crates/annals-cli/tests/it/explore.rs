//! `explore` where there is no terminal. What it draws and does is tested beside its code.

use crate::common::Place;

#[test]
fn without_a_terminal_it_says_so_and_what_to_use_instead() {
    let place = Place::with(&[r#"{"stream":"a","type":"T"}"#]);
    let said = place.fails(2, &["explore"]);
    assert!(said.contains("explore needs a terminal") && said.contains("history"), "{said}");
}
