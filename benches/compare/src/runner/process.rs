//! The programs of the engines, run as processes of their own.

use crate::Outcome;
use crate::measure::Figures;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What the names of the programs begin with.
const PREFIX: &str = "engine-";
/// How long an appender lives after its first append.
const APPENDING: Duration = Duration::from_millis(500);
/// How long a first append may take, opening included.
const FIRST_APPEND: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(5);

/// The engines whose programs lie beside this one.
///
/// # Errors
/// What the system says.
pub fn engines() -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()?)? {
        let name = entry?.file_name();
        let name = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        found.extend(name.filter(|name| !name.contains('.')).map(str::to_owned));
    }
    found.sort();
    Ok(found)
}

fn folder() -> Outcome<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.parent().ok_or("this program lies nowhere")?.to_owned())
}

/// The program of an engine.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// The engine's name.
    pub(super) engine: String,
    path: PathBuf,
}

impl Program {
    /// The program of an engine.
    ///
    /// # Errors
    /// If it was not built.
    pub(super) fn of(engine: &str) -> Outcome<Self> {
        let path = folder()?.join(format!("{PREFIX}{engine}"));
        if !path.exists() {
            return Err(format!("{} was not built", path.display()).into());
        }
        Ok(Program { engine: engine.to_owned(), path })
    }

    /// Where the program lies.
    #[must_use]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Something to start it with, its output to be read.
    #[must_use]
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }
}

/// Runs a program to its end; the figures that it printed.
///
/// # Errors
/// If it fails, prints something else, or takes longer than `patience`.
pub(super) fn figures_of(mut command: Command, patience: Duration) -> Outcome<Figures> {
    let mut child = command.spawn()?;
    wait(&mut child, patience)?;
    let mut printed = String::new();
    child.stdout.take().ok_or("the child has no output")?.read_to_string(&mut printed)?;
    // Some engines print lines of their own.
    let line = printed.lines().rev().find(|line| line.starts_with('{')).ok_or("the child printed nothing")?;
    Ok(serde_json::from_str(line)?)
}

/// Waits until a child has ended well; ends it if that takes too long.
pub(super) fn wait(child: &mut Child, patience: Duration) -> Outcome {
    let begun = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("it ended with {status}").into()),
            None if begun.elapsed() > patience => {
                child.kill()?;
                child.wait()?;
                return Err(format!("it took longer than {} s", patience.as_secs()).into());
            }
            None => thread::sleep(POLL),
        }
    }
}

/// Has an engine append to a data set, and kills it in the middle of that.
pub(super) fn append_and_kill(program: &Program, folder: &Path, events: u64) -> Outcome {
    let mut command = program.command();
    command.arg("append-until-killed").arg(folder).arg(events.to_string());
    let mut child = command.spawn()?;
    let output = child.stdout.take().ok_or("the child has no output")?;
    // Somebody else ends the child if it hangs, which ends the reading.
    let begun = thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        lines.into_iter().any(|line| line == "begun")
    });
    let started = Instant::now();
    while !begun.is_finished() && started.elapsed() < FIRST_APPEND {
        thread::sleep(POLL);
    }
    thread::sleep(APPENDING);
    let ended_by_itself = child.try_wait()?.is_some();
    child.kill()?;
    child.wait()?;
    let begun = begun.join().map_err(|_| "the child's output could not be read")?;
    if !begun || ended_by_itself {
        return Err("the child did not append until it was killed".into());
    }
    Ok(())
}
