//! `import`: what goes in, in which order, and how often.

use crate::common::{Place, Run, each, run};
use serde_json::Value;
use std::io::Write;

fn events(streams: usize, events: usize) -> String {
    let line = |n: usize| format!("{{\"stream\":\"s-{}\",\"type\":\"T\",\"data\":{n}}}\n", n % streams);
    (0..events).map(line).collect()
}

fn counts(summary: &Value) -> (u64, u64, u64) {
    let count = |key: &str| summary[key].as_u64().unwrap();
    (count("imported"), count("skipped"), count("invalid"))
}

#[test]
fn an_import_keeps_the_order_of_the_file_and_tells_what_it_did() {
    let place = Place::new();
    let file = place.file("x.jsonl", events(7, 2500));
    let summary = place.one(&["import", &file]);
    assert_eq!(counts(&summary), (2500, 0, 0));
    assert!(summary["events_per_second"].as_u64().is_some());
    let data: Vec<_> = place.ok(&["read"]).iter().map(|event| event["data"].as_u64().unwrap()).collect();
    assert_eq!(data, (0..2500).collect::<Vec<_>>());
}

#[test]
fn a_repeated_import_adds_nothing_whatever_the_batches() {
    let place = Place::new();
    let file = place.file("x.jsonl", events(7, 100));
    place.ok(&["import", &file]);
    for batch in ["1000", "7", "1"] {
        assert_eq!(counts(&place.one(&["import", &file, "--batch", batch])), (0, 100, 0));
    }
    assert_eq!(counts(&place.one(&["import", &file, "--writers", "3"])), (0, 100, 0));
    assert_eq!(place.ok(&["read"]).len(), 100);
}

#[test]
fn an_import_that_was_broken_off_is_completed() {
    let place = Place::new();
    let all = events(7, 100);
    let part: String = all.lines().take(33).map(|line| format!("{line}\n")).collect();
    let file = place.file("x.jsonl", part);
    assert_eq!(counts(&place.one(&["import", &file])), (33, 0, 0));
    place.file("x.jsonl", all);
    assert_eq!(counts(&place.one(&["import", &file, "--batch", "50"])), (67, 33, 0));
}

/// It ended with "the event at position 1 is hidden by a rule of retention".
#[test]
fn an_import_is_completed_also_where_a_rule_hides_what_is_there() {
    let place = Place::new();
    let all = events(7, 100);
    let part: String = all.lines().take(33).map(|line| format!("{line}\n")).collect();
    let given = |number: u32| {
        format!(
            "{{\"stream\":\"g\",\"type\":\"T\",\"data\":{number},\"id\":\"0190e1f0-0000-7000-8000-00000000000{number}\"}}\n"
        )
    };
    let file = place.file("x.jsonl", part);
    let other = place.file("y.jsonl", given(1) + &given(2));
    place.ok(&["import", &file]);
    place.ok(&["import", &other]);
    place.ok(&["retention", "set", "--all", "--max-count", "1"]);
    place.file("x.jsonl", all);
    assert_eq!(counts(&place.one(&["import", &file, "--batch", "50"])), (67, 33, 0));
    assert_eq!(place.ok(&["read", "--category", "s"]).len(), 7);
    // Other content under the id of a hidden event is told as ever.
    place.file("y.jsonl", given(1).replace("\"data\":1", "\"data\":9") + &given(3));
    let run = place.run(&["import", &other, "--skip-invalid"]);
    assert!(run.stderr.contains("is stored already with other content, at position 34"), "{}", run.stderr);
    assert_eq!(place.ok(&["read", "--category", "g"])[0]["data"], 3);
}

#[test]
fn several_writers_keep_the_order_of_each_stream() {
    let place = Place::new();
    let file = place.file("x.jsonl", events(20, 2000));
    assert_eq!(counts(&place.one(&["import", &file, "--writers", "4", "--batch", "10"])), (2000, 0, 0));
    for stream in 0..20 {
        let read = place.ok(&["read", "--stream", &format!("s-{stream}")]);
        let data: Vec<_> = read.iter().map(|event| event["data"].as_u64().unwrap()).collect();
        assert_eq!(data, (0..100).map(|n| n * 20 + stream).collect::<Vec<_>>());
    }
}

