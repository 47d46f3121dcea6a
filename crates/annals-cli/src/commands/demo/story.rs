//! The story: accounts and orders in May 2024, a conflict, and a look back.

use super::head;
use crate::args::shown::Shown;
use crate::commands::events::Printer;
use crate::commands::state::fold;
use crate::output::Out;
use crate::reduce::Reduce;
use crate::time;
use annals::{AppendError, AsOf, Batch, Expected, NewEvent, Query, Store, Timestamp, Version, View};
use anyhow::{Context, Result, bail};

/// One event of the story: stream, type, time, tag, data.
type Line = (&'static str, &'static str, &'static str, &'static str, &'static str);

const EVENTS: &[Line] = &[
    ("account-ada", "AccountOpened", "2024-05-01T08:00:00Z", "customer:ada", r#"{"owner":"Ada"}"#),
    ("account-ada", "Deposited", "2024-05-01T08:05:00Z", "customer:ada", r#"{"cents":50000}"#),
    ("account-bob", "AccountOpened", "2024-05-02T14:30:00Z", "customer:bob", r#"{"owner":"Bob"}"#),
    (
        "order-1001",
        "OrderPlaced",
        "2024-05-03T10:15:00Z",
        "customer:ada",
        r#"{"status":"placed","items":{"tea":2,"cup":1},"total_cents":2490}"#,
    ),
    ("account-ada", "Withdrawn", "2024-05-03T10:16:00Z", "customer:ada", r#"{"cents":-2490}"#),
    ("order-1001", "OrderPaid", "2024-05-03T10:16:30Z", "customer:ada", r#"{"status":"paid"}"#),
    (
        "order-1001",
        "OrderShipped",
        "2024-05-06T07:45:00Z",
        "customer:ada",
        r#"{"status":"shipped","parcel":"JD-4711"}"#,
    ),
];

pub(super) fn tell(out: &mut Out, store: &Store) -> Result<()> {
    head(out, "1. Events are appended, each durable before the call returns")?;
    for line in EVENTS {
        store.append(line.0, Expected::Any, &[event(line)?])?;
    }
    transfer(store)?;
    print(out, &store.view(), Query::all())?;
    out.line("The last two were one batch over two accounts: both are there, or neither.")?;
    conflict(out, store)?;
    reads(out, store)?;
    time_travel(out, store)
}

fn event(line: &Line) -> Result<NewEvent<'static>> {
    let (_, event_type, time, tag, data) = *line;
    Ok(NewEvent::json(event_type, data).at(moment(time)?).with_tag(tag))
}

fn moment(text: &str) -> Result<Timestamp> {
    time::parse(text).with_context(|| format!("{text:?}"))
}

/// Money moves from one account to another: one batch, two streams.
fn transfer(store: &Store) -> Result<()> {
    let mut batch = Batch::new();
    let time = "2024-05-07T12:00:00Z";
    batch.push("account-ada", &event(&("", "Withdrawn", time, "customer:ada", r#"{"cents":-10000}"#))?)?;
    batch.push("account-bob", &event(&("", "Deposited", time, "customer:bob", r#"{"cents":10000}"#))?)?;
    batch.expect("account-ada", Expected::StreamExists)?;
    store.append_batch(batch)?;
    Ok(())
}

fn conflict(out: &mut Out, store: &Store) -> Result<()> {
    head(out, "2. Two clerks have read account-ada at version 4; both want to change it")?;
    let seen = Expected::Exact(Version::new(4));
    let withdraw = |cents: &'static str, time: &str| -> Result<NewEvent<'static>> {
        Ok(NewEvent::json("Withdrawn", cents).at(moment(time)?).with_tag("customer:ada"))
    };
    let first = withdraw(r#"{"cents":-30000}"#, "2024-05-08T09:00:00Z")?;
    let second = withdraw(r#"{"cents":-20000}"#, "2024-05-08T09:00:01Z")?;
    let appended = store.append("account-ada", seen, &[first])?;
    out.line(format_args!("The first one appends at position {}.", appended.first_position))?;
    match store.append("account-ada", seen, &[second]) {
        Err(AppendError::Conflict(conflict)) => {
            out.line(format_args!("The second one is told: {conflict}. Nothing was appended."))
        }
        Err(error) => Err(error.into()),
        Ok(_) => bail!("the second append should have been a conflict"),
    }
}

fn reads(out: &mut Out, store: &Store) -> Result<()> {
    let view = store.view();
    head(out, "3. One stream: order-1001")?;
    print(out, &view, Query::stream("order-1001"))?;
    head(out, "   All streams: what happened with the tag customer:bob, newest first")?;
    print(out, &view, Query::all().tagged("customer:bob").backwards())
}

fn time_travel(out: &mut Out, store: &Store) -> Result<()> {
    head(out, "4. Any moment can be asked for")?;
    let now = store.view();
    let then = now.as_of(AsOf::Occurred(moment("2024-05-04T00:00:00Z")?))?;
    for (when, view) in [("as of 4 May 2024", &then), ("now", &now)] {
        let order = fold(view, Query::stream("order-1001"), &Reduce::Merge, Shown::default())?;
        let (version, order) = (order.version(), order.into_json());
        let sum = Reduce::Sum("/cents".to_owned());
        let cents = fold(view, Query::stream("account-ada"), &sum, Shown::default())?.into_json();
        out.line(format_args!("{when:>16}  order-1001 (version {version})  {order}"))?;
        out.line(format_args!("{:>16}  account-ada holds {cents} cents", ""))?;
    }
    Ok(())
}

fn print(out: &mut Out, view: &View, query: Query) -> Result<()> {
    let mut printer = Printer::new(out);
    printer.all(out, view, query)?;
    printer.flush(out)
}
