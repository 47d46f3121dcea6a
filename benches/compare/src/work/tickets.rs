//! Tickets: appends of single events by one thread, which has many of them on their way to the disk.

use super::WARM;
use crate::Outcome;
use crate::engine::{Appends, Purpose, Tickets};
use crate::measure::{Figures, Measured};
use annals_benches::workload::{Draws, Source, mix};
use std::collections::VecDeque;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How a ticket is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// By a call that blocks.
    Blocking,
    /// As a future.
    Future,
}

/// Keeps `in_flight` appends on their way, and waits for the oldest of them. Latencies are from the submission until the
/// answer was seen.
///
/// # Errors
/// What the engine says.
pub fn tickets<E: Tickets>(
    folder: &Path,
    in_flight: usize,
    waiting: Waiting,
    time: Duration,
) -> Outcome<Figures> {
    let engine = E::open(folder, Purpose::Append(Appends { threads: 1, synced: true, direct: false }))?;
    let (source, mut draws) = (Source::new(1), Draws::new(mix(0)));
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    let mut flying = VecDeque::with_capacity(in_flight);
    let mut one = || -> Outcome<Duration> {
        while flying.len() < in_flight {
            let submitted = Instant::now();
            flying.push_back((submitted, engine.submit(source.event(draws.draw()))?));
        }
        let (submitted, ticket) = flying.pop_front().ok_or("nothing is on its way")?;
        match waiting {
            Waiting::Blocking => engine.wait(ticket)?,
            Waiting::Future => finish(engine.answer(ticket), &waker)?,
        }
        Ok(submitted.elapsed())
    };
    let begun = Instant::now();
    while begun.elapsed() < WARM {
        one()?;
    }
    let (mut measured, begun) = (Measured::new()?, Instant::now());
    while begun.elapsed() < time {
        measured.count(1, one()?);
    }
    measured.seconds = begun.elapsed().as_secs_f64();
    for (_, ticket) in flying {
        engine.wait(ticket)?;
    }
    engine.close()?;
    let mut figures = Figures::new();
    measured.into_figures("", &mut figures);
    Ok(figures)
}

struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future until it is ready, on a thread that sleeps until it is woken.
fn finish<F: Future>(future: F, waker: &Waker) -> F::Output {
    let (mut future, mut context) = (pin!(future), Context::from_waker(waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
