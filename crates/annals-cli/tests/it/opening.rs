//! Stores that are not there, not stores, or in use.

use crate::common::{Place, annals, names_in, run};

const READS: &[&[&str]] = &[
    &["read"],
    &["get", "8fdb3160-2904-56a7-84a5-cbab24cd44c8"],
    &["state", "--stream", "a"],
    &["diff", "--stream", "a", "--from", "0", "--to", "1"],
    &["streams"],
    &["types"],
    &["tail"],
    &["stats"],
    &["verify"],
    &["export"],
];

#[test]
fn a_read_of_an_unknown_directory_is_an_error_and_creates_nothing() {
    let place = Place::new();
    for args in READS {
        let said = place.fails(1, args);
        assert!(said.contains("store") && said.contains("no store"), "{args:?}: {said}");
    }
    assert!(names_in(&place.path("")).is_empty());
}

#[test]
fn a_directory_with_other_things_in_it_is_not_a_store() {
    let place = Place::new();
    std::fs::create_dir(place.store()).unwrap();
    std::fs::write(place.store().join("letter.txt"), "hello").unwrap();
    for args in READS {
        place.fails(1, args);
    }
    let said = place.fails(1, &["append", "--stream", "a", "--type", "T"]);
    assert!(said.contains("not an Annals store"), "{said}");
    assert_eq!(names_in(&place.store()), ["letter.txt"]);
}

#[test]
fn a_file_is_not_a_store() {
    let place = Place::new();
    place.file("store", "hello");
    place.fails(1, &["read"]);
    place.fails(1, &["append", "--stream", "a", "--type", "T"]);
}

#[test]
fn what_the_system_refuses_is_told_with_the_name_of_the_store() {
    let place = Place::with(&[r#"{"stream":"a","type":"T"}"#]);
    std::fs::remove_file(place.store().join("LOCK")).unwrap();
    std::fs::create_dir(place.store().join("LOCK")).unwrap();
    let said = place.fails(1, &["compact"]);
    let named = format!("cannot open the store {}: ", place.store().display());
    assert!(said.contains(&named) && said.contains("LOCK"), "{said}");
}

#[test]
fn a_store_that_is_open_elsewhere_says_so_at_once_and_can_be_read() {
    let place = Place::with(&[r#"{"stream":"a","type":"T"}"#]);
    let store = annals::Store::open(place.store()).unwrap();
    let file = place.file("more.jsonl", r#"{"stream":"a","type":"T"}"#);
    for args in [&["append", "--stream", "a", "--type", "T"][..], &["import", &file]] {
        let said = place.fails(1, args);
        assert!(said.contains("open for writing"), "{said}");
    }
    for args in [&["read"][..], &["streams"], &["stats"], &["tail"], &["export"]] {
        assert_eq!(place.ok(args).len(), 1, "{args:?}");
    }
    store.close().unwrap();
    place.ok(&["append", "--stream", "a", "--type", "T"]);
}

#[test]
fn the_store_can_be_named_in_the_environment() {
    let place = Place::with(&[r#"{"stream":"a","type":"T"}"#]);
    let read = run(annals().env("ANNALS_STORE", place.store()).arg("read"));
    assert_eq!(read.json().len(), 1);
    let read = run(annals().current_dir(place.path("")).arg("read"));
    assert!(read.failed(1).contains("annals-data"));
}

#[test]
fn a_store_of_a_newer_format_is_refused_by_its_version_and_not_called_damaged() {
    let place = Place::with(&[r#"{"stream":"a","type":"T"}"#]);
    let path = place.store().join("MANIFEST");
    let mut manifest = std::fs::read(&path).unwrap();
    manifest[8] += 1;
    let mut sum = flate2::Crc::new();
    sum.update(&manifest[..12]);
    sum.update(&manifest[16..]);
    manifest[12..16].copy_from_slice(&sum.sum().to_le_bytes());
    std::fs::write(&path, manifest).unwrap();

    for args in [&["read"][..], &["append", "--stream", "a", "--type", "T"], &["verify"]] {
        let said = place.fails(1, args);
        assert!(said.contains("version 4") && !said.contains("damaged"), "{said}");
    }
}
