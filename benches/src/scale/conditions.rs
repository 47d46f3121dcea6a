//! Appends with a condition against appends without one, on the store at hand.
//!
//! The condition: nobody has appended an event with these two tags. Either behind the last position, with a customer that
//! has events of old; or in the whole history, with a customer whom nobody has heard of, so that every part of the index
//! has to be asked. Each append has a customer of its own, so conditions hold and never keep an append out. They are
//! stated by the function that [`Conditions::run`] is given.

use super::Outcome;
use super::plan::{Plan, REGIONS};
use super::show::{head, line, ratios};
use crate::workload::{EVENT_TYPE, Payloads, mix, rate};
use annals::{Batch, Durability, NewEvent, Position, Store};
use clap::Args;
use std::path::PathBuf;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// How many threads append at once in the second part.
const THREADS: u64 = 64;

/// States for a batch that it fails if there is an event with both tags behind a position.
pub(crate) type WithCondition = fn(&mut Batch, &[String; 2], Position) -> Outcome;

/// How `conditions` measures.
#[derive(Args, Debug)]
pub(crate) struct Conditions {
    /// A store that `build --tags` made. It grows.
    #[arg(long)]
    store: PathBuf,
    /// How many appends of one event each a round has, with a condition and without.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    appends: u64,
    /// How many rounds.
    #[arg(long, default_value_t = 7)]
    rounds: u64,
    /// What an append survives.
    #[arg(long, default_value = "os")]
    durability: Durability,
}

/// What the rounds share.
struct Bench<'a> {
    store: &'a Store,
    payloads: Payloads,
    customers: u64,
    with_condition: WithCondition,
    /// Where the log ended at the beginning.
    began: Position,
    /// Numbers the appends: those at the same time have different customers.
    next: AtomicU64,
}

/// What a round states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stated {
    /// Of what comes behind the last position.
    Recent,
    /// Of the whole history.
    Ever,
}

impl Conditions {
    pub(crate) fn run(&self, with_condition: WithCondition) -> Outcome {
        let plan = Plan::of(&self.store)?;
        if !plan.figures.tags || plan.customers() < 2 * THREADS {
            return Err(format!("a store with tags and {} customers at least is needed", 2 * THREADS).into());
        }
        let store = Store::options().create(false).durability(self.durability).open(&self.store)?;
        let bench = Bench {
            store: &store,
            payloads: Payloads::new(4, usize::try_from(plan.figures.payload)?),
            customers: plan.customers(),
            with_condition,
            began: store.last_position(),
            next: AtomicU64::new(0),
        };
        println!("{} events of {} customers", store.last_position(), plan.customers());
        head();
        for (stated, about) in [(Stated::Recent, "of the newest"), (Stated::Ever, "of the whole history")] {
            let alone = |conditional| bench.alone(self.appends, stated, conditional);
            self.compare(&format!("one thread, {about}"), &alone)?;
            let together = |conditional| bench.together(self.appends, stated, conditional);
            self.compare(&format!("64 threads, {about}"), &together)?;
        }
        store.close()?;
        Ok(())
    }

    /// Both in turn, whoever begins changing.
    fn compare(&self, name: &str, run: &dyn Fn(bool) -> Outcome<f64>) -> Outcome {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        // A first round that does not count.
        run(true)?;
        for round in 0..self.rounds {
            for conditional in [round % 2 == 0, round % 2 != 0] {
                let figure = run(conditional)?;
                if conditional { with.push(figure) } else { without.push(figure) }
            }
        }
        line(&format!("{name}, with a condition, appends/s"), &with);
        line(&format!("{name}, without, appends/s"), &without);
        line("ratio", &ratios(&with, &without));
        Ok(())
    }
}

impl Bench<'_> {
    fn alone(&self, appends: u64, stated: Stated, conditional: bool) -> Outcome<f64> {
        let started = Instant::now();
        (0..appends).try_for_each(|_| self.append(stated, conditional))?;
        Ok(rate(appends, started.elapsed()))
    }

    fn together(&self, appends: u64, stated: Stated, conditional: bool) -> Outcome<f64> {
        let each = appends.div_ceil(THREADS);
        let barrier = Barrier::new(usize::try_from(THREADS)? + 1);
        thread::scope(|scope| {
            let work = || {
                barrier.wait();
                // Errors are told as text: what went wrong has to leave its thread.
                (0..each)
                    .try_for_each(|_| self.append(stated, conditional))
                    .map_err(|error| error.to_string())
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            barrier.wait();
            let started = Instant::now();
            for thread in threads {
                thread.join().map_err(|_| "a thread panicked")??;
            }
            Ok(rate(each * THREADS, started.elapsed()))
        })
    }

    /// Appends one event with two tags to one of a thousand streams; the tags are the same with a condition and without.
    fn append(&self, stated: Stated, conditional: bool) -> Outcome {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut tags = Plan::tags_of(number % self.customers, mix(number) % REGIONS);
        if stated == Stated::Ever {
            tags[0] = format!("customer:new-{}-{number}", self.began);
        }
        let mut event = NewEvent::new(EVENT_TYPE, self.payloads.of(mix(number)));
        event.tags = tags.iter().map(|tag| tag.as_str().into()).collect();
        let mut batch = Batch::new();
        batch.push(&format!("condition-{}", mix(number) % 1000), &event)?;
        if conditional {
            let after = if stated == Stated::Ever { Position::ZERO } else { self.store.last_position() };
            (self.with_condition)(&mut batch, &tags, after)?;
        }
        self.store.append_batch(batch)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::Figures;
    use super::*;

    #[test]
    fn every_append_is_made_and_every_second_round_states_a_condition() {
        static STATED: AtomicU64 = AtomicU64::new(0);
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let figures =
            Figures { events: 2000, streams: 1, payload: 9, tags: true, ids: false, shuffle: false, seed: 1 };
        figures.save(&store).unwrap();
        Store::open(&store).unwrap().close().unwrap();
        let conditions =
            Conditions { store: store.clone(), appends: 128, rounds: 2, durability: Durability::Os };
        conditions
            .run(|_, tags, after| {
                STATED.fetch_add(1, Ordering::Relaxed);
                assert!(tags[0].starts_with("customer:") && after < Position::new(4 * 5 * 128));
                Ok(())
            })
            .unwrap();
        assert_eq!(STATED.load(Ordering::Relaxed), 4 * 3 * 128);
        assert_eq!(Store::open(&store).unwrap().last_position(), Position::new(4 * 5 * 128));
    }
}
