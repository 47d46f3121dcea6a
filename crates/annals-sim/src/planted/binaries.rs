//! The test binaries of the crates, built so that bugs can be planted in them.

use super::build::build_command;
use anyhow::Context;
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the test binaries are, by package and target.
pub(super) struct Binaries {
    tests: HashMap<(String, String), PathBuf>,
    /// This program.
    pub(super) own: PathBuf,
}

impl Binaries {
    /// Builds them into `planted` in the target directory of this program, if it does not lie there itself.
    pub(super) fn build() -> anyhow::Result<Self> {
        // First: cargo may put a new file in the place of this program's.
        let own = std::env::current_exe().context("find this program")?;
        let target = own.ancestors().nth(2).context("find the target directory")?;
        let target = if target.ends_with("planted") { target.into() } else { target.join("planted") };
        let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
        let output = build_command(cargo, &target)
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()
            .context("run cargo")?;
        anyhow::ensure!(output.status.success(), "the tests cannot be built");
        let messages = String::from_utf8(output.stdout).context("read what cargo says")?;
        Ok(Binaries { tests: messages.lines().filter_map(test_binary).collect(), own })
    }

    /// The tests of a package: `lib` for its unit tests, otherwise the name of a file or folder in `tests`.
    pub(super) fn tests(&self, package: &str, target: &str) -> anyhow::Result<Command> {
        let found = self.tests.get(&(package.into(), target.into()));
        let mut command = Command::new(found.with_context(|| format!("{package} has no tests {target}"))?);
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(package));
        Ok(command)
    }
}

/// Package, target and file of the test binary that a message of cargo is about, if it is about one.
fn test_binary(message: &str) -> Option<((String, String), PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let package = Path::new(message["manifest_path"].as_str()?).parent()?.file_name()?.to_str()?;
    let target = match message["target"]["kind"][0].as_str()? {
        "lib" => "lib",
        "test" => message["target"]["name"].as_str()?,
        _ => return None,
    };
    Some(((package.into(), target.into()), message["executable"].as_str()?.into()))
}
