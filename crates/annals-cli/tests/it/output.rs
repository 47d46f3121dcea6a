//! What is common to all commands: help, tables, pipes that end early.

use crate::common::{Place, annals, run};
use std::process::{Command, Stdio};

#[test]
fn help_and_version_go_to_standard_output() {
    for args in [&["--help"][..], &["help"], &["help", "read"], &["import", "--help"], &["--version"]] {
        let run = run(annals().args(args));
        assert_eq!(run.status, 0, "{args:?}");
        assert!(run.stdout.contains("annals") && run.stderr.is_empty(), "{args:?}");
    }
    let bare = run(&mut annals());
    assert_eq!((bare.status, bare.stdout.as_str()), (2, ""));
    assert!(bare.stderr.contains("Usage"));
}

#[test]
fn wrong_usage_is_told_in_one_line_with_the_way_out() {
    let said = run(annals().arg("raed")).failed(2);
    assert!(said.contains("raed") && said.contains("read"), "{said}");
    let said = run(annals().args(["append", "--type", "T"])).failed(2);
    assert!(said.contains("--stream"), "{said}");
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = run(annals().args(["completions", shell]));
        assert!(run.status == 0 && run.stdout.contains("annals"), "{shell}");
    }
    run(annals().args(["completions", "tcsh"])).failed(2);
}

#[test]
fn tables_are_aligned_and_show_no_control_characters() {
    let place = Place::with(&[
        r#"{"stream":"a\u001b[2J","type":"T","time":"2024-05-01T00:00:00Z","data":{"n":1}}"#,
        r#"{"stream":"a-long-name","type":"Type","time":"2024-05-01T00:00:00Z"}"#,
    ]);
    let table = place.run(&["read", "--format", "table"]).stdout;
    assert_eq!(
        table,
        "position  stream       version  type  time                  data\n       \
         1  a\\u{1b}[2J         1  T     2024-05-01T00:00:00Z  {\"n\":1}\n       \
         2  a-long-name        1  Type  2024-05-01T00:00:00Z\n"
    );
    for args in [
        &["streams"][..],
        &["types"],
        &["stats"],
        &["state", "--stream", "a-long-name"],
        &["diff", "--stream", "a-long-name", "--from", "0", "--to", "2"],
        &["tail"],
    ] {
        let table = place.run(&[args, &["--format", "table"]].concat());
        assert!(
            table.status == 0 && !table.stdout.is_empty() && !table.stdout.contains('\u{1b}'),
            "{args:?}"
        );
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_command_quietly() {
    let place = Place::new();
    let line = format!("{{\"stream\":\"a\",\"type\":\"T\",\"data\":\"{}\"}}\n", "x".repeat(1000));
    let file = place.file("x.jsonl", line.repeat(2000));
    place.ok(&["import", &file]);
    for command in
        ["read", "export", "tail -n 2000", "read --format table", "import again.jsonl --ack --batch 1"]
    {
        place.file("again.jsonl", line.repeat(100));
        let mut child = Command::new(env!("CARGO_BIN_EXE_annals"))
            .current_dir(place.path(""))
            .arg("--store")
            .arg(place.store())
            .args(command.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.is_empty() || command.starts_with("import"), "{command}: {said}");
    }
    let counted = place.one(&["state", "--stream", "a", "--reduce", "count"]);
    assert_eq!(counted["state"], 2100, "an import goes on without anybody who reads its acknowledgements");
}
