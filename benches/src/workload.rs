//! The events of the benches: 256 bytes of payload that no compression helps with, streams `account-NNNNNN`.

use std::time::Duration;

/// Bytes of data in every event.
pub const PAYLOAD_BYTES: usize = 256;
/// The type of every event.
pub const EVENT_TYPE: &str = "deposited";
/// How many streams the events are spread over.
pub const STREAMS: u64 = 100_000;

/// Payloads and stream names that a seed decides, made before anything is measured.
#[derive(Debug)]
pub struct Workload {
    payload: Vec<u8>,
    names: Vec<String>,
    state: u64,
}

impl Workload {
    /// The workload of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut workload = Workload { payload: Vec::new(), names: Vec::new(), state: seed };
        workload.payload = (0..1 << 20).map(|_| workload.draw().to_le_bytes()[0]).collect();
        workload.names = (0..STREAMS).map(|stream| format!("account-{stream:06}")).collect();
        workload
    }

    /// The next pseudo-random number (`SplitMix64`).
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A stream and a payload for the next event.
    pub fn event(&mut self) -> (&str, &[u8]) {
        let word = self.draw();
        let from = usize::try_from(word >> 40).unwrap_or(0) % (self.payload.len() - PAYLOAD_BYTES);
        let stream = usize::try_from(word % STREAMS).unwrap_or(0);
        (&self.names[stream], &self.payload[from..from + PAYLOAD_BYTES])
    }
}

/// Middle, smallest and largest of some figures.
#[must_use]
pub fn spread(mut figures: Vec<f64>) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
    (at(figures.len() / 2), at(0), at(figures.len().saturating_sub(1)))
}

/// Events per second.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub fn rate(events: u64, time: Duration) -> f64 {
    events as f64 / time.as_secs_f64().max(1e-9)
}
