//! Where the engines work: empty folders, and data sets that are written once.

use super::process::{Program, figures_of};
use crate::Outcome;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long writing a million events of a data set may take; ten million get twice as long.
const LOADING: Duration = Duration::from_secs(120);

/// The folders below one.
#[derive(Debug)]
pub(super) struct Places(PathBuf);

impl Places {
    /// The places below a folder.
    pub(super) fn new(folder: &Path) -> Self {
        Places(folder.to_owned())
    }

    /// An empty folder.
    pub(super) fn fresh(&self) -> Outcome<PathBuf> {
        let folder = self.0.join("fresh");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The folder of a data set that was written.
    pub(super) fn loaded(&self, engine: &str, events: u64, opened: bool) -> Outcome<PathBuf> {
        let folder = self.folder(engine, events, opened);
        if done(&folder).exists() { Ok(folder) } else { Err("it has no data set".into()) }
    }

    /// Has a data set written, unless it is there; `opened` if it is to be opened, and appended to.
    pub(super) fn data_set(&self, program: &Program, events: u64, opened: bool) -> Outcome {
        let folder = self.folder(&program.engine, events, opened);
        let (done, failed) = (done(&folder), folder.with_extension("failed"));
        if done.exists() {
            return Ok(());
        }
        if failed.exists() {
            return Err(format!("it failed before, see {}", failed.display()).into());
        }
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        eprintln!("writing {}", folder.display());
        if let Err(error) = self.write(program, events, &folder) {
            fs::remove_dir_all(&folder)?;
            fs::write(failed, error.to_string())?;
            return Err(error);
        }
        fs::write(done, "")?;
        // What was written is not to be on its way to the disk while something is measured.
        Command::new("sync").status()?;
        Ok(())
    }

    /// Has it written by the engine, or takes a copy of one that is only read.
    fn write(&self, program: &Program, events: u64, folder: &Path) -> Outcome {
        if let Ok(read) = self.loaded(&program.engine, events, false) {
            return copy(&read, folder);
        }
        fs::create_dir_all(folder)?;
        let mut command = program.command();
        command.arg("load").arg(folder).arg(events.to_string());
        figures_of(command, LOADING * if events > 1_000_000 { 2 } else { 1 }).map(|_| ())
    }

    fn folder(&self, engine: &str, events: u64, opened: bool) -> PathBuf {
        self.0.join(format!("{engine}-{}-{events}", if opened { "opened" } else { "read" }))
    }
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copied = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &copied)?;
        } else {
            fs::copy(entry.path(), copied)?;
        }
    }
    Ok(())
}

/// The file beside a data set that says that it is whole.
fn done(folder: &Path) -> PathBuf {
    folder.with_extension("done")
}
