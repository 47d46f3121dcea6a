//! `tail`, also while another process writes.

use crate::common::{Place, each};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn store() -> Place {
    let lines: Vec<_> =
        (1..=12).map(|n| format!(r#"{{"stream":"s-{}","type":"T","data":{n}}}"#, n % 2)).collect();
    Place::with(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn the_newest_events_come_in_their_order() {
    let place = store();
    assert_eq!(each(&place.ok(&["tail", "-n", "2"]), "data"), [11, 12]);
    assert_eq!(each(&place.ok(&["tail"]), "data").len(), 10);
    assert_eq!(each(&place.ok(&["tail", "-n", "2", "--stream", "s-1"]), "data"), [9, 11]);
    assert_eq!(each(&place.ok(&["tail", "-n", "2", "--as-of", "7"]), "data"), [6, 7]);
    assert_eq!(each(&place.ok(&["tail", "-n", "99"]), "data").len(), 12);
    assert_eq!(each(&place.ok(&["tail", "-n", "5", "--from", "11"]), "data"), [11, 12]);
    assert!(place.ok(&["tail", "-n", "0"]).is_empty());
    place.fails(1, &["tail", "--stream", "never"]);
}

#[test]
fn what_has_an_end_cannot_be_followed() {
    let place = store();
    for end in [["--to", "3"], ["--as-of", "3"], ["--until", "2024-05-01T00:00:00Z"]] {
        place.fails(2, &["tail", "-f", end[0], end[1]]);
    }
}

#[test]
fn events_of_another_process_are_shown_as_they_come() {
    let place = store();
    let mut follower = Command::new(env!("CARGO_BIN_EXE_annals"))
        .arg("--store")
        .arg(place.store())
        .args(["tail", "-f", "-n", "1", "--stream", "s-1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["data"], 11);
    for data in ["100", "101"] {
        place.ok(&["append", "--stream", "s-0", "--type", "T", "--data", "0"]);
        place.ok(&["append", "--stream", "s-1", "--type", "T", "--data", data]);
        assert_eq!(next()["data"].to_string(), data);
    }
    follower.kill().unwrap();
    follower.wait().unwrap();
}
