//! Road traffic fines. What is paid is the sum of the payments: the source's own running total has mistakes.

use super::{Fold, payload};
use annals::EventRef;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;

#[derive(Default)]
pub(super) struct Fine<'v> {
    events: u64,
    last_type: &'v str,
    amount_cents: i64,
    expense_cents: i64,
    paid_cents: i64,
    dismissal: Option<Cow<'v, str>>,
    in_collection: bool,
    appealed_to_judge: bool,
}

#[derive(Deserialize)]
struct Data<'v> {
    amount_cents: Option<i64>,
    expense_cents: Option<i64>,
    payment_cents: Option<i64>,
    #[serde(borrow)]
    dismissal: Option<Cow<'v, str>>,
}

impl<'v> Fold<'v> for Fine<'v> {
    fn apply(&mut self, event: &EventRef<'v>) {
        let data: Data<'v> = payload(event.payload.as_plain().unwrap().0);
        self.events += 1;
        self.last_type = event.event_type;
        self.amount_cents = data.amount_cents.unwrap_or(self.amount_cents);
        self.expense_cents += data.expense_cents.unwrap_or(0);
        self.paid_cents += data.payment_cents.unwrap_or(0);
        self.dismissal = data.dismissal.or(self.dismissal.take());
        self.in_collection |= event.event_type == "Send for Credit Collection";
        self.appealed_to_judge |= event.event_type == "Appeal to Judge";
    }

    fn state(&self) -> Value {
        json!({
            "events": self.events,
            "last_type": self.last_type,
            "amount_cents": self.amount_cents,
            "expense_cents": self.expense_cents,
            "paid_cents": self.paid_cents,
            "balance_cents": self.amount_cents + self.expense_cents - self.paid_cents,
            "dismissal": self.dismissal,
            "in_collection": self.in_collection,
        })
    }

    fn totals(states: &[&Self]) -> Value {
        let sum = |of: fn(&Self) -> i64| -> i64 { states.iter().map(|state| of(state)).sum() };
        json!({
            "paid_cents": sum(|state| state.paid_cents),
            "expense_cents": sum(|state| state.expense_cents),
            "amount_cents": sum(|state| state.amount_cents),
            "in_collection": sum(|state| state.in_collection.into()),
            "appealed_to_judge": sum(|state| state.appealed_to_judge.into()),
        })
    }
}
