//! Imports that are repeated, and exports that are imported.

use crate::data::Given;
use crate::store::{Layout, count, reading};
use crate::tool::{Tool, number, text, without_recorded};
use annals::Query;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

of_each_set!(a_repeated_import_adds_nothing, what_is_exported_and_imported_is_the_same);

fn a_repeated_import_adds_nothing(given: &Given) {
    let place = tempfile::tempdir().unwrap();
    let tool = Tool::on(place.path().join("store"));
    let (file, events) = (given.file(), given.facts.events);
    assert_eq!(tool.import(&file, &[]), (events, 0));
    let before = tool.one(&["stats"]);
    for options in [&[][..], &["--batch", "777"], &["--writers", "3"]] {
        assert_eq!(tool.import(&file, options), (0, events), "{options:?}");
    }
    let after = tool.one(&["stats"]);
    for key in ["events", "last_position", "streams", "types", "last_recorded"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    assert_eq!(number(&after, "last_position"), events);
    tool.must_be_sound();
    assert_eq!(count(&reading(tool.store()).view(), Query::all()), events);
}

fn what_is_exported_and_imported_is_the_same(given: &Given) {
    let original = given.tool(Layout::Usual);
    let place = tempfile::tempdir().unwrap();
    let copy = Tool::on(place.path().join("store"));
    let [first, second] = ["first.jsonl", "second.jsonl.gz"].map(|name| place.path().join(name));
    export(&original, &first, given.facts.events);
    assert_eq!(copy.import(&first, &[]), (given.facts.events, 0));
    export(&copy, &second, given.facts.events);

    let mut originals = BufReader::new(File::open(&first).unwrap()).lines();
    let copies = BufReader::new(flate2::read::GzDecoder::new(File::open(&second).unwrap())).lines();
    for copied in copies {
        let (original, copied) = (originals.next().unwrap().unwrap(), copied.unwrap());
        assert_eq!(without_recorded(&original), without_recorded(&copied));
    }
    assert!(originals.next().is_none());

    assert_eq!(copy.import(&given.file(), &[]), (0, given.facts.events), "the ids are those of the source");
    copy.must_be_sound();
}

fn export(tool: &Tool, file: &Path, events: u64) {
    let summary = tool.one(&["export", "--output", file.to_str().unwrap()]);
    assert_eq!(number(&summary, "exported"), events);
    assert_eq!(text(&summary, "output"), file.to_str().unwrap());
}
