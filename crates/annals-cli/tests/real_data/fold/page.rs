//! Pages of Wikipedia.

use super::{Fold, payload};
use annals::EventRef;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;

#[derive(Default)]
pub(super) struct Page<'v> {
    edits: u64,
    bytes_delta: i64,
    added: i64,
    deleted: i64,
    created: bool,
    last_user: Cow<'v, str>,
    users: BTreeSet<Cow<'v, str>>,
    robot_edits: u64,
}

#[derive(Deserialize)]
struct Data<'v> {
    delta: i64,
    added: i64,
    deleted: i64,
    #[serde(borrow)]
    user: Cow<'v, str>,
    #[serde(default)]
    robot: bool,
}

impl<'v> Fold<'v> for Page<'v> {
    fn apply(&mut self, event: &EventRef<'v>) {
        let data: Data<'v> = payload(event.payload.as_plain().unwrap().0);
        self.edits += 1;
        self.bytes_delta += data.delta;
        self.added += data.added;
        self.deleted += data.deleted;
        self.created |= event.event_type == "PageCreated";
        self.robot_edits += u64::from(data.robot);
        self.users.insert(data.user.clone());
        self.last_user = data.user;
    }

    fn state(&self) -> Value {
        json!({
            "edits": self.edits,
            "bytes_delta": self.bytes_delta,
            "added": self.added,
            "deleted": self.deleted,
            "created": self.created,
            "last_user": self.last_user,
        })
    }

    fn totals(states: &[&Self]) -> Value {
        let users: BTreeSet<_> = states.iter().flat_map(|state| &state.users).collect();
        json!({
            "bytes_delta": states.iter().map(|state| state.bytes_delta).sum::<i64>(),
            "users": users.len(),
            "robot_edits": states.iter().map(|state| state.robot_edits).sum::<u64>(),
        })
    }
}
