//! `replay` where nobody looks on. How long it waits is the library's; here it waits for nothing, or for ever.

use crate::common::{Place, each};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

/// Three events, an hour between the first and the second.
fn store() -> Place {
    Place::with(&[
        r#"{"stream":"a","type":"T","time":"2024-05-01T00:00:00Z","data":1}"#,
        r#"{"stream":"b","type":"U","time":"2024-05-01T01:00:00Z","data":2}"#,
        r#"{"stream":"a","type":"T","time":"2024-04-01T00:00:00Z","data":3}"#,
    ])
}

#[test]
fn a_replay_shows_what_read_shows() {
    let place = store();
    let read = place.run(&["read"]).stdout;
    for pace in ["--fast", "--speed 1e12", "--longest-wait 0", "--clock recorded --speed 1e12"] {
        let args: Vec<_> = ["replay"].into_iter().chain(pace.split(' ')).collect();
        assert_eq!(place.run(&args).stdout, read, "{pace}");
    }
    let found = place.ok(&["replay", "--fast", "--type", "T", "--as-of", "2024-04-30T00:00:00Z"]);
    assert_eq!(each(&found, "data"), [3]);
    // Neither of these has a time to wait for.
    assert_eq!(place.ok(&["replay", "--stream", "a"]).len(), 2);
}

#[test]
fn a_pace_that_cannot_be_meant_is_refused() {
    let place = store();
    for pace in ["--speed 0", "--speed -1", "--speed nan", "--speed inf", "--speed x", "--longest-wait -1"] {
        let (name, value) = pace.split_once(' ').unwrap();
        place.fails(2, &["replay", &format!("{name}={value}")]);
    }
    place.fails(2, &["replay", "--fast", "--speed", "2"]);
    assert!(place.fails(1, &["replay", "--stream", "never"]).contains("never"));
}

#[cfg(unix)]
#[test]
fn each_event_is_written_when_it_comes_and_an_interrupt_ends_the_wait_for_the_next_one() {
    use std::os::unix::process::ExitStatusExt;
    let place = store();
    let mut child = Command::new(env!("CARGO_BIN_EXE_annals"))
        .arg("--store")
        .arg(place.store())
        .arg("replay")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    assert!(first.ends_with("\"data\":1}\n"), "{first}");
    let interrupt = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(2), "{status}");
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "nothing half written, nothing said");
}
