//! Lines that cannot be taken: each is named with file, line and what is wrong, and stops the import there.

use crate::common::Place;

const GOOD: &str = r#"{"stream":"a","type":"T","data":1}"#;

/// Imports a file whose third line is bad; checks what is said and what is kept.
fn bad_line(line: impl AsRef<[u8]>, what: &str) {
    let place = Place::new();
    let mut content = format!("{GOOD}\n\n").into_bytes();
    content.extend_from_slice(line.as_ref());
    content.extend_from_slice(format!("\n{GOOD}\n").as_bytes());
    let file = place.file("events.jsonl", content);

    let said = place.fails(1, &["import", &file]);
    assert!(said.contains("events.jsonl:3: "), "{said}");
    assert!(said.contains(what), "{said} does not say {what}");
    assert_eq!(place.ok(&["read"]).len(), 1, "what stands before is kept, what stands after is not");

    let run = place.run(&["import", &file, "--skip-invalid"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stderr.contains("events.jsonl:3: ") && run.stderr.contains(what), "{}", run.stderr);
    let summary = &run.json()[0];
    assert_eq!(
        (&summary["imported"], &summary["skipped"], &summary["invalid"]),
        (&1.into(), &1.into(), &1.into())
    );
}

#[test]
fn a_malformed_line() {
    bad_line(r#"{"stream":"a","type":"#, "EOF");
    bad_line("nonsense", "expected");
    bad_line(r#"{"stream":"a","type":"T"} {}"#, "trailing characters");
    bad_line(r#"["a"]"#, "expected an event as a JSON object");
}

#[test]
fn a_missing_stream_or_type() {
    bad_line(r#"{"type":"T"}"#, r#"missing key "stream""#);
    bad_line(r#"{"stream":"a"}"#, r#"missing key "type""#);
}

#[test]
fn wrong_json_types() {
    bad_line(r#"{"stream":7,"type":"T"}"#, r#""stream": invalid type"#);
    bad_line(r#"{"stream":"a","type":null}"#, r#""type": invalid type: null"#);
    bad_line(r#"{"stream":"a","type":"T","tags":{}}"#, r#""tags": invalid type"#);
    bad_line(r#"{"stream":"a","type":"T","schema_version":"1"}"#, r#""schema_version": invalid type"#);
    bad_line(r#"{"stream":"a","type":"T","id":"not-an-id"}"#, r#""id": invalid"#);
}

#[test]
fn unknown_and_repeated_keys() {
    bad_line(r#"{"stream":"a","type":"T","Data":1}"#, r#"unknown key "Data""#);
    bad_line(r#"{"stream":"a","type":"T","data":1,"data":2}"#, r#"key "data" stands twice"#);
}

#[test]
fn a_bad_time_or_offset() {
    bad_line(r#"{"stream":"a","type":"T","time":"yesterday"}"#, "not an RFC 3339 time");
    bad_line(r#"{"stream":"a","type":"T","time":"2024-05-01T00:00:00"}"#, "no offset");
    bad_line(r#"{"stream":"a","type":"T","time":"2024-02-30T00:00:00Z"}"#, "no such date");
    bad_line(r#"{"stream":"a","type":"T","time":"2024-05-01T00:00:00+25:00"}"#, "offset");
    bad_line(
        r#"{"stream":"a","type":"T","time":"3024-05-01T00:00:00Z"}"#,
        "outside 1677-09-21 to 2262-04-11",
    );
}

#[test]
fn invalid_utf_8() {
    bad_line(b"{\"stream\":\"\xff\",\"type\":\"T\"}", "invalid UTF-8 (column 12)");
    bad_line(b"{\"stream\":\"a\",\"type\":\"T\",\"data\":\"\xc3\"}", "invalid UTF-8");
}

#[test]
fn empty_and_over_long_names() {
    bad_line(r#"{"stream":"","type":"T"}"#, "a stream name has 1 to 1024 bytes, this one has 0");
    bad_line(r#"{"stream":"a","type":""}"#, "an event type has 1 to 512 bytes, this one has 0");
    let line = format!(r#"{{"stream":"{}","type":"T"}}"#, "x".repeat(1025));
    bad_line(line, "a stream name has 1 to 1024 bytes, this one has 1025");
    let line = format!(r#"{{"stream":"a","type":"{}"}}"#, "é".repeat(257));
    bad_line(line, "an event type has 1 to 512 bytes, this one has 514");
    bad_line(r#"{"stream":"a","type":"T","tags":[""]}"#, "a tag has 1 to 512 bytes, this one has 0");
}

#[test]
fn an_id_that_is_stored_with_other_content() {
    let id = "8fdb3160-2904-56a7-84a5-cbab24cd44c8";
    let place = Place::with(&[GOOD, &format!(r#"{{"stream":"a","type":"T","id":"{id}"}}"#)]);
    let file = place
        .file("more.jsonl", format!("{GOOD}\n{{\"stream\":\"b\",\"type\":\"T\",\"id\":\"{id}\"}}\n{GOOD}\n"));
    let said = place.fails(1, &["import", &file]);
    assert!(said.contains("more.jsonl:2: ") && said.contains(id) && said.contains("position 2"), "{said}");
    assert_eq!(place.ok(&["read"]).len(), 3);

    let run = place.run(&["import", &file, "--skip-invalid"]);
    assert!(run.stderr.contains("more.jsonl:2: "), "{}", run.stderr);
    assert_eq!(run.json()[0]["invalid"], 1);
    assert_eq!(place.ok(&["read"]).len(), 4);
}

#[test]
fn an_id_that_stands_twice_in_a_file() {
    let id = "8fdb3160-2904-56a7-84a5-cbab24cd44c8";
    let one = format!(r#"{{"stream":"a","type":"T","id":"{id}","data":1}}"#);
    let other = format!(r#"{{"stream":"a","type":"T","id":"{id}","data":2}}"#);
    let place = Place::new();
    let file = place.file("same.jsonl", format!("{one}\n{one}\n{GOOD}\n"));
    let summary = place.one(&["import", &file]);
    assert_eq!((&summary["imported"], &summary["skipped"]), (&2.into(), &1.into()));

    let place = Place::new();
    let file = place.file("other.jsonl", format!("{one}\n{GOOD}\n{other}\n{GOOD}\n"));
    let said = place.fails(1, &["import", &file]);
    assert!(said.contains("other.jsonl:3: ") && said.contains("position 1"), "{said}");
    assert_eq!(place.ok(&["read"]).len(), 2);
}

#[test]
fn a_file_that_cannot_be_read() {
    let place = Place::new();
    for name in ["none.jsonl", "."] {
        assert!(place.fails(1, &["import", name]).contains(&format!("cannot read {name}: ")));
        assert!(!place.store().exists());
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, format!("{GOOD}\n").repeat(10_000).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let file = place.file("cut.jsonl.gz", &packed[..packed.len() / 2]);
    assert!(place.fails(1, &["import", &file]).contains("cut.jsonl.gz"));
    assert!(!place.ok(&["read"]).is_empty(), "what could be read is kept");
}
