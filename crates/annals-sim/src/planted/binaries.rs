//! The test binaries of the workspace, in which bugs can be planted.

use anyhow::Context;
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the test binaries are, by package and target.
pub(super) struct Binaries {
    tests: HashMap<(String, String), PathBuf>,
    /// This program, in the same build as they.
    pub(super) own: PathBuf,
}

impl Binaries {
    /// Builds them, where this program lies. All tests of the workspace at once, as they are built for every change: then they are
    /// there already. Built in parts they would have other features in each of them, and no bugs without the tests of this crate.
    pub(super) fn build() -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("find this program")?;
        let target = own.ancestors().nth(2).context("find the target directory")?;
        let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
            .args(["test", "--workspace", "--no-run", "--quiet", "--message-format=json-render-diagnostics"])
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .output()
            .context("run cargo")?;
        anyhow::ensure!(output.status.success(), "the tests cannot be built");
        let messages = String::from_utf8(output.stdout).context("read what cargo says")?;
        let artifacts: Vec<_> = messages.lines().filter_map(Artifact::of).collect();
        let own = artifacts.iter().find(|artifact| artifact.is_own()).context("find this program there")?;
        let own = own.file.clone();
        let tests = artifacts.into_iter().filter(|artifact| artifact.is_test);
        let tests = tests.map(|test| ((test.package, test.target), test.file)).collect();
        Ok(Binaries { tests, own })
    }

    /// The tests of a package: `lib` for its unit tests, otherwise the name of a file or folder in `tests`.
    pub(super) fn tests(&self, package: &str, target: &str) -> anyhow::Result<Command> {
        let found = self.tests.get(&(package.into(), target.into()));
        let mut command = Command::new(found.with_context(|| format!("{package} has no tests {target}"))?);
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(package));
        Ok(command)
    }
}

/// A program that cargo has built.
struct Artifact {
    package: String,
    target: String,
    is_test: bool,
    file: PathBuf,
}

impl Artifact {
    /// What a message of cargo is about, if it is about one of the programs that are of use here.
    fn of(message: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(message).ok()?;
        if message["reason"] != "compiler-artifact" {
            return None;
        }
        let package = Path::new(message["manifest_path"].as_str()?).parent()?.file_name()?.to_str()?.into();
        let (name, is_test) = (message["target"]["name"].as_str()?, message["profile"]["test"] == true);
        let target = match message["target"]["kind"][0].as_str()? {
            "lib" if is_test => "lib",
            "test" if is_test => name,
            "bin" if !is_test => name,
            _ => return None,
        };
        let file = message["executable"].as_str()?.into();
        Some(Artifact { package, target: target.into(), is_test, file })
    }

    fn is_own(&self) -> bool {
        !self.is_test && (&*self.package, &*self.target) == ("annals-sim", "annals-sim")
    }
}
