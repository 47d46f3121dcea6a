//! Stores that do not index the ids of events.

use crate::common::Place;

const ID: &str = "8fdb3160-2904-56a7-84a5-cbab24cd44c8";

#[test]
fn a_store_without_ids_finds_only_the_ids_that_it_made() {
    let place = Place::new();
    let given = place.one(&["append", "--stream", "a", "--type", "T", "--id", ID, "--no-ids"]);
    assert_eq!(given["id"], ID);
    let made = place.one(&["append", "--stream", "a", "--type", "T"]);
    assert_eq!(place.one(&["get", made["id"].as_str().unwrap()])["version"], 2);
    let not_found = place.run(&["get", ID]);
    assert_eq!(not_found.status, 1);
    assert!(not_found.stderr.contains("--no-ids"), "{}", not_found.stderr);
    assert_eq!(place.one(&["stats"])["ids_indexed"], false);
    place.ok(&["verify"]);
}

#[test]
fn an_import_into_a_store_without_ids_says_that_it_cannot_be_repeated() {
    let place = Place::new();
    let file = place.file("events.jsonl", "{\"stream\":\"a\",\"type\":\"T\"}\n");
    let refused = place.run(&["import", &file, "--no-ids"]);
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("--new-ids"), "{}", refused.stderr);
    place.ok(&["import", &file, "--new-ids"]);
    assert_eq!(place.one(&["stats"])["events"], 1);
}

#[test]
fn too_little_memory_for_the_index_is_refused_with_the_least_that_works() {
    let place = Place::new();
    let refused = place.run(&["append", "--stream", "a", "--type", "T", "--index-memory", "1000"]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("4194304"), "{}", refused.stderr);
    place.ok(&["append", "--stream", "a", "--type", "T", "--index-memory", "4194304"]);
}
