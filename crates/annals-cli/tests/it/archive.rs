//! `archive`: shipped to a directory, shown, and restored from there.

use crate::common::Place;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn lines(from: u64, to: u64) -> String {
    let line =
        |n| format!("{{\"stream\":\"s-{}\",\"type\":\"T\",\"data\":\"<{n}>{}\"}}\n", n % 4, "x".repeat(400));
    (from..to).map(line).collect()
}

fn store() -> (Place, String) {
    let place = Place::new();
    let file = place.file("given.jsonl", lines(0, 60));
    place.ok(&["import", &file, "--batch", "3", "--segment-bytes", "16384"]);
    let url = format!("file://{}", place.path("objects").display());
    (place, url)
}

#[test]
fn a_store_is_shipped_shown_and_restored() {
    let (place, url) = store();
    let shipped = place.one(&["archive", "ship", &url, "--once"]);
    assert_eq!(shipped["position"], 60);
    let more = place.file("more.jsonl", lines(60, 90));
    place.ok(&["import", &more, "--batch", "3"]);
    assert_eq!(place.one(&["archive", "ship", &url, "--once"])["position"], 90);
    let status = place.one(&["archive", "status", &url]);
    assert_eq!((&status["position"], &status["sequence"]), (&90.into(), &4.into()));
    let wanted = place.ok(&["read"]);
    let restored = place.path("restored").to_str().unwrap().to_owned();
    let report = place.one(&["archive", "restore", &url, &restored, "--to", "44"]);
    assert_eq!((&report["position"], &report["backup_position"]), (&42.into(), &90.into()));
    assert_eq!(place.ok(&["read", "--store", &restored]), wanted[..42]);
}

#[test]
fn a_shipper_that_is_killed_at_any_moment_is_followed_by_another() {
    let (place, url) = store();
    let mut shipper = Command::new(env!("CARGO_BIN_EXE_annals"))
        .args(["archive", "ship", &url, "--every", "0", "--store"])
        .arg(place.store())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(shipper.stdout.take().unwrap()).lines();
    let first = said.next().unwrap().unwrap();
    assert!(first.contains("\"position\":60") && first.contains("\"behind_events\":0"), "{first}");
    let more = place.file("more.jsonl", lines(60, 120));
    place.ok(&["import", &more, "--batch", "1"]);
    said.next().unwrap().unwrap();
    shipper.kill().unwrap();
    shipper.wait().unwrap();
    assert_eq!(place.one(&["archive", "ship", &url, "--once"])["position"], 120);
    let restored = place.path("restored").to_str().unwrap().to_owned();
    place.ok(&["archive", "restore", &url, &restored]);
    assert_eq!(place.ok(&["read", "--store", &restored]), place.ok(&["read"]));
}

#[test]
fn what_is_refused_is_told_in_one_line() {
    let (place, url) = store();
    for (said, status, args) in [
        ("nothing was shipped there", 1, vec!["archive", "status", url.as_str()]),
        ("no address of an archive", 1, vec!["archive", "ship", "ftp://x", "--once"]),
        ("unrecognized subcommand", 2, vec!["archive", "send"]),
    ] {
        let line = place.fails(status, &args);
        assert!(line.contains(said), "{args:?}: {line}");
    }
    place.ok(&["archive", "ship", &url, "--once"]);
    let object = std::fs::read_dir(place.path("objects/objects")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&object).unwrap();
    bytes[300] ^= 1;
    std::fs::write(object, bytes).unwrap();
    let line = place.fails(4, &["archive", "restore", &url, "new"]);
    assert!(line.contains("is damaged") && line.contains("log/"), "{line}");
}
