//! The crash: another process appends, is killed in the middle of it, and the store is opened again.

use super::head;
use crate::output::Out;
use annals::{Position, Store};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The writer is killed after so many acknowledged batches, or after this time.
const BATCHES: usize = 200;
const TIME_MAX: Duration = Duration::from_secs(2);

pub(super) fn show(out: &mut Out, dir: &Path) -> Result<()> {
    head(out, "5. A second process appends card payments and is killed (SIGKILL) in the middle of it")?;
    let mut child = start(dir)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let acks = match (stdin, stdout) {
        (Some(stdin), Some(stdout)) => {
            thread::spawn(move || feed(stdin));
            acks_until_killed(&mut child, stdout)?
        }
        _ => bail!("the second process has no pipes"),
    };
    child.wait().context("cannot wait for the second process")?;

    let began = Instant::now();
    let store = Store::open(dir)?;
    let took = began.elapsed();
    check(out, &store, &acks)?;
    out.line(format_args!("Opened again in {:.1} ms; {}.", took.as_secs_f64() * 1e3, recovered(&store)))?;
    Ok(store.close()?)
}

/// What the recovery found, as a part of a sentence.
fn recovered(store: &Store) -> String {
    let report = store.recovery().to_string();
    format!("recovery says: {}", report.trim_end_matches('.'))
}

/// Starts this very program as an import that acknowledges each batch.
fn start(dir: &Path) -> Result<Child> {
    let program = std::env::current_exe().context("cannot find this program")?;
    Command::new(program)
        .arg("--store")
        .arg(dir)
        .args(["import", "-", "--ack", "--batch", "5"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start a second process")
}

/// Gives the second process payments until it is gone.
fn feed(mut stdin: ChildStdin) {
    for number in 1.. {
        let line = format!(
            "{{\"stream\":\"terminal-7\",\"type\":\"CardPaid\",\"tags\":[\"shop:7\"],\"data\":{{\"payment\":{number},\"cents\":{}}}}}\n",
            100 + number * 37 % 9900
        );
        if stdin.write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads acknowledgements (first and last position), kills the process, and reads those still on their way.
fn acks_until_killed(child: &mut Child, stdout: ChildStdout) -> Result<Vec<(u64, u64)>> {
    let began = Instant::now();
    let mut acks = Vec::new();
    let mut killed = false;
    for line in BufReader::new(stdout).lines() {
        let line = line.context("cannot read from the second process")?;
        acks.extend(parse(&line));
        if !killed && (acks.len() >= BATCHES || began.elapsed() > TIME_MAX) {
            child.kill().context("cannot kill the second process")?;
            killed = true;
        }
    }
    if !killed {
        bail!("the second process ended by itself");
    }
    Ok(acks)
}

fn parse(line: &str) -> Option<(u64, u64)> {
    let (first, last) = line.strip_prefix("ACK ")?.split_once(' ')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// Looks for every acknowledged event.
fn check(out: &mut Out, store: &Store, acks: &[(u64, u64)]) -> Result<()> {
    let view = store.view();
    let mut acknowledged = 0;
    for position in acks.iter().flat_map(|(first, last)| *first..=*last) {
        if view.event_at(Position::new(position))?.is_none() {
            bail!("the event at position {position} was acknowledged and is not there");
        }
        acknowledged += 1;
    }
    let there = view.stream("terminal-7")?.map_or(0, |stream| stream.events);
    out.line(format_args!(
        "{acknowledged} payments were acknowledged before the kill, and all of them are there ({there} in all)."
    ))
}
