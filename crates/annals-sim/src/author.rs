//! Batches of events that a seed and a number decide: of every kind that the format knows.

use crate::dice::Dice;
use crate::world::START;
use annals::vfs::Random;
use annals::{Batch, ContentType, Event, Invalid, NewEvent, Timestamp, Uuid};

/// How many streams there are.
const STREAMS: u64 = 4;
/// One batch of so many is longer than the smallest segment.
const LARGE_EVERY: u64 = 12;
/// A record that is longer than the smallest segment.
const LARGE_BYTES: usize = 17_000;

/// Makes batches; the same again for the same number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Author {
    pub(crate) seed: u64,
    /// Most events of a batch.
    pub(crate) events_max: u64,
    /// Most bytes of an ordinary event's data.
    pub(crate) data_max: u64,
    /// Whether some batches are longer than a segment.
    pub(crate) large: bool,
}

/// An event with its stream.
pub(crate) type Written = (String, NewEvent<'static>);

impl Author {
    /// Batch `number`.
    pub(crate) fn events(&self, number: u64) -> Vec<Written> {
        let mut dice = Dice::new(self.seed).fork(number);
        let count = 1 + dice.below(self.events_max);
        let large = self.large && dice.one_in(LARGE_EVERY);
        (0..count).map(|index| self.event(&mut dice, number, index, large && index == 0)).collect()
    }

    fn event(&self, dice: &mut Dice, number: u64, index: u64, large: bool) -> Written {
        let stream = format!("{}-{}", ["account", "order"][dice.index(2)], dice.below(STREAMS));
        let mut data = vec![0; if large { LARGE_BYTES } else { dice.index(self.data_max as usize + 1) }];
        // Bytes of an exact length that repeat nowhere: a block in another place is another block.
        let _ = annals::vfs::SeededRandom::new(dice.number()).fill(&mut data);
        let mut event = NewEvent::new(["opened", "moved", "closed"][dice.index(3)], data);
        if dice.one_in(3) {
            event = event.with_id(Uuid::from_u64_pair(self.seed << 32 | number, index | 1 << 63));
        }
        if dice.one_in(4) {
            event = event.with_tag(format!("tag-{}", dice.below(5))).with_tag("every");
        }
        if dice.one_in(4) {
            event = event.with_metadata(format!("{{\"batch\":{number}}}").into_bytes());
            event.content_type = ContentType::JSON;
        }
        if dice.one_in(4) {
            let before = i64::try_from(dice.below(1 << 40)).unwrap_or(0);
            event = event.at(Timestamp::from_nanos(START - before)).with_schema_version(2);
        }
        (stream, event)
    }

    /// The same as a batch for the store.
    ///
    /// # Errors
    /// None that is known: all of it is within the limits.
    pub(crate) fn batch(&self, number: u64) -> Result<Batch, Invalid> {
        let mut batch = Batch::new();
        for (stream, event) in self.events(number) {
            batch.push(&stream, &event)?;
        }
        Ok(batch)
    }
}

/// Whether a stored event is what was written.
pub(crate) fn is_written((stream, given): &Written, event: &Event) -> bool {
    *stream == event.stream
        && given.event_type == event.event_type
        && event.data() == Ok(&*given.data)
        && event.metadata() == Ok(&*given.metadata)
        && given.tags.iter().eq(event.tags.iter())
        && given.content_type == event.content_type
        && given.schema_version == event.schema_version
        && given.id.is_none_or(|id| id == event.id)
        && event.occurred_at == given.occurred_at.unwrap_or(event.recorded_at)
}
