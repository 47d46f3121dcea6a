//! A short look at throughput, in a store of its own that is removed again.

use super::head;
use crate::output::Out;
use annals::{Batch, Expected, NewEvent, Store};
use anyhow::{Context, Result};
use indicatif::HumanCount;
use std::path::Path;
use std::time::{Duration, Instant};

const TIME: Duration = Duration::from_secs(1);
const BATCH_EVENTS: u64 = 1000;
const DATA: &str =
    r#"{"cents":1250,"currency":"EUR","card":"debit","terminal":7,"note":"two teas and a cup"}"#;

pub(super) fn show(out: &mut Out, dir: &Path) -> Result<()> {
    head(out, "6. How fast it is here: one thread, every append on disk before it returns")?;
    // Beside the demo's store, so that it lies on the same disk.
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let scratch = tempfile::tempdir_in(parent).context("cannot make a directory to measure in")?;
    let store = Store::open(scratch.path().join("store"))?;
    let single = rate(|| append_one(&store))?;
    let batched = rate(|| append_many(&store))?;
    store.close()?;
    out.line(format_args!("{:>12} events/s  one event per append", HumanCount(single).to_string()))?;
    out.line(format_args!("{:>12} events/s  in batches of {BATCH_EVENTS}", HumanCount(batched).to_string()))
}

/// Events per second of what appends some events each time.
fn rate(mut append: impl FnMut() -> Result<u64>) -> Result<u64> {
    let began = Instant::now();
    let mut events = 0;
    while began.elapsed() < TIME {
        events += append()?;
    }
    Ok((events as f64 / began.elapsed().as_secs_f64()) as u64)
}

fn append_one(store: &Store) -> Result<u64> {
    store.append("terminal-7", Expected::Any, &[NewEvent::json("CardPaid", DATA)])?;
    Ok(1)
}

fn append_many(store: &Store) -> Result<u64> {
    let mut batch = Batch::new();
    for _ in 0..BATCH_EVENTS {
        batch.push("terminal-7", &NewEvent::json("CardPaid", DATA))?;
    }
    store.append_batch(batch)?;
    Ok(BATCH_EVENTS)
}
