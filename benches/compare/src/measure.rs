//! What is measured: figures by name, and latencies.

use crate::Outcome;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Figures by name. None at all: the engine cannot do this.
pub type Figures = BTreeMap<String, f64>;

/// The longest latency that is told from longer ones.
const LATENCY_MAX: Duration = Duration::from_secs(60);

/// How many events were handled, how long it took, and how long each operation took.
#[derive(Debug)]
pub struct Measured {
    /// Events, or whatever is counted.
    pub events: u64,
    /// Seconds that all of it took.
    pub seconds: f64,
    latencies: Histogram<u64>,
}

impl Measured {
    /// Nothing yet.
    ///
    /// # Errors
    /// None in practice: the bounds of the histogram are fixed.
    pub fn new() -> Outcome<Self> {
        let longest = u64::try_from(LATENCY_MAX.as_nanos())?;
        Ok(Measured { events: 0, seconds: 0.0, latencies: Histogram::new_with_bounds(1, longest, 3)? })
    }

    /// Counts an operation.
    pub fn count(&mut self, events: u64, latency: Duration) {
        self.events += events;
        self.latencies.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Takes in what another thread measured at the same time.
    ///
    /// # Errors
    /// None in practice: all histograms have the same bounds.
    pub fn add(&mut self, other: &Measured) -> Outcome {
        self.events += other.events;
        self.seconds = self.seconds.max(other.seconds);
        Ok(self.latencies.add(&other.latencies)?)
    }

    /// Takes in what the same thread measured later.
    ///
    /// # Errors
    /// None in practice: all histograms have the same bounds.
    pub fn append(&mut self, later: &Measured) -> Outcome {
        let seconds = self.seconds + later.seconds;
        self.add(later)?;
        self.seconds = seconds;
        Ok(())
    }

    /// Events per second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.seconds.max(1e-9)
    }

    /// Puts the rate and the latencies in microseconds under names that begin with `prefix`.
    pub fn into_figures(self, prefix: &str, figures: &mut Figures) {
        figures.insert(format!("{prefix}per_s"), self.rate());
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let latency = Duration::from_nanos(self.latencies.value_at_quantile(quantile));
            figures.insert(format!("{prefix}{name}_us"), 1e6 * latency.as_secs_f64());
        }
    }
}

/// Repeats an operation, which says how many events it handled, for `warm` without counting and for `counted` with.
///
/// # Errors
/// What the operation says.
pub fn repeat(
    warm: Duration,
    counted: Duration,
    mut operation: impl FnMut() -> Outcome<u64>,
) -> Outcome<Measured> {
    let mut measured = Measured::new()?;
    let begun = Instant::now();
    while begun.elapsed() < warm {
        operation()?;
    }
    let begun = Instant::now();
    let mut last = begun;
    while last - begun < counted {
        let events = operation()?;
        let now = Instant::now();
        measured.count(events, now - last);
        last = now;
    }
    measured.seconds = (last - begun).as_secs_f64();
    Ok(measured)
}
