//! What a store of this program holds: event by event, computed from its number, so that any of them can be looked for
//! and checked without a list of them.

use super::Outcome;
use crate::permutation::Permutation;
use crate::workload::{EVENT_TYPE, Payloads, mix};
use annals::{Batch, NewEvent, Uuid};
use std::fs;
use std::path::{Path, PathBuf};

/// The figures that decide all events of a store. They lie in a file beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    /// How many events.
    pub(crate) events: u64,
    /// Over how many streams they are spread evenly.
    pub(crate) streams: u64,
    /// Bytes of data of each event.
    pub(crate) payload: u64,
    /// Whether each event has two tags.
    pub(crate) tags: bool,
    /// Whether each event has an id of its producer.
    pub(crate) ids: bool,
    /// Whether the events of a stream lie at random distances, instead of one in each round over all streams.
    pub(crate) shuffle: bool,
    /// Decides order, tags, ids and data.
    pub(crate) seed: u64,
}

impl Figures {
    /// Writes them beside the store.
    pub(crate) fn save(&self, store: &Path) -> Outcome {
        let Figures { events, streams, payload, tags, ids, shuffle, seed } = *self;
        let (tags, ids, shuffle) = (u64::from(tags), u64::from(ids), u64::from(shuffle));
        let numbers = [events, streams, payload, tags, ids, shuffle, seed];
        let lines: Vec<String> =
            KEYS.iter().zip(numbers).map(|(key, number)| format!("{key} {number}\n")).collect();
        Ok(fs::write(beside(store), lines.concat())?)
    }

    /// Reads those of a store that [`Figures::save`] was called for.
    pub(crate) fn load(store: &Path) -> Outcome<Self> {
        let path = beside(store);
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}; build first", path.display()))?;
        let number = |key: &str| -> Outcome<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
            Ok(line.ok_or_else(|| format!("{}: no {key}", path.display()))?.parse()?)
        };
        let [events, streams, payload, tags, ids, shuffle, seed] = KEYS.map(number);
        let (tags, ids, shuffle) = (tags? != 0, ids? != 0, shuffle? != 0);
        Ok(Figures { events: events?, streams: streams?, payload: payload?, tags, ids, shuffle, seed: seed? })
    }
}

const KEYS: [&str; 7] = ["events", "streams", "payload", "tags", "ids", "shuffle", "seed"];

fn beside(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".plan");
    name.into()
}

/// How many values the tag `region` has.
pub(crate) const REGIONS: u64 = 50;

/// The events of a store.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) figures: Figures,
    order: Permutation,
    payloads: Payloads,
}

impl Plan {
    pub(crate) fn new(figures: Figures) -> Self {
        let bound = if figures.shuffle { figures.events } else { figures.streams };
        Plan {
            figures,
            order: Permutation::new(bound, figures.seed),
            payloads: Payloads::new(figures.seed, usize::try_from(figures.payload).unwrap_or(usize::MAX)),
        }
    }

    /// The plan of the store at a path.
    pub(crate) fn of(store: &Path) -> Outcome<Self> {
        Figures::load(store).map(Plan::new)
    }

    /// The name of a stream, which is below their number.
    pub(crate) fn name(stream: u64) -> String {
        format!("account-{stream:07}")
    }

    /// The stream of an event (events count from 0 here, positions from 1).
    pub(crate) fn stream_of(&self, event: u64) -> u64 {
        if self.figures.shuffle {
            self.order.at(event) % self.figures.streams
        } else {
            self.order.at(event % self.figures.streams)
        }
    }

    /// The id of an event. Numbers from the number of events on give ids that no event has.
    pub(crate) fn id(&self, event: u64) -> Uuid {
        let half = |salt: u64| u128::from(mix(self.figures.seed ^ mix(event) ^ salt));
        let random = half(0x1D) << 64 | half(0x2D);
        // Version 4, variant 1: random.
        Uuid::from_u128(random & !(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62)
    }

    /// The two tags of an event: one of very many, one of few.
    pub(crate) fn tags(&self, event: u64) -> [String; 2] {
        let draw = mix(self.figures.seed ^ event.wrapping_add(1 << 60));
        Plan::tags_of(draw % self.customers(), (draw >> 32) % REGIONS)
    }

    /// How many values the tag `customer` has.
    pub(crate) fn customers(&self) -> u64 {
        (self.figures.events / 10).max(1)
    }

    pub(crate) fn tags_of(customer: u64, region: u64) -> [String; 2] {
        [format!("customer:{customer}"), format!("region:{region}")]
    }

    /// Makes the events of a range, so that making them is not measured.
    pub(crate) fn draw(&self, events: std::ops::Range<u64>) -> Vec<Drawn> {
        events
            .map(|event| Drawn {
                number: event,
                stream: Plan::name(self.stream_of(event)),
                tags: self.figures.tags.then(|| self.tags(event)),
                id: self.figures.ids.then(|| self.id(event)),
            })
            .collect()
    }

    /// Puts drawn events into a batch.
    pub(crate) fn batch(&self, events: &[Drawn]) -> Outcome<Batch> {
        let mut batch = Batch::new();
        for drawn in events {
            let data = self.payloads.of(mix(self.figures.seed ^ drawn.number));
            let mut event = NewEvent::new(EVENT_TYPE, data);
            event.id = drawn.id;
            event.tags = drawn.tags.iter().flatten().map(|tag| tag.as_str().into()).collect();
            batch.push(&drawn.stream, &event)?;
        }
        Ok(batch)
    }

    /// Streams to look at, drawn with a seed of the caller's.
    pub(crate) fn some_streams(&self, count: u64, seed: u64) -> Vec<u64> {
        (0..count)
            .map(|number| mix(self.figures.seed ^ mix(number ^ seed << 32)) % self.figures.streams)
            .collect()
    }

    /// The fewest and the most events that a stream has.
    pub(crate) fn events_of_a_stream(&self) -> (u64, u64) {
        let Figures { events, streams, .. } = self.figures;
        (events / streams, events.div_ceil(streams))
    }
}

/// The parts of an event that have to be made.
#[derive(Debug)]
pub(crate) struct Drawn {
    number: u64,
    stream: String,
    tags: Option<[String; 2]>,
    id: Option<Uuid>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    fn figures(shuffle: bool) -> Figures {
        Figures { events: 1003, streams: 100, payload: 16, tags: true, ids: true, shuffle, seed: 5 }
    }

    #[test]
    fn the_events_are_spread_evenly_over_the_streams_whatever_their_order() {
        for shuffle in [false, true] {
            let plan = Plan::new(figures(shuffle));
            let mut counts = HashMap::new();
            (0..1003).for_each(|event| *counts.entry(plan.stream_of(event)).or_insert(0) += 1);
            let (least, most) = plan.events_of_a_stream();
            assert_eq!((counts.len(), least, most), (100, 10, 11));
            assert!(counts.values().all(|count| (least..=most).contains(count)));
        }
    }

    #[test]
    fn ids_differ_and_are_random_ones() {
        let plan = Plan::new(figures(false));
        let ids: HashSet<Uuid> = (0..2000).map(|event| plan.id(event)).collect();
        assert_eq!(ids.len(), 2000);
        assert!(ids.iter().all(|id| id.get_version_num() == 4));
    }

    #[test]
    fn figures_come_back_as_they_were_saved() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("a.store");
        figures(true).save(&store).unwrap();
        assert_eq!(Figures::load(&store).unwrap(), figures(true));
        assert!(Figures::load(&folder.path().join("b")).is_err());
    }
}
