//! The reading side of an import: lines into batches, each stream to its writer.

use super::Args;
use super::identity::Source;
use super::outcome::{BadLine, Tally};
use super::pending::Pending;
use crate::input::Input;
use crate::json::event_in::{self, EventIn};
use annals::Invalid;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::mpsc::SyncSender;

/// A batch is cut when it takes so many bytes, shared among the writers.
const BATCH_BYTES_MAX: usize = 64 << 20;
/// However many writers there are, a batch may take so many.
const BATCH_BYTES_MIN: usize = 4 << 20;

pub(crate) struct Reader<'a> {
    source: &'a Source,
    tally: &'a Tally,
    batch_events: usize,
    batch_bytes: usize,
    writers: Vec<Writer>,
    /// What is appended when everything else is.
    held: Vec<Pending>,
}

/// A writer as the reader sees it: the batch being filled, and where it goes.
struct Writer {
    pending: Pending,
    batches: SyncSender<Pending>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        args: &Args,
        source: &'a Source,
        tally: &'a Tally,
        batches: Vec<SyncSender<Pending>>,
    ) -> Self {
        let batch_bytes = (BATCH_BYTES_MAX / batches.len()).max(BATCH_BYTES_MIN);
        let writers = batches.into_iter().map(|batches| Writer { pending: Pending::default(), batches });
        let (writers, held) = (writers.collect(), Vec::new());
        Reader { source, tally, batch_events: args.batch.get(), batch_bytes, writers, held }
    }

    /// Reads to the end, or to the first thing that ends the import. What was read by then goes out. Gives back what is to be
    /// appended behind that.
    pub(crate) fn run(mut self, mut input: Input) -> Vec<Pending> {
        let name = input.name().to_owned();
        let mut at = 0;
        while !self.tally.is_stopped() {
            let line = match input.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    self.tally.fail(at + 1, error);
                    break;
                }
            };
            at = line.number;
            let taken = match line.text {
                Some(text) => self.take(at, text),
                None => Err("the line is longer than any event can be (200 MiB)".to_owned()),
            };
            let bad = taken.map_err(|what| BadLine { file: name.clone(), line: at, what });
            if let Err(bad) = bad.or_else(|bad| self.tally.invalid(bad)) {
                self.tally.fail(at, bad.into());
            }
        }
        self.writers.iter_mut().for_each(Writer::send);
        self.held
    }

    fn take(&mut self, number: u64, text: &[u8]) -> Result<(), String> {
        let mut event = event_in::parse(text)?;
        self.source.identify(&mut event, number, text);
        if self.writers.len() > 1 && event.stream.starts_with("$annals.") {
            return self.hold(&event, number, text);
        }
        let writer = self.writer_of(&event);
        let (batch_events, batch_bytes) = (self.batch_events, self.batch_bytes);
        let writer = &mut self.writers[writer];
        if writer.pending.has_id_of(&event) {
            // The id stands twice in the file: by the time the second one is appended, the first is stored.
            writer.send();
        }
        writer.push(&event, number, text).map_err(|invalid| invalid.to_string())?;
        if writer.pending.len() >= batch_events || writer.pending.bytes() >= batch_bytes {
            writer.send();
        }
        Ok(())
    }

    /// Several writers do not keep the order between streams, and what is registered counts for what comes behind it: what came
    /// before it need not keep to it.
    fn hold(&mut self, event: &EventIn<'_>, number: u64, text: &[u8]) -> Result<(), String> {
        let mut pending = Pending::default();
        pending.push(event, number, text).map_err(|invalid| invalid.to_string())?;
        self.held.push(pending);
        Ok(())
    }

    /// All events of a stream go to the same writer, which keeps their order.
    fn writer_of(&self, event: &EventIn<'_>) -> usize {
        if self.writers.len() == 1 {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        event.stream.hash(&mut hasher);
        (hasher.finish() % self.writers.len() as u64) as usize
    }
}

impl Writer {
    fn push(&mut self, event: &EventIn<'_>, number: u64, text: &[u8]) -> Result<(), Invalid> {
        match self.pending.push(event, number, text) {
            Err(Invalid::BatchBytes { .. } | Invalid::BatchEvents) if !self.pending.is_empty() => {
                self.send();
                self.pending.push(event, number, text)
            }
            result => result,
        }
    }

    /// Hands the batch over. A writer that has gone has told why.
    fn send(&mut self) {
        if !self.pending.is_empty() {
            let _ = self.batches.send(std::mem::take(&mut self.pending));
        }
    }
}
