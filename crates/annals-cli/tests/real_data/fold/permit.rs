//! Applications for environmental permits.

use super::{Fold, payload};
use annals::EventRef;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;

#[derive(Default)]
pub(super) struct Permit<'v> {
    events: u64,
    last_type: &'v str,
    confirmed: bool,
    resources: BTreeSet<Cow<'v, str>>,
}

#[derive(Deserialize)]
struct Metadata<'v> {
    #[serde(borrow)]
    resource: Option<Cow<'v, str>>,
}

impl<'v> Fold<'v> for Permit<'v> {
    fn apply(&mut self, event: &EventRef<'v>) {
        self.events += 1;
        self.last_type = event.event_type;
        self.confirmed |= event.event_type == "Confirmation of receipt";
        self.resources.extend(payload::<Metadata<'v>>(event.payload.as_plain().unwrap().1).resource);
    }

    fn state(&self) -> Value {
        json!({
            "events": self.events,
            "last_type": self.last_type,
            "confirmed": self.confirmed,
            "resources": self.resources,
        })
    }

    fn totals(states: &[&Self]) -> Value {
        json!({"confirmed_permits": states.iter().filter(|state| state.confirmed).count()})
    }
}
