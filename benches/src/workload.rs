//! The events of the benches: 256 bytes of payload that no compression helps with, streams `account-NNNNNN`.

use std::sync::Arc;
use std::time::Duration;

/// Bytes of data in every event.
pub const PAYLOAD_BYTES: usize = 256;
/// The type of every event.
pub const EVENT_TYPE: &str = "deposited";
/// How many streams the events are spread over.
pub const STREAMS: u64 = 100_000;

/// The finalizer of `SplitMix64`: a number that looks random, for each number another one.
#[must_use]
pub fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// Incompressible data of one length, cut out of a mebibyte that a seed decides.
#[derive(Debug)]
pub struct Payloads {
    block: Vec<u8>,
    bytes: usize,
}

impl Payloads {
    /// Payloads of `bytes` bytes each.
    #[must_use]
    pub fn new(seed: u64, bytes: usize) -> Self {
        let mut draws = Draws::new(seed);
        Payloads { block: (0..(1 << 20) + bytes).map(|_| draws.draw().to_le_bytes()[0]).collect(), bytes }
    }

    /// The payload that a random number stands for.
    #[must_use]
    pub fn of(&self, word: u64) -> &[u8] {
        let from = usize::try_from(word >> 40).unwrap_or(0) % (self.block.len() - self.bytes);
        &self.block[from..from + self.bytes]
    }
}

/// Pseudo-random numbers (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Draws(u64);

impl Draws {
    /// The numbers of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Draws(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }
}

/// Payloads and stream names that a seed decides, made before anything is measured. Copies share them.
#[derive(Clone, Debug)]
pub struct Source {
    payloads: Arc<Payloads>,
    names: Arc<[String]>,
}

/// An event that was drawn.
#[derive(Clone, Copy, Debug)]
pub struct Drawn<'s> {
    /// The number of its stream, below [`STREAMS`].
    pub number: u64,
    /// The name of its stream.
    pub stream: &'s str,
    /// Its payload.
    pub data: &'s [u8],
}

impl Source {
    /// The payloads and names of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let payloads = Arc::new(Payloads::new(seed, PAYLOAD_BYTES));
        Source { payloads, names: (0..STREAMS).map(stream_name).collect() }
    }

    /// The event that a random number stands for.
    #[must_use]
    pub fn event(&self, word: u64) -> Drawn<'_> {
        self.event_of_share(word, 0, 1)
    }

    /// The event that a random number stands for, in the streams of the `share`th of so many `parties`, of which no
    /// two have a stream in common.
    #[must_use]
    pub fn event_of_share(&self, word: u64, share: u64, parties: u64) -> Drawn<'_> {
        let number = word % (STREAMS / parties) * parties + share;
        let stream = &self.names[usize::try_from(number).unwrap_or(0)];
        Drawn { number, stream, data: self.payloads.of(word) }
    }
}

/// Events one after the other, drawn from a source.
#[derive(Debug)]
pub struct Workload {
    source: Source,
    draws: Draws,
}

impl Workload {
    /// The workload of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Workload { source: Source::new(seed), draws: Draws::new(mix(seed)) }
    }

    /// A stream and a payload for the next event.
    pub fn event(&mut self) -> (&str, &[u8]) {
        let drawn = self.source.event(self.draws.draw());
        (drawn.stream, drawn.data)
    }
}

/// The events of W5: a tenth as many streams as events, every hundredth with a hundred events, the others with nine or ten,
/// all of them in a random order, so that the events of a stream lie as far from each other as they can.
#[derive(Debug)]
pub struct Scattered {
    payloads: Payloads,
    /// The stream of each event, in the order of the log.
    order: Vec<u32>,
    streams: u32,
}

/// Every so manieth stream of [`Scattered`] is a long one.
const LONG_EVERY: u32 = 100;
/// How many events a long stream has.
pub const LONG_EVENTS: u32 = 100;

impl Scattered {
    /// So many events, in the order and with the payloads of a seed.
    ///
    /// # Panics
    /// If there are not 1000 to 2^32 events.
    #[must_use]
    pub fn new(events: u64, seed: u64) -> Self {
        let events = u32::try_from(events).expect("less than 2^32 events");
        assert!(events >= 1000, "a long stream and the short ones that belong to it are 1000 events");
        let streams = events / 10;
        let long = (0..streams).filter(|stream| stream % LONG_EVERY == 0);
        let mut order: Vec<u32> = long.flat_map(|stream| [stream; LONG_EVENTS as usize]).collect();
        // Dealt out in turn: none has two more than another.
        let mut short = (0..streams).filter(|stream| stream % LONG_EVERY != 0).cycle();
        order.extend(short.by_ref().take(events as usize - order.len()));
        let mut random = Draws::new(mix(seed));
        for last in (1..order.len()).rev() {
            order.swap(last, usize::try_from(random.draw() % (last as u64 + 1)).unwrap_or(0));
        }
        Scattered { payloads: Payloads::new(seed, PAYLOAD_BYTES), order, streams }
    }

    /// How many streams there are; they have the numbers from 0 on.
    #[must_use]
    pub fn streams(&self) -> u32 {
        self.streams
    }

    /// Whether a stream is one of those with [`LONG_EVENTS`] events.
    #[must_use]
    pub fn is_long(stream: u32) -> bool {
        stream.is_multiple_of(LONG_EVERY)
    }

    /// The name of a stream.
    #[must_use]
    pub fn name(stream: u32) -> String {
        format!("account-{stream:06}")
    }

    /// Stream and payload of each event, in the order of the log.
    pub fn events(&self) -> impl ExactSizeIterator<Item = (u32, &[u8])> {
        let payload = |index: usize| self.payloads.of(mix(index as u64));
        self.order.iter().enumerate().map(move |(index, stream)| (*stream, payload(index)))
    }
}

/// The name of a stream.
#[must_use]
pub fn stream_name(number: u64) -> String {
    format!("account-{number:06}")
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
