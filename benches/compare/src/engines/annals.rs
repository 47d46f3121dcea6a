//! Annals, with its default options.

use annals::{Batch, Durability, Expected, NewEvent, Position, Query, Store, Ticket, Version, View};
use annals_benches::workload::EVENT_TYPE;
use annals_compare::Outcome;
use annals_compare::engine::{Engine, Event, Purpose, Reader, Seen, Tickets};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    annals_compare::child::main_with_tickets::<Annals>()
}

struct Annals(Store);

impl Engine for Annals {
    const NAME: &'static str = "annals";
    const UNSYNCED: bool = true;
    const DIRECT: bool = true;
    type Reader<'e> = Reading;

    fn open(folder: &Path, purpose: Purpose) -> Outcome<Self> {
        let (durability, direct) = match purpose {
            Purpose::Append(appends) if !appends.synced => (Durability::Os, false),
            Purpose::Append(appends) => (Durability::Sync, appends.direct),
            _ => (Durability::Sync, false),
        };
        let store = Store::options().durability(durability).direct_io(direct).open(folder.join("store"))?;
        // Not for others: it counts streams, which takes longer than opening.
        if direct && !store.stats()?.direct_io {
            return Err("the file system does not have direct writes".into());
        }
        Ok(Annals(store))
    }

    fn append(&self, events: &[Event<'_>]) -> Outcome {
        if let [event] = events {
            self.0.append(event.stream, Expected::Any, &[NewEvent::new(EVENT_TYPE, event.data)])?;
            return Ok(());
        }
        let mut batch = Batch::new();
        for event in events {
            batch.push(event.stream, &NewEvent::new(EVENT_TYPE, event.data))?;
        }
        self.0.append_batch(batch)?;
        Ok(())
    }

    fn sync(&self) -> Outcome {
        Ok(self.0.sync()?)
    }

    fn append_expecting(&self, event: Event<'_>, seen: u64) -> Outcome<Option<u64>> {
        let expected = Expected::Exact(Version::new(seen));
        match self.0.append(event.stream, expected, &[NewEvent::new(EVENT_TYPE, event.data)]) {
            // The same event again is told from another by its bytes, and is no conflict.
            Ok(appended) if appended.already_applied => Ok(None),
            Ok(_) => Ok(Some(seen + 1)),
            Err(annals::AppendError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn reader(&self) -> Outcome<Self::Reader<'_>> {
        Ok(Reading(self.0.view()))
    }

    fn settle(&self) -> Outcome {
        Ok(self.0.settle()?)
    }

    fn close(self) -> Outcome {
        Ok(self.0.close()?)
    }
}

impl Tickets for Annals {
    type Ticket = Ticket;

    fn submit(&self, event: Event<'_>) -> Outcome<Ticket> {
        let mut batch = Batch::new();
        batch.push(event.stream, &NewEvent::new(EVENT_TYPE, event.data))?;
        Ok(self.0.submit(batch)?)
    }

    fn wait(&self, ticket: Ticket) -> Outcome {
        ticket.wait()?;
        Ok(())
    }

    async fn answer(&self, ticket: Ticket) -> Outcome {
        ticket.await?;
        Ok(())
    }
}

struct Reading(View);

impl Reader for Reading {
    fn stream(&mut self, _: u64, name: &str, each: impl FnMut(Seen<'_>)) -> Outcome {
        read(&self.0, Query::stream(name), each)
    }

    fn scan(&mut self, first: u64, last: u64, each: impl FnMut(Seen<'_>)) -> Outcome {
        let query = Query::all().from_position(Position::new(first)).to_position(Position::new(last));
        read(&self.0, query, each)
    }
}

fn read(view: &View, query: Query, mut each: impl FnMut(Seen<'_>)) -> Outcome {
    for event in view.read(query)? {
        let event = event?;
        each(Seen { stream: event.stream.as_bytes(), version: event.version.get(), data: &event.data()? });
    }
    Ok(())
}
