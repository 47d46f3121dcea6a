//! Several runs into one, in steps.

mod dictionary;
mod error;
mod ids;
mod list;
mod source;

use crate::run::{Run, RunIdentity};
use crate::write::{RunBuilder, RunScope, Scratch, ScratchFiles, Tables};
use annals_format::StoreId;
use annals_format::run::TableShape;
use annals_types::Position;
use dictionary::Dictionary;
pub use error::MergeError;
use ids::{CountedIds, MergedIds};
use source::Source;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Takes consecutive bytes of a file.
type Sink = Box<dyn FnMut(&[u8]) -> io::Result<()> + Send>;

/// What a merge makes, and where it puts it.
pub struct MergeTarget {
    /// The store that the sources belong to.
    pub store_id: StoreId,
    /// The number of the new run.
    pub run_id: u64,
    /// The seed of its hashes: that of every source that has ids.
    pub hash_seed: u64,
    /// Gets the bytes of the new run, from front to back. To sync them and to name the file is left to the caller.
    pub sink: Sink,
    /// Whether positions between the sources may be missing, because all of their events were removed.
    pub gaps: bool,
    /// Creates scratch files, of which a merge needs four at most, and none if everything fits into its memory.
    pub scratch: ScratchFiles,
}

/// Makes one run of several that lie next to each other.
///
/// The new run is byte for byte the one that [`write_run`](crate::write_run) makes of one memory index of all these
/// events. The sources are read from front to back, three times where their ids are, and stay as they are. Of a source with a
/// [window](Run::with_window) there is what is inside; its ids are read once more.
pub struct Merge {
    phase: Phase,
    first_position: Position,
    count: u64,
    runs: Vec<Arc<Run>>,
    memory_bytes: usize,
}

enum Phase {
    /// With what is counted once all terms are merged.
    Dictionary(Box<Dictionary<Sink>>, Option<CountedIds>),
    Tables(Box<Tables<Sink, MergedIds>>),
    Whole(RunIdentity),
    Failed,
}

impl Merge {
    /// Begins to merge runs of one store, oldest first. Takes about `memory_bytes` of memory, however large the runs are;
    /// a few hundred kilobytes are the least that makes sense. More is taken only if one id was given to very many
    /// events: 16 bytes for each of these.
    ///
    /// # Errors
    /// The runs cannot be merged with each other, the first page of one is damaged, or the sink failed.
    pub fn new(sources: Vec<Arc<Run>>, target: MergeTarget, memory_bytes: usize) -> Result<Self, MergeError> {
        let MergeTarget { store_id, run_id, hash_seed, sink, gaps, scratch } = target;
        let Some(first) = sources.first() else { return Err(MergeError::NotAdjacent { run: 0 }) };
        let first_position = first.first_position();
        let mut next = first_position;
        for (run, source) in sources.iter().enumerate() {
            let first = source.first_position();
            if first < next || (first > next && !gaps) {
                return Err(MergeError::NotAdjacent { run });
            }
            if source.id_count() > 0 && source.hash_seed() != hash_seed {
                return Err(MergeError::OtherHashSeed { run });
            }
            next = first.plus(source.event_count());
        }
        let terms = sources.iter().map(|run| run.trailer().term_total());
        let scope = RunScope {
            store_id,
            run_id,
            first_position,
            count: next.get() - first_position.get(),
            hash_seed,
            terms_max: terms.fold(0, u64::saturating_add),
            memory_bytes,
        };
        let builder = RunBuilder::new(&scope, Scratch::new(scratch), sink)?;
        let walked: Result<Vec<Source>, MergeError> =
            (0..).zip(&sources).map(|(number, run)| Source::new(Arc::clone(run), number)).collect();
        let dictionary = Dictionary::new(builder, walked?, first_position);
        let phase = Phase::Dictionary(Box::new(dictionary), None);
        Ok(Merge { phase, first_position, count: scope.count, runs: sources, memory_bytes })
    }

    /// Goes on for about as long as `terms` terms of few positions take, or for one stretch of the tables behind the
    /// dictionary, which is some milliseconds. Returns what the run is once all bytes were handed to the sink.
    ///
    /// # Errors
    /// Why the merge failed. It cannot go on then, and what the sink got is of no use.
    pub fn step(&mut self, terms: usize) -> Result<Option<RunIdentity>, MergeError> {
        let result = self.try_step(terms.max(1));
        if result.is_err() {
            self.phase = Phase::Failed;
        }
        result
    }

    fn try_step(&mut self, terms: usize) -> Result<Option<RunIdentity>, MergeError> {
        match &mut self.phase {
            Phase::Dictionary(_, Some(counted)) => {
                if let Some(ids) = counted.step(&self.runs)? {
                    self.end_dictionary(ids)?;
                }
                Ok(None)
            }
            Phase::Dictionary(dictionary, counted) => {
                for _ in 0..terms {
                    if !dictionary.step()? {
                        *counted = Some(CountedIds::new());
                        break;
                    }
                }
                Ok(None)
            }
            Phase::Tables(tables) => {
                let identity = tables.step()?;
                if let Some(identity) = identity {
                    self.phase = Phase::Whole(identity);
                }
                Ok(identity)
            }
            Phase::Whole(identity) => Ok(Some(*identity)),
            Phase::Failed => Err(io::Error::other("a merge that has failed cannot go on").into()),
        }
    }

    fn end_dictionary(&mut self, ids: u64) -> Result<(), MergeError> {
        if let Phase::Dictionary(dictionary, _) = std::mem::replace(&mut self.phase, Phase::Failed) {
            let merged = MergedIds::new(&self.runs, self.first_position, ids, self.memory_bytes / 2);
            let shape = TableShape::of_ids(ids, self.count);
            self.phase = Phase::Tables(Box::new(dictionary.builder.end(merged, shape)?));
        }
        Ok(())
    }
}

impl fmt::Debug for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merge")
            .field("first_position", &self.first_position)
            .field("count", &self.count)
            .field("runs", &self.runs.len())
            .finish_non_exhaustive()
    }
}
