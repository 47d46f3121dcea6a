//! A suite in a process of its own, with a limit to its time.

use annals_types::planted::Bug;
use anyhow::Context;
use std::io::{Read, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A suite that takes longer hangs: those that are run here take seconds.
const HANGS: Duration = Duration::from_secs(60);
/// How often a process is asked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

/// How a suite ended.
pub(super) struct Ending {
    /// `None` if it passed, otherwise how it failed.
    pub(super) failed: Option<String>,
    /// Everything that it printed.
    pub(super) output: String,
}

/// Runs a suite with a bug planted, or with none.
pub(super) fn run_child(command: &mut Command, bug: Option<Bug>) -> anyhow::Result<Ending> {
    let mut output = tempfile::tempfile().context("make a temporary file")?;
    let (to, also) = (output.try_clone()?, output.try_clone()?);
    command.stdin(Stdio::null()).stdout(to).stderr(also).env_remove("ANNALS_PLANTED");
    if let Some(bug) = bug {
        command.env("ANNALS_PLANTED", bug.name());
    }
    let mut child = command.spawn().with_context(|| format!("run {}", command.get_program().display()))?;
    let begun = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break Some(status),
            None if begun.elapsed() < HANGS => std::thread::sleep(LOOK),
            None => {
                child.kill()?;
                child.wait()?;
                break None;
            }
        }
    };
    let mut printed = Vec::new();
    output.rewind()?;
    output.read_to_end(&mut printed)?;
    let failed = match status {
        None => Some(format!("hangs for {} s", HANGS.as_secs())),
        Some(status) if status.success() => None,
        Some(status) => Some(how(status)),
    };
    Ok(Ending { failed, output: String::from_utf8_lossy(&printed).into_owned() })
}

fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(1 | 101) => "fails".into(),
        _ => status.to_string(),
    }
}
