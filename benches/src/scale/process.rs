//! What the system says of this process, and this program run once more in a process of its own.

use super::Outcome;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Stdio};

/// What this process has made the disk do so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskReads {
    /// Bytes that were read from the disk for it.
    pub(crate) bytes: u64,
    /// Page faults that had to wait for the disk.
    pub(crate) major_faults: u64,
}

impl DiskReads {
    /// What it is now.
    pub(crate) fn now() -> Outcome<Self> {
        let io = fs::read_to_string("/proc/self/io")?;
        let bytes = io.lines().find_map(|line| line.strip_prefix("read_bytes: "));
        let stat = fs::read_to_string("/proc/self/stat")?;
        // The name of the program, in brackets, may have blanks; major faults are the tenth field behind it.
        let faults = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(9));
        Ok(DiskReads {
            bytes: bytes.ok_or("/proc/self/io has no read_bytes")?.trim().parse()?,
            major_faults: faults.ok_or("/proc/self/stat is too short")?.parse()?,
        })
    }

    /// What was read since.
    pub(crate) fn since(self, before: DiskReads) -> DiskReads {
        DiskReads { bytes: self.bytes - before.bytes, major_faults: self.major_faults - before.major_faults }
    }
}

/// This program with other arguments, its output to be read.
pub(crate) fn again<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    Ok(command)
}

/// Runs it to its end; the figures that it printed, a name and a number in each line.
pub(crate) fn figures_of(mut command: Command) -> Outcome<BTreeMap<String, f64>> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the child ended with {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let figure = |line: &str| -> Outcome<(String, f64)> {
        let (name, number) = line.split_once(' ').ok_or("the child printed no figure")?;
        Ok((name.to_owned(), number.parse()?))
    };
    text.lines().map(figure).collect()
}
