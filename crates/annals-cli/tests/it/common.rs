//! A directory with a store, and ways to run the tool on it.

use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory of its own for one test.
pub(crate) struct Place {
    dir: TempDir,
}

/// What a run of the tool left.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    /// One with a store that has these events.
    pub(crate) fn with(events: &[&str]) -> Self {
        let place = Place::new();
        let file = place.file("given.jsonl", events.join("\n"));
        place.ok(&["import", &file]);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The tool on the store, to be run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = annals();
        command.current_dir(self.dir.path()).arg("--store").arg(self.store()).args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        run(&mut self.command(args))
    }

    /// Runs a command that must succeed; gives its lines of JSON.
    pub(crate) fn ok(&self, args: &[&str]) -> Vec<Value> {
        let run = self.run(args);
        assert_eq!(run.status, 0, "{args:?}: {}", run.stderr);
        run.json()
    }

    /// Runs a command that must succeed with one line of JSON.
    pub(crate) fn one(&self, args: &[&str]) -> Value {
        let mut lines = self.ok(args);
        assert_eq!(lines.len(), 1, "{args:?}: {lines:?}");
        lines.remove(0)
    }

    /// Runs a command that must fail with this status; gives the one line that it says.
    pub(crate) fn fails(&self, status: i32, args: &[&str]) -> String {
        self.run(args).failed(status)
    }

    /// Appends one event from its JSON.
    pub(crate) fn import(&self, events: &[&str]) -> Value {
        let mut command = self.command(&["import", "-", "--new-ids"]);
        run(command.write_stdin(events.join("\n"))).json().remove(0)
    }
}

impl Run {
    pub(crate) fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Checks that it failed with this status and said why in one line.
    pub(crate) fn failed(self, status: i32) -> String {
        assert_eq!(self.status, status, "{}{}", self.stdout, self.stderr);
        assert!(self.stderr.starts_with("annals: "), "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        self.stderr
    }
}

/// The tool without a store.
pub(crate) fn annals() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_annals"));
    command.env_remove("ANNALS_STORE");
    command
}

pub(crate) fn run(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The values of one key.
pub(crate) fn each<'a>(events: &'a [Value], key: &str) -> Vec<&'a Value> {
    events.iter().map(|event| &event[key]).collect()
}

/// The names in a directory.
pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
