//! Applications for loans.

use super::{Fold, payload};
use annals::EventRef;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;

#[derive(Default)]
pub(super) struct Application<'v> {
    events: u64,
    last_type: &'v str,
    amount_requested: Option<i64>,
    status: Option<&'v str>,
    offers_sent: u64,
    work_started: u64,
    work_completed: u64,
    approved: bool,
    declined_or_cancelled: bool,
}

#[derive(Deserialize)]
struct Data<'v> {
    amount_requested: Option<i64>,
    #[serde(borrow)]
    lifecycle: Option<Cow<'v, str>>,
}

impl<'v> Fold<'v> for Application<'v> {
    fn apply(&mut self, event: &EventRef<'v>) {
        let data: Data<'v> = payload(event.payload.as_plain().unwrap().0);
        if self.events == 0 {
            self.amount_requested = data.amount_requested;
        }
        self.events += 1;
        self.last_type = event.event_type;
        match event.event_type {
            "O_SENT" => self.offers_sent += 1,
            "A_APPROVED" => self.approved = true,
            "A_DECLINED" | "A_CANCELLED" => self.declined_or_cancelled = true,
            _ => {}
        }
        if event.event_type.starts_with("A_") {
            self.status = Some(event.event_type);
        }
        if event.event_type.starts_with("W_") {
            self.work_started += u64::from(data.lifecycle.as_deref() == Some("START"));
            self.work_completed += u64::from(data.lifecycle.as_deref() == Some("COMPLETE"));
        }
    }

    fn state(&self) -> Value {
        json!({
            "events": self.events,
            "last_type": self.last_type,
            "amount_requested": self.amount_requested,
            "status": self.status,
            "offers_sent": self.offers_sent,
            "work_started": self.work_started,
            "work_completed": self.work_completed,
        })
    }

    fn totals(states: &[&Self]) -> Value {
        let amount = |approved_only: bool| -> i64 {
            let counted = states.iter().filter(|state| state.approved || !approved_only);
            counted.filter_map(|state| state.amount_requested).sum()
        };
        json!({
            "amount_requested": amount(false),
            "approved": states.iter().filter(|state| state.approved).count(),
            "amount_approved": amount(true),
            "declined_or_cancelled": states.iter().filter(|state| state.declined_or_cancelled).count(),
        })
    }
}
