//! A plain group commit, for engines that have none of their own: one thread leads, writes what all have asked for with
//! one transaction and one sync, and wakes the others one at a time.

use crate::Outcome;
use crate::engine::Event;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

/// What became of a request: what its caller has seen now, `None` if the stream was not as expected.
pub type Verdict = Option<u64>;

/// Events to append, all or nothing.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The events.
    pub events: &'a [Event<'a>],
    /// The version that the stream of the first event is to have.
    pub expected: Option<u64>,
}

/// What writes.
pub trait Sink: Send {
    /// Writes requests in their order, with one sync; a verdict for each.
    ///
    /// # Errors
    /// What the engine says: then nothing is known of any of them.
    fn commit(&mut self, group: &[Request<'_>]) -> Outcome<Vec<Verdict>>;
}

/// A sink that one thread writes to directly, or several in groups.
#[derive(Debug)]
pub struct Writers<S> {
    sink: Mutex<S>,
    queue: Option<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    led: bool,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    stream: (u64, String),
    data: Vec<u8>,
    expected: Option<u64>,
    place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    thread: Thread,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Waits,
    Leads,
    Done(Result<Verdict, String>),
}

impl<S: Sink> Writers<S> {
    /// Writers of a sink; `grouped` if several threads are to share commits.
    pub fn new(sink: S, grouped: bool) -> Self {
        Writers { sink: Mutex::new(sink), queue: grouped.then(Mutex::default) }
    }

    /// The sink, when nobody writes.
    pub fn sink(&self) -> MutexGuard<'_, S> {
        locked(&self.sink)
    }

    /// Appends events; returns when they are written.
    ///
    /// # Errors
    /// What the sink says.
    pub fn append(&self, events: &[Event<'_>], expected: Option<u64>) -> Outcome<Verdict> {
        match (&self.queue, events) {
            (Some(queue), [event]) => self.wait(queue, event, expected),
            _ => {
                let verdicts = self.sink().commit(&[Request { events, expected }])?;
                Ok(verdicts.into_iter().next().flatten())
            }
        }
    }

    fn wait(&self, queue: &Mutex<Queue>, event: &Event<'_>, expected: Option<u64>) -> Outcome<Verdict> {
        let place = Arc::new(Place { thread: thread::current(), state: Mutex::new(State::Waits) });
        let waiting = Waiting {
            stream: (event.number, event.stream.to_owned()),
            data: event.data.to_vec(),
            expected,
            place: Arc::clone(&place),
        };
        let mut queued = locked(queue);
        queued.waiting.push(waiting);
        let leads = !mem::replace(&mut queued.led, true);
        drop(queued);
        if leads {
            self.lead(queue);
        }
        loop {
            // In a statement of its own, so that nobody parks with the lock held.
            let state = mem::replace(&mut *locked(&place.state), State::Waits);
            match state {
                State::Done(verdict) => return Ok(verdict?),
                State::Leads => self.lead(queue),
                State::Waits => thread::park(),
            }
        }
    }

    /// Writes what waits, and passes the lead on to the first of those who came meanwhile.
    fn lead(&self, queue: &Mutex<Queue>) {
        let group = mem::take(&mut locked(queue).waiting);
        let events: Vec<Event<'_>> = group
            .iter()
            .map(|waiting| Event { number: waiting.stream.0, stream: &waiting.stream.1, data: &waiting.data })
            .collect();
        let requests: Vec<Request<'_>> = events
            .chunks(1)
            .zip(&group)
            .map(|(events, waiting)| Request { events, expected: waiting.expected })
            .collect();
        let verdicts = self.sink().commit(&requests).map_err(|error| error.to_string());
        let mut queued = locked(queue);
        let next = queued.waiting.first().map(|waiting| Arc::clone(&waiting.place));
        queued.led = next.is_some();
        drop(queued);
        if let Some(next) = next {
            next.tell(State::Leads);
        }
        for (index, waiting) in group.iter().enumerate() {
            let verdict = match &verdicts {
                Ok(verdicts) => Ok(verdicts.get(index).copied().flatten()),
                Err(error) => Err(error.clone()),
            };
            waiting.place.tell(State::Done(verdict));
        }
    }
}

impl Place {
    fn tell(&self, state: State) {
        *locked(&self.state) = state;
        self.thread.unpark();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Counts versions, and refuses what was not expected.
    #[derive(Default)]
    struct Counting {
        versions: HashMap<String, u64>,
        commits: u64,
    }

    impl Sink for Counting {
        fn commit(&mut self, group: &[Request<'_>]) -> Outcome<Vec<Verdict>> {
            self.commits += 1;
            let verdict = |request: &Request<'_>| {
                let version = self.versions.entry(request.events[0].stream.to_owned()).or_default();
                if request.expected.is_some_and(|expected| expected != *version) {
                    return None;
                }
                *version += request.events.len() as u64;
                Some(*version)
            };
            Ok(group.iter().map(verdict).collect())
        }
    }

    #[test]
    fn each_writer_is_told_its_own_verdict() {
        let writers = Writers::new(Counting::default(), true);
        let names: Vec<String> = (0..8).map(|thread| format!("account-{thread:06}")).collect();
        thread::scope(|scope| {
            for stream in &names {
                let writers = &writers;
                scope.spawn(move || {
                    let event = Event { number: 0, stream, data: b"data" };
                    for version in 1..=500 {
                        assert_eq!(writers.append(&[event], Some(version - 1)).unwrap(), Some(version));
                        assert_eq!(writers.append(&[event], Some(version - 1)).unwrap(), None);
                    }
                });
            }
        });
        let sink = writers.sink();
        assert!(names.iter().all(|name| sink.versions[name] == 500));
        assert!(sink.commits <= 8000);
    }

    #[test]
    fn a_batch_is_written_as_one_request() {
        let writers = Writers::new(Counting::default(), false);
        let event = Event { number: 0, stream: "account-000000", data: b"data" };
        assert_eq!(writers.append(&[event; 3], None).unwrap(), Some(3));
        assert_eq!(writers.sink().commits, 1);
    }
}
