//! Decisions in the writer's order: read, decide and append without anybody between.

mod situation;
mod within;

pub use situation::Situation;
pub(crate) use within::Deciding;

use crate::batch::{Appended, Batch};
use crate::committer::{Committer, Flush, Item};
use crate::error::AppendError;
use crate::query::Query;
use annals_types::planted::{Bug, planted};
use annals_types::{Invalid, Position};
use annals_wal::CommitQueue;

/// What came of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided<T> {
    /// What the closure answered.
    pub answer: T,
    /// What was appended; `None` if the closure's batch was empty.
    pub appended: Option<Appended>,
    /// The position of the last event that there was when the decision was made.
    pub position: Position,
}

/// Why nothing was decided, or why it is not known whether it was.
///
/// An error for whatever can be shown, so that a closure may refuse with a boxed error or a text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError<E> {
    /// The closure refused. Nothing was appended.
    #[error("refused: {0}")]
    Refused(E),
    /// The closure's batch was not appended, or what it was founded on did not become durable.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl<E> From<Invalid> for DecideError<E> {
    fn from(invalid: Invalid) -> Self {
        DecideError::Append(invalid.into())
    }
}

/// A decision that was made, and what has to be durable before it may be told.
struct Made<T, E> {
    outcome: Result<Decided<T>, DecideError<E>>,
    founded_on: Option<Flush>,
}