#[test]
fn what_stands_before_a_bad_line_is_kept_with_several_writers_too() {
    let place = Place::new();
    let file = place.file("x.jsonl", events(20, 500) + "{}\n" + &events(1, 10));
    let said = place.fails(1, &["import", &file, "--writers", "4", "--batch", "30"]);
    assert!(said.contains("x.jsonl:501: "), "{said}");
    assert_eq!(place.ok(&["read"]).len(), 500);
}

#[test]
fn acknowledgements_are_all_that_is_written_to_standard_output() {
    let place = Place::new();
    let file = place.file("x.jsonl", events(3, 25));
    let Run { status, stdout, stderr } = place.run(&["import", &file, "--ack", "--batch", "10"]);
    assert_eq!(status, 0);
    assert_eq!(stdout, "ACK 1 10\nACK 11 20\nACK 21 25\n");
    assert_eq!(counts(&serde_json::from_str(&stderr).unwrap()), (25, 0, 0));
    assert_eq!(place.run(&["import", &file, "--ack"]).stdout, "");
}

#[test]
fn packed_files_and_standard_input_are_read_as_well() {
    let plain = events(3, 30);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(plain.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(plain.as_bytes(), 3).unwrap();

    let place = Place::new();
    for (name, content) in [("a.jsonl.gz", &gzip), ("b.jsonl.zst", &zstd)] {
        let file = place.file(name, content);
        assert_eq!(counts(&place.one(&["import", &file])), (30, 0, 0));
    }
    assert_eq!(counts(&place.one(&["import", &place.file("a.jsonl", &plain)])), (0, 30, 0), "the same ids");
    let piped = run(place.command(&["import", "-"]).write_stdin(gzip)).json();
    assert_eq!(counts(&piped[0]), (30, 0, 0));
    let piped = run(place.command(&["import", "-"]).write_stdin(zstd)).json();
    assert_eq!(counts(&piped[0]), (0, 30, 0));
}

#[test]
fn marks_line_breaks_and_blank_lines_of_other_systems_do_no_harm() {
    let place = Place::new();
    let content = "\u{feff}{\"stream\":\"a\",\"type\":\"T\"}\r\n\r\n   \n{\"stream\":\"a\",\"type\":\"T\"}";
    let file = place.file("x.jsonl", content);
    assert_eq!(counts(&place.one(&["import", &file])), (2, 0, 0));
    let empty = place.file("empty.jsonl", "");
    assert_eq!(counts(&place.one(&["import", &empty])), (0, 0, 0));
}

#[test]
fn new_ids_are_random_and_given_ids_stay() {
    let place = Place::new();
    let id = "8fdb3160-2904-56a7-84a5-cbab24cd44c8";
    let line = r#"{"stream":"a","type":"T"}"#;
    let file =
        place.file("x.jsonl", format!("{line}\n{{\"stream\":\"a\",\"type\":\"T\",\"id\":\"{id}\"}}\n"));
    assert_eq!(counts(&place.one(&["import", &file, "--new-ids"])), (2, 0, 0));
    assert_eq!(counts(&place.one(&["import", &file, "--new-ids"])), (1, 1, 0));
    let read = place.ok(&["read"]);
    let ids = each(&read, "id");
    assert_eq!(ids[1], id);
    assert_ne!(ids[0], ids[2]);
}

#[test]
fn numbers_and_blanks_of_the_data_are_kept() {
    let place = Place::new();
    let data = r#"{ "a" : 12345678901234567890.12300 , "b":1E400,"c":"\u0041","d":-0.0 }"#;
    place.import(&[&format!(r#"{{"stream":"a","type":"T","data":{data},"metadata": [ 1.0 ]}}"#)]);
    let line = place.run(&["read"]).stdout;
    assert!(line.contains(&format!(r#""data":{data},"metadata":[ 1.0 ]}}"#)), "{line}");
}

#[test]
fn events_as_large_as_they_may_be_are_taken() {
    let place = Place::new();
    let large = format!(r#"{{"stream":"a","type":"T","data":"{}"}}"#, "x".repeat((64 << 20) - 2));
    let file = place.file("x.jsonl", &large);
    assert_eq!(counts(&place.one(&["import", &file])), (1, 0, 0));
    let file = place.file("y.jsonl", large.replacen('x', "xx", 1));
    assert!(
        place.fails(1, &["import", &file]).contains("y.jsonl:1: an event has at most 67108864 bytes of data")
    );
    assert_eq!(place.one(&["state", "--stream", "a", "--reduce", "count"])["state"], 1);
}
