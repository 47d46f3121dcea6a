//! An event on its way through the chain.

use super::chain::{Chain, Next};
use super::error::UpcastError;
use super::event::Changed;
use super::payload::{Content, Payload};
use annals_types::{ContentType, EventRef, PlainPayload};
use std::borrow::Cow;

/// Most events that one stored event may become, and most steps that may be taken to get there.
const PARTS_MAX: usize = 1 << 16;

/// What a stored event becomes.
pub(crate) enum Walked {
    /// What it is.
    Unchanged,
    /// Other events, in order; none if it is dropped.
    Changed(Vec<Changed>),
}

impl Chain {
    /// Brings an event to the newest version of its schema.
    #[inline]
    pub(crate) fn walk(&self, event: &EventRef<'_>) -> Result<Walked, Box<UpcastError>> {
        match self.next(event.event_type, event.schema_version) {
            Ok(Next::Ends) => Ok(Walked::Unchanged),
            // What is not there cannot be changed. The event is given out as it is stored, and whoever asks for its data is told.
            Ok(Next::Step(_)) => match event.plain() {
                Ok(plain) => self.walk_all(event, plain).map(Walked::Changed),
                Err(_) => Ok(Walked::Unchanged),
            },
            Err(reason) => Err(UpcastError::new(event, reason)),
        }
    }

    /// Depth first, so that what one event becomes stays together, in its order.
    fn walk_all<'e>(
        &self,
        event: &'e EventRef<'e>,
        plain: PlainPayload<'e>,
    ) -> Result<Vec<Changed>, Box<UpcastError>> {
        let (mut ended, mut steps) = (Vec::new(), 0);
        let mut open = vec![Payload::new(event, plain.data)];
        while let Some(payload) = open.pop() {
            let next = self.next(&payload.event_type, payload.schema_version);
            match next.map_err(|reason| UpcastError::new(event, reason))? {
                Next::Ends => ended.push(finish(payload)),
                Next::Step(step) => {
                    let at = |reason| UpcastError::new(event, format!("step from {}: {reason}", step.from));
                    steps += 1;
                    open.extend(step.apply(payload).map_err(at)?.into_iter().rev());
                    if open.len() + ended.len() > PARTS_MAX || steps > PARTS_MAX {
                        return Err(at(format!("the event becomes more than {PARTS_MAX}")));
                    }
                }
            }
        }
        for (part, changed) in ended.iter_mut().enumerate() {
            changed.part = part;
            changed.metadata = match &plain.metadata {
                Cow::Borrowed(_) => None,
                Cow::Owned(made) => Some(made.clone()),
            };
        }
        Ok(ended)
    }
}

fn finish(payload: Payload<'_>) -> Changed {
    let (content_type, data) = match payload.content {
        Content::Bytes(content_type, bytes) => (content_type, bytes.into_owned()),
        Content::Json(value) => (ContentType::JSON, value.to_string().into_bytes()),
    };
    Changed {
        event_type: payload.event_type.into_owned(),
        schema_version: payload.schema_version,
        content_type,
        data,
        metadata: None,
        part: 0,
    }
}