/// Runs the closure with the writer held, and waits for what it has seen without it.
pub(crate) fn decide<T, E>(
    queue: &CommitQueue<Committer>,
    deciding: &Deciding,
    query: &Query,
    closure: impl FnOnce(&Situation<'_>) -> Result<(Batch, T), E>,
) -> Result<Decided<T>, DecideError<E>> {
    let made = queue.with_sink_in_turn(|committer| {
        let _within = deciding.enter();
        make(committer, query, closure)
    })?;
    if let Some(flush) = made.founded_on
        && !planted(Bug::DecisionBeforeDurable)
    {
        queue.commit(Item::Flush(flush))?;
    }
    made.outcome
}

fn make<T, E>(
    committer: &mut Committer,
    query: &Query,
    closure: impl FnOnce(&Situation<'_>) -> Result<(Batch, T), E>,
) -> Result<Made<T, E>, AppendError> {
    committer.refuse_if_over()?;
    let hiding = committer.hiding(committer.last_position())?;
    let (mut view, staged) = committer.state();
    (view.hiding, view.conceals) = (hiding, true);
    let last = if planted(Bug::DecisionIgnoresStaged) { view.position() } else { committer.last_position() };
    let situation = Situation { view, staged, last, query };
    let (position, answer) = (situation.position(), closure(&situation));
    let outcome = match answer {
        Err(refusal) => Err(DecideError::Refused(refusal)),
        Ok((batch, answer)) => match committer.take_alone(batch) {
            Ok(appended) => Ok(Decided { answer, appended, position }),
            Err(error) => Err(DecideError::Append(error)),
        },
    };
    let staged = outcome.as_ref().is_ok_and(|decided| decided.appended.is_some());
    Ok(Made { outcome, founded_on: committer.flush_needed(staged) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ReadError;
    use crate::events::Events;
    use crate::{Clause, Clock, Criteria, Durability, Expected, NewEvent, Options, Store, Timestamp};
    use annals_vfs::{Env, MemoryDisk};
    use std::sync::Arc;

    fn store(durability: Durability) -> Store {
        let env = Env::system(Arc::new(MemoryDisk::new()));
        Options::new().env(env).durability(durability).background(false).open("memory").unwrap()
    }

    fn event() -> NewEvent<'static> {
        NewEvent::new("t", &b""[..])
    }

    /// Stages a batch without writing it.
    fn stage(committer: &mut Committer, batch: Batch) -> Appended {
        let made = make(committer, &Query::all(), |_| Ok::<_, ReadError>((batch, ()))).unwrap();
        assert!(made.founded_on.is_some_and(Flush::own), "it has to be waited for");
        made.outcome.unwrap().appended.unwrap()
    }

    fn some() -> Batch {
        let mut batch = Batch::new();
        batch.push("new", &event().with_tag("x")).unwrap();
        batch.push("new", &NewEvent::new("u", &b""[..])).unwrap();
        batch.push("other", &event().with_tag("x").with_tag("y")).unwrap();
        batch
    }

    fn queries() -> Vec<Query> {
        let criteria = Criteria::any_of([
            Clause::new().of_type("u"),
            Clause::new().of_type("t").tagged("x").tagged("y"),
        ]);
        let criteria = criteria.unwrap();
        let (late, never) = (Timestamp::MAX, Timestamp::EPOCH);
        vec![
            Query::all(),
            Query::all().from_position(Position::new(3)).to_position(Position::new(7)),
            Query::all().limit(7),
            Query::stream("new"),
            Query::stream("old"),
            Query::all().category("other"),
            Query::all().prefix("o"),
            Query::all().of_type("t").tagged("x"),
            Query::all().matching(criteria.clone()),
            Query::stream("new").matching(criteria),
            Query::all().until(Clock::Recorded, late),
            Query::all().until(Clock::Recorded, never),
            Query::all().since(Clock::Recorded, never),
        ]
    }

    /// Positions of all queries, in both directions.
    fn answers(read: impl Fn(Query) -> Vec<u64>) -> Vec<Vec<u64>> {
        queries().into_iter().flat_map(|query| [read(query.clone()), read(query.backwards())]).collect()
    }

    fn positions(events: Events<'_>) -> Vec<u64> {
        events.map(|event| event.unwrap().position.get()).collect()
    }

    #[test]
    fn a_decision_reads_what_is_staged_as_readers_do_once_it_is_written() {
        let store = store(Durability::Sync);
        for _ in 0..5 {
            store.append("old", Expected::Any, &[event().with_tag("x")]).unwrap();
        }
        let staged = store.queue().with_sink(|committer| {
            stage(committer, some());
            stage(committer, some());
            let look = |situation: &Situation<'_>| {
                assert_eq!(situation.position(), Position::new(11));
                assert_eq!(situation.events().unwrap().position(), Position::new(11));
                let answers = answers(|query| positions(situation.read(query).unwrap()));
                Ok::<_, ReadError>((Batch::new(), answers))
            };
            let made = make(committer, &Query::all(), look).unwrap();
            assert!(made.founded_on.is_some_and(|flush| !flush.own()), "what it saw has to be waited for");
            made.outcome.unwrap().answer
        });
        assert_eq!(store.last_position(), Position::new(5));
        assert_eq!(positions(store.view().read(Query::all()).unwrap()).len(), 5, "readers see nothing of it");
        store.sync().unwrap();
        assert_eq!(store.last_position(), Position::new(11));
        let view = store.view();
        assert_eq!(staged, answers(|query| positions(view.read(query).unwrap())));
        assert_eq!(staged[0], (1..=11).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_staged_decides_on_what_comes_behind_it() {
        let store = store(Durability::Sync);
        store.queue().with_sink(|committer| {
            stage(committer, some());
            let refused = |committer: &mut Committer, batch: Batch| {
                let made = make(committer, &Query::all(), |_| Ok::<_, ReadError>((batch, ()))).unwrap();
                assert!(made.founded_on.is_some(), "a refusal is founded on what is staged");
                made.outcome.unwrap_err()
            };
            let mut batch = some();
            batch.expect("new", Expected::NoStream).unwrap();
            assert!(matches!(refused(committer, batch), DecideError::Append(AppendError::Conflict(_))));
            let mut batch = some();
            batch.fail_if(Criteria::everything(), Position::new(2)).unwrap();
            assert!(matches!(
                refused(committer, batch),
                DecideError::Append(AppendError::ConditionFailed { position, .. }) if position == Position::new(3)
            ));
            let mut batch = some();
            batch.fail_if(Criteria::everything(), Position::new(3)).unwrap();
            assert_eq!(stage(committer, batch).streams[0].first_version.get(), 3);
        });
        // The next append, a mark, closing: each writes it first.
        let appended = store.append("new", Expected::Any, &[event()]).unwrap();
        assert_eq!((appended.first_position.get(), store.last_position().get()), (7, 7));
    }

    #[test]
    fn whoever_writes_next_writes_what_is_staged() {
        for durability in [Durability::Sync, Durability::Os] {
            let next: [fn(&Store); 4] = [
                |store| store.sync().unwrap(),
                |store| store.mark_durable().unwrap(),
                |store| store.clone().close().unwrap(),
                |store| {
                    drop(store.decide(&Query::all(), |_| Ok::<_, ReadError>((Batch::new(), ()))).unwrap())
                },
            ];
            for write in next {
                let store = store(durability);
                store.append("old", Expected::Any, &[event()]).unwrap();
                store.queue().with_sink(|committer| stage(committer, some()));
                assert_eq!(store.last_position(), Position::new(1));
                write(&store);
                assert_eq!(store.last_position(), Position::new(4));
                assert_eq!(positions(store.view().read(Query::all()).unwrap()), [1, 2, 3, 4]);
            }
        }
    }

    #[test]
    fn a_batch_that_needs_the_next_segment_has_what_is_staged_written_before() {
        let env = Env::system(Arc::new(MemoryDisk::new()));
        let options = Options::new().env(env).segment_bytes(16 << 10).background(false);
        let store = options.open("memory").unwrap();
        store.append("old", Expected::Any, &[event()]).unwrap();
        store.queue().with_sink(|committer| {
            stage(committer, some());
            let mut large = Batch::new();
            large.push("large", &NewEvent::new("t", vec![7; 16 << 10])).unwrap();
            stage(committer, large);
        });
        assert_eq!(store.last_position(), Position::new(4), "all but the large one");
        store.sync().unwrap();
        assert_eq!(positions(store.view().read(Query::all()).unwrap()), [1, 2, 3, 4, 5]);
    }
}
