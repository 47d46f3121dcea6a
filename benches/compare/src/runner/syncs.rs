//! Whether an engine syncs before it acknowledges: its system calls between two acknowledgements, as strace sees them.

use super::process::{Program, wait};
use crate::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const APPENDS: u64 = 200;
const CALLS: &str =
    "fsync,fdatasync,sync_file_range,msync,write,writev,pwrite64,pwritev,pwritev2,openat,io_uring_enter";
const PATIENCE: Duration = Duration::from_secs(120);

/// What an engine did for its appends.
#[derive(Debug, Default)]
pub struct Syncs {
    /// How many appends it acknowledged.
    pub acknowledged: u64,
    /// How many of them only after a sync had ended, or a write to a file that was opened to be written synchronously.
    pub synced_before: u64,
    /// How often each call was made.
    pub calls: BTreeMap<String, u64>,
}

/// Traces an engine while it appends single events in an empty folder.
///
/// # Errors
/// If there is no strace, or the engine fails.
pub fn syncs(engine: &str, folder: &Path) -> Outcome<Syncs> {
    let program = Program::of(engine)?;
    let (store, trace) = (folder.join("traced"), folder.join("trace"));
    if store.exists() {
        fs::remove_dir_all(&store)?;
    }
    fs::create_dir_all(&store)?;
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", &format!("trace={CALLS}"), "-o"]).arg(&trace).arg(program.path());
    command.arg("acknowledge").arg(&store).arg(APPENDS.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    wait(&mut command.spawn().map_err(|error| format!("strace: {error}"))?, PATIENCE)?;
    let syncs = read(&fs::read_to_string(&trace)?);
    fs::remove_dir_all(store)?;
    fs::remove_file(trace)?;
    Ok(syncs)
}

/// Reads a trace: lines of a thread's number, and a call, the beginning of one, or the end of one.
fn read(trace: &str) -> Syncs {
    let (mut syncs, mut begun, mut synced) = (Syncs::default(), false, false);
    let mut synchronous = BTreeSet::new();
    // The descriptors of writes that have not ended, by thread.
    let mut pending = BTreeMap::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(char::is_whitespace) else { continue };
        let call = call.trim_start();
        if call.starts_with("write(1, \"begin") {
            begun = true;
            continue;
        }
        if call.starts_with("write(1, \"ack") {
            syncs.acknowledged += 1;
            syncs.synced_before += u64::from(synced);
            synced = false;
            continue;
        }
        let resumed = call.strip_prefix("<... ").and_then(|call| call.split_once(' '));
        let (name, rest) = resumed.or_else(|| call.split_once('(')).unwrap_or((call, ""));
        let ended = !call.contains("<unfinished");
        if name == "openat" {
            let descriptor = call.rsplit("= ").next().unwrap_or_default();
            if call.contains("O_DSYNC") || call.contains("O_SYNC") {
                synchronous.insert(descriptor.to_owned());
            } else if ended && resumed.is_none() {
                synchronous.remove(descriptor);
            }
            continue;
        }
        let descriptor = match resumed {
            Some(_) => pending.remove(thread).unwrap_or_default(),
            None => rest.split([',', ')', ' ']).next().unwrap_or_default().to_owned(),
        };
        if begun && resumed.is_none() && syncs.acknowledged < APPENDS {
            *syncs.calls.entry(name.to_owned()).or_default() += 1;
        }
        if !ended {
            pending.insert(thread.to_owned(), descriptor);
        } else if matches!(name, "fsync" | "fdatasync" | "msync")
            || (name != "sync_file_range" && synchronous.contains(&descriptor))
        {
            synced = true;
        }
    }
    syncs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_counts_as_synced_only_behind_a_sync_that_has_ended() {
        let trace = "7 write(1, \"begin\\n\", 6) = 6\n\
            7 pwrite64(3, \"a\", 1, 0) = 1\n\
            7 fdatasync(3) = 0\n\
            7 write(1, \"ack\\n\", 4) = 4\n\
            8 fdatasync(3 <unfinished ...>\n\
            7 write(1, \"ack\\n\", 4) = 4\n\
            8 <... fdatasync resumed>) = 0\n\
            7 write(1, \"ack\\n\", 4) = 4\n\
            7 sync_file_range(3, 0, 0, 0) = 0\n\
            7 write(1, \"ack\\n\", 4) = 4\n";
        let syncs = read(trace);
        assert_eq!((syncs.acknowledged, syncs.synced_before), (4, 2));
        assert_eq!((syncs.calls["fdatasync"], syncs.calls["pwrite64"]), (2, 1));
    }

    #[test]
    fn a_write_to_a_synchronous_file_is_a_sync() {
        let trace = "7 openat(AT_FDCWD, \"log\", O_RDWR|O_CREAT|O_DIRECT|O_DSYNC, 0666) = 5\n\
            7 write(1, \"begin\\n\", 6) = 6\n\
            7 pwrite64(5, \"a\", 1, 0) = 1\n\
            7 write(1, \"ack\\n\", 4) = 4\n\
            7 pwrite64(6, \"a\", 1, 0) = 1\n\
            7 write(1, \"ack\\n\", 4) = 4\n";
        let syncs = read(trace);
        assert_eq!((syncs.acknowledged, syncs.synced_before), (2, 1));
    }
}
