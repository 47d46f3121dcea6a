//! What compaction in the background costs those who append: durable appends with the worker paused and at work, in turn, on one store in
//! the same run. The files lie in the current folder.

use annals::{
    Batch, CompactionOptions, Durability, Expected, NewEvent, RetentionRule, RetentionScope, Share, Store,
};
use annals_benches::workload::{EVENT_TYPE, Payloads, mix, rate};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Nobody measures where nothing is optimized.
const MEASURED: bool = !cfg!(debug_assertions);
/// Events of 256 bytes, of which the rules let more and more go: as many as are surveyed and compacted while it is measured.
const EVENTS_PACED: u64 = if MEASURED { 150_000 } else { 2_000 };
const EVENTS_UNPACED: u64 = if MEASURED { 1_000_000 } else { 2_000 };
const SEGMENT_BYTES: u64 = if MEASURED { 16 << 20 } else { 64 << 10 };
/// How long each side of a round is measured.
const TIME: Duration = Duration::from_millis(if MEASURED { 2000 } else { 20 });

/// How many of each stream's 100 events stay, round by round.
const KEPT: [u64; 6] = [60, 36, 22, 13, 8, 5];

fn fill(path: &Path, events: u64) -> Outcome<()> {
    let store = Store::options().segment_bytes(SEGMENT_BYTES).durability(Durability::Os);
    let store = store.compaction(CompactionOptions::off()).open(path)?;
    let payloads = Payloads::new(1, 256);
    for first in (0..events).step_by(1000) {
        let mut batch = Batch::new();
        for number in first..first + 1000 {
            let stream = format!("session-{}", number % (events / 100));
            batch.push(&stream, &NewEvent::new(EVENT_TYPE, payloads.of(mix(number))))?;
        }
        store.append_batch(batch)?;
    }
    store.sync()?;
    store.close()?;
    Ok(())
}

/// What is measured.
struct Case {
    name: &'static str,
    options: CompactionOptions,
    events: u64,
}

/// Durable appends of single events per second, and how long the slowest one in a thousand took.
fn measure(store: &Store, writers: u64, seed: u64) -> Outcome<(f64, Duration)> {
    let payloads = &Payloads::new(2, 256);
    let begun = Instant::now();
    let append = |writer: u64| -> Outcome<Vec<Duration>> {
        let stream = format!("account-{writer}");
        let mut took = Vec::new();
        while begun.elapsed() < TIME {
            let data = payloads.of(mix((seed << 40) | (writer << 32) | took.len() as u64));
            let one = Instant::now();
            store.append(&stream, Expected::Any, &[NewEvent::new(EVENT_TYPE, data)])?;
            took.push(one.elapsed());
        }
        Ok(took)
    };
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers).map(|writer| scope.spawn(move || append(writer))).collect();
        for thread in threads {
            all.extend(thread.join().map_err(|_| "a writer panicked")??);
        }
        Outcome::Ok(())
    })?;
    let elapsed = begun.elapsed();
    all.sort();
    Ok((rate(all.len() as u64, elapsed), all[all.len() - 1 - all.len() / 1000]))
}

fn median(figures: &[f64]) -> (f64, f64, f64) {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    (figures[figures.len() / 2], figures[0], figures[figures.len() - 1])
}

/// Rounds with the worker paused and at work.
fn rounds(folder: &Path, case: &Case, writers: u64) -> Outcome<()> {
    let path = folder.join("store");
    fill(&path, case.events)?;
    let options = case.options.clone().every(Duration::from_millis(10));
    let store = Store::options().segment_bytes(SEGMENT_BYTES).durability(Durability::Sync);
    let store = store.compaction(options).open(&path)?;
    let control = store.compaction_control();
    let (mut rates, mut slowest, mut ratios) =
        ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()], Vec::new());
    for (round, kept) in (1_u64..).zip(KEPT) {
        control.pause();
        let mut both = [0.0; 2];
        // Each round begins with the other side.
        for number in 0..2 {
            let beside = (round + number) % 2 == 1;
            if beside {
                let rule = RetentionRule::new().max_count(kept);
                store.retention().set(&RetentionScope::category("session"), &rule)?;
                control.resume();
            }
            let (rate, slow) = measure(&store, writers, round * 2 + number)?;
            control.pause();
            both[usize::from(beside)] = rate;
            rates[usize::from(beside)].push(rate);
            slowest[usize::from(beside)].push(slow.as_secs_f64() * 1e6);
        }
        ratios.push(both[1] / both[0]);
    }
    let (state, progress) = (store.compaction_state(), control.progress());
    if let Some(failure) = state.failure {
        return Err(failure.into());
    }
    let [(alone, ..), (beside, ..), (ratio, least, most)] =
        [&rates[0], &rates[1], &ratios].map(|figures| median(figures));
    let [(slow_alone, ..), (slow_beside, ..)] = [&slowest[0], &slowest[1]].map(|figures| median(figures));
    println!(
        "{}, {writers} writers: {alone:.0} appends/s alone, {beside:.0} beside it; ratio {ratio:.2} ({least:.2} to {most:.2}); \
         one in a thousand takes {slow_alone:.0} and {slow_beside:.0} us; {} rounds, {} of {} events went; \
         of what it is at {} bytes were surveyed, {} of {} read, {} written",
        case.name,
        state.rounds,
        state.events_removed,
        case.events,
        progress.bytes_surveyed,
        progress.bytes_read,
        progress.bytes_total,
        progress.bytes_written,
    );
    control.resume();
    store.close()?;
    std::fs::remove_dir_all(&path)?;
    Ok(())
}

fn main() -> Outcome<()> {
    let folder = tempfile::tempdir_in(".")?;
    let always = Share::of_1000(1000)?;
    let cases = [
        Case { name: "default", options: CompactionOptions::new(), events: EVENTS_PACED },
        Case {
            name: "as fast as it can",
            options: CompactionOptions::new().bytes_per_second(None).busy(always),
            events: EVENTS_UNPACED,
        },
    ];
    for case in &cases {
        for writers in [1, 4] {
            rounds(folder.path(), case, writers)?;
        }
    }
    Ok(())
}
