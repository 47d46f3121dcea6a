//! The tool, run on a store.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The tool with a store to work on.
pub(crate) struct Tool {
    store: PathBuf,
}

impl Tool {
    pub(crate) fn on(store: impl Into<PathBuf>) -> Self {
        Tool { store: store.into() }
    }

    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    /// A command, to be run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_annals"));
        command.env_remove("ANNALS_STORE").arg("--store").arg(&self.store).args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that must succeed; gives what it wrote.
    pub(crate) fn text(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must succeed; gives its lines of JSON.
    pub(crate) fn lines(&self, args: &[&str]) -> Vec<Value> {
        self.text(args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs a command that must succeed with one line of JSON.
    pub(crate) fn one(&self, args: &[&str]) -> Value {
        let mut lines = self.lines(args);
        assert_eq!(lines.len(), 1, "{args:?}: {lines:?}");
        lines.remove(0)
    }

    /// Imports a file that holds nothing bad; gives how many events were appended and how many were there.
    pub(crate) fn import(&self, file: &Path, options: &[&str]) -> (u64, u64) {
        let mut args = vec!["import", file.to_str().unwrap()];
        args.extend(options);
        let summary = self.one(&args);
        assert_eq!(summary["invalid"], 0, "{summary}");
        (number(&summary, "imported"), number(&summary, "skipped"))
    }

    /// Checks that every byte of the store is in order.
    pub(crate) fn must_be_sound(&self) -> Value {
        let report = self.one(&["verify"]);
        assert_eq!(report["ok"], true, "{report}");
        report
    }
}

/// A number by its key.
pub(crate) fn number(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("no number {key} in {object}"))
}

/// A text by its key.
pub(crate) fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_else(|| panic!("no text {key} in {object}"))
}

/// An exported event without what a store gives anew, and nothing else.
pub(crate) fn without_recorded(line: &str) -> (&str, &str) {
    const KEY: &str = r#","recorded":""#;
    let (before, after) = line.split_once(KEY).unwrap();
    (before, after.split_once('"').unwrap().1)
}
