//! Commands: decided on the state, appended if nobody came between.

use super::context::CommandContext;
use super::error::ExecuteError;
use super::handle::Aggregates;
use super::loaded::Loaded;
use super::typed::DomainEvent;
use super::{Aggregate, Handle};
use crate::batch::{Appended, Batch};
use crate::error::AppendError;
use annals_types::{EventRef, Expected, NewEvent, PayloadRef, Position, Tags, Timestamp, Uuid, Version};

/// A command that was executed.
#[derive(Debug)]
pub struct Executed<A> {
    /// What was appended; `None` if nothing came of the command.
    pub appended: Option<Appended>,
    /// The state with the events of the command.
    pub loaded: Loaded<A>,
    /// How often the command was decided.
    pub attempts: u32,
}

impl<A: Aggregate> Aggregates<A> {
    /// Executes a command: loads the state, has the aggregate decide, and appends the events that come of it under the
    /// condition that the stream has no newer ones. If it has, the command is decided again on the newer state, up to so
    /// many times as [`Aggregates::attempts`] says.
    ///
    /// When it returns, the events are as durable as after [`Store::append`](crate::Store::append). A new stream begins with
    /// the first event.
    ///
    /// # Errors
    /// As [`ExecuteError`] says; all of them but [`ExecuteError::Executed`], and [`AppendError::DurabilityUnknown`] within
    /// [`ExecuteError::Append`], mean that nothing was appended.
    pub fn execute<C>(&self, stream: &str, command: &C) -> Result<Executed<A>, ExecuteError<A::Error>>
    where
        A: Handle<C>,
    {
        self.execute_with(stream, command, &CommandContext::new())
    }

    /// The same with metadata, tags, and the time at which it happened.
    ///
    /// # Errors
    /// As [`Aggregates::execute`].
    pub fn execute_with<C>(
        &self,
        stream: &str,
        command: &C,
        context: &CommandContext,
    ) -> Result<Executed<A>, ExecuteError<A::Error>>
    where
        A: Handle<C>,
    {
        let mut loaded = self.load(stream)?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let events = loaded.state.handle(command).map_err(ExecuteError::Rejected)?;
            if events.is_empty() {
                return Ok(Executed { appended: None, loaded, attempts: attempt });
            }
            let batch = self.batch(&loaded, &events, context)?;
            match self.store.append_batch(batch) {
                Ok(appended) => {
                    self.take_in(&mut loaded, &appended)?;
                    return Ok(Executed { appended: Some(appended), loaded, attempts: attempt });
                }
                Err(AppendError::Conflict(conflict)) if attempt >= self.attempts => {
                    return Err(ExecuteError::Contended { attempts: attempt, conflict });
                }
                Err(AppendError::Conflict(_)) => {
                    let view = self.store.view();
                    let last = view.cut_version(stream).map_err(|error| ExecuteError::Load(error.into()))?;
                    self.catch_up(&view, last, &mut loaded)?;
                }
                Err(error) => return Err(ExecuteError::Append(error)),
            }
        }
    }

    /// The batch of a command's events. Each can be understood again: found out before it is stored for ever.
    fn batch<E>(
        &self,
        loaded: &Loaded<A>,
        events: &[A::Event],
        context: &CommandContext,
    ) -> Result<Batch, ExecuteError<E>> {
        let view = self.store.view();
        let mut batch = Batch::new();
        batch.expect(&loaded.stream, Expected::Exact(loaded.version()))?;
        for (index, event) in events.iter().enumerate() {
            let broken = |reason| ExecuteError::Event { index, reason };
            let mut new = event.to_new().map_err(broken)?;
            let version = view.current_version(&new.event_type);
            new.schema_version = version.map_err(|error| ExecuteError::Load(error.into()))?;
            A::Event::from_stored(&as_stored(&new)).map_err(broken)?;
            context.complete(&mut new, A::tags(event));
            batch.push(&loaded.stream, &new)?;
        }
        Ok(batch)
    }

    /// Folds what was appended, and saves the state if it is due.
    fn take_in<E>(&self, loaded: &mut Loaded<A>, appended: &Appended) -> Result<(), ExecuteError<E>> {
        let last = appended.streams.first().map_or(Version::ZERO, |stream| stream.last_version);
        let position = appended.last_position;
        self.catch_up(&self.store.view(), last, loaded)
            .map_err(|reason| ExecuteError::Executed { position, reason })?;
        self.save_if_due(loaded);
        Ok(())
    }
}

/// An event as it will be read, but for what the store gives it.
fn as_stored<'a>(new: &'a NewEvent<'_>) -> EventRef<'a> {
    EventRef {
        position: Position::ZERO,
        stream: "",
        version: Version::ZERO,
        id: Uuid::nil(),
        event_type: &new.event_type,
        recorded_at: Timestamp::EPOCH,
        occurred_at: Timestamp::EPOCH,
        tags: Tags::default(),
        schema_version: new.schema_version,
        content_type: new.content_type,
        payload: PayloadRef::plain(&new.data, b""),
    }
}
