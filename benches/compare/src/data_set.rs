//! The events that are read: computed from their number, so that every answer can be checked without a list of them.
//!
//! N events in N/10 streams. Every hundredth stream has 100 events, the others 9 or 10. All are shuffled over the whole
//! log, so the events of a stream lie as far apart as they can.

mod load;

pub use load::load;

use annals_benches::permutation::Permutation;
use annals_benches::workload::{PAYLOAD_BYTES, Payloads, mix};

/// Events of every hundredth stream.
pub const LONG: u64 = 100;
const SEED: u64 = 5;

/// Which event lies where.
#[derive(Debug)]
pub struct DataSet {
    /// How many events there are.
    pub events: u64,
    order: Permutation,
    payloads: Payloads,
    /// How many of the short streams have ten events and not nine.
    tens: u64,
}

impl DataSet {
    /// The data set of so many events, rounded down to thousands.
    #[must_use]
    pub fn new(events: u64) -> Self {
        let events = events / 1000 * 1000;
        let (order, payloads) = (Permutation::new(events, SEED), Payloads::new(SEED, PAYLOAD_BYTES));
        let set = DataSet { events, order, payloads, tens: 0 };
        DataSet { tens: events - LONG * set.long() - 9 * (set.streams() - set.long()), ..set }
    }

    /// How many streams there are.
    #[must_use]
    pub fn streams(&self) -> u64 {
        self.events / 10
    }

    /// How many of them have 100 events.
    #[must_use]
    pub fn long(&self) -> u64 {
        self.streams() / 100
    }

    /// The stream of an event, which counts from 0.
    #[must_use]
    pub fn stream_of(&self, event: u64) -> u64 {
        let slot = self.order.at(event);
        let Some(slot) = slot.checked_sub(LONG * self.long()) else { return slot / LONG * 100 };
        let short = match slot.checked_sub(10 * self.tens) {
            Some(slot) => self.tens + slot / 9,
            None => slot / 10,
        };
        short / 99 * 100 + 1 + short % 99
    }

    /// How many events a stream has.
    #[must_use]
    pub fn length(&self, stream: u64) -> u64 {
        match stream % 100 {
            0 => LONG,
            _ if stream / 100 * 99 + stream % 100 - 1 < self.tens => 10,
            _ => 9,
        }
    }

    /// A stream of 100 events that a random number stands for.
    #[must_use]
    pub fn long_stream(&self, word: u64) -> u64 {
        word % self.long() * 100
    }

    /// A stream of 9 or 10 events that a random number stands for.
    #[must_use]
    pub fn short_stream(&self, word: u64) -> u64 {
        let short = word % (self.streams() - self.long());
        short / 99 * 100 + 1 + short % 99
    }

    /// The payload of an event.
    #[must_use]
    pub fn data(&self, event: u64) -> &[u8] {
        self.payloads.of(mix(SEED ^ event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hundredth_stream_has_a_hundred_events_and_the_others_nine_or_ten() {
        let set = DataSet::new(20_000);
        let mut lengths = vec![0; 2000];
        (0..20_000).for_each(|event| lengths[usize::try_from(set.stream_of(event)).unwrap()] += 1);
        for (stream, length) in (0..).zip(lengths) {
            assert_eq!(length, set.length(stream), "stream {stream}");
        }
        assert!(
            (1..2000).filter(|stream| stream % 100 != 0).all(|stream| (9..=10).contains(&set.length(stream)))
        );
    }

    #[test]
    fn streams_are_chosen_by_their_length() {
        let set = DataSet::new(20_000);
        assert!((0..100).map(mix).all(|word| set.length(set.long_stream(word)) == LONG));
        assert!((0..100).map(mix).all(|word| set.length(set.short_stream(word)) <= 10));
    }
}
