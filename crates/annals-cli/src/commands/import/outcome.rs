//! What an import has done so far: counts, acknowledgements, the first failure. Shared by its threads.

use crate::output::{Facts, note};
use annals::Position;
use anyhow::{Error, Result};
use indicatif::ProgressBar;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A line that cannot be taken.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub(crate) struct BadLine {
    pub(crate) file: String,
    pub(crate) line: u64,
    pub(crate) what: String,
}

/// A bad line that ended the import.
#[derive(Debug, thiserror::Error)]
#[error("{0}; what stands before it is imported: mend the line or use --skip-invalid, and import again")]
pub(crate) struct Stopped(BadLine);

/// Counts and the first failure.
pub(crate) struct Tally {
    imported: AtomicU64,
    skipped: AtomicU64,
    invalid: AtomicU64,
    skip_invalid: bool,
    acks: Acks,
    bar: ProgressBar,
    stopped: AtomicBool,
    failure: Mutex<Option<Failure>>,
}

struct Failure {
    line: u64,
    error: Error,
}

impl Tally {
    pub(crate) fn new(acks: Acks, skip_invalid: bool, bar: ProgressBar) -> Self {
        Tally {
            imported: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            invalid: AtomicU64::new(0),
            skip_invalid,
            acks,
            bar,
            stopped: AtomicBool::new(false),
            failure: Mutex::new(None),
        }
    }

    pub(crate) fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    pub(crate) fn skips_invalid(&self) -> bool {
        self.skip_invalid
    }

    /// Events were appended and are durable.
    pub(crate) fn appended(&self, first: Position, last: Position) {
        self.imported.fetch_add(last.events_since(first.previous()), Ordering::Relaxed);
        self.acks.print(first, last);
    }

    /// Events were there already.
    pub(crate) fn skipped(&self, events: usize) {
        self.skipped.fetch_add(events as u64, Ordering::Relaxed);
    }

    /// A line cannot be taken: it ends the import unless such lines are to be skipped.
    ///
    /// # Errors
    /// The bad line, if it ends the import.
    pub(crate) fn invalid(&self, bad: BadLine) -> Result<(), Stopped> {
        if !self.skip_invalid {
            return Err(Stopped(bad));
        }
        self.invalid.fetch_add(1, Ordering::Relaxed);
        self.bar.suspend(|| note(format_args!("annals: skipped: {bad}")));
        Ok(())
    }

    /// The import ends at a line. If several threads fail, the earliest line counts.
    pub(crate) fn fail(&self, line: u64, error: Error) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.as_ref().is_none_or(|earlier| line < earlier.line) {
            *failure = Some(Failure { line, error });
        }
        self.stopped.store(true, Ordering::Release);
    }

    /// Whether some thread has failed.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// The failure, if there was one.
    pub(crate) fn first_failure(&self) -> Result<()> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(failure) => Err(failure.error),
            None => Ok(()),
        }
    }

    /// The summary.
    pub(crate) fn facts(&self, took: Duration) -> Facts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (imported, skipped, invalid) =
            (count(&self.imported), count(&self.skipped), count(&self.invalid));
        let rate = (imported + skipped) as f64 / took.as_secs_f64().max(1e-9);
        Facts::new()
            .number("imported", imported)
            .number("skipped", skipped)
            .number("invalid", invalid)
            .number("seconds", format_args!("{:.3}", took.as_secs_f64()))
            .number("events_per_second", format_args!("{rate:.0}"))
    }
}

/// Acknowledgements on standard output.
pub(crate) struct Acks {
    wanted: AtomicBool,
}

impl Acks {
    pub(crate) fn new(wanted: bool) -> Self {
        Acks { wanted: AtomicBool::new(wanted) }
    }

    /// Prints one, in one write. When nobody reads them any more the import goes on without.
    fn print(&self, first: Position, last: Position) {
        if !self.wanted.load(Ordering::Relaxed) {
            return;
        }
        let line = format!("ACK {first} {last}\n");
        let mut stdout = io::stdout().lock();
        if stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            self.wanted.store(false, Ordering::Relaxed);
        }
    }
}
