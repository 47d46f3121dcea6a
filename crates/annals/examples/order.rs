//! The life of an order: commands that are allowed in some states and not in others, two aggregates changed together, and who
//! did what on whose behalf.
//!
//! ```console
//! $ cargo run --example order
//! ```

#![allow(clippy::inconsistent_digit_grouping, reason = "cents stand apart")]

use annals::testing::given;
use annals::{Aggregate, Batch, CommandContext, DomainEvent, ExecuteError, Expected, Handle, Query, Store};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OrderEvent {
    Placed { customer: String },
    LineAdded { article: String, quantity: u32, cents: u64 },
    LineRemoved { article: String },
    Paid { cents: u64 },
    Shipped { parcel: String },
    Cancelled { reason: String },
}
use OrderEvent::{Cancelled, LineAdded, LineRemoved, Paid, Placed, Shipped};

/// Where an order is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Stage {
    #[default]
    NotPlaced,
    Open,
    Paid,
    Shipped,
    Cancelled,
}

#[derive(Debug, Default)]
struct Order {
    stage: Stage,
    /// Quantity and price of each article.
    lines: BTreeMap<String, (u32, u64)>,
}

impl Order {
    fn total(&self) -> u64 {
        self.lines.values().map(|(quantity, cents)| u64::from(*quantity) * cents).sum()
    }
}

impl Aggregate for Order {
    type Event = OrderEvent;

    fn apply(&mut self, event: OrderEvent) {
        match event {
            Placed { .. } => self.stage = Stage::Open,
            LineAdded { article, quantity, cents } => {
                self.lines.insert(article, (quantity, cents));
            }
            LineRemoved { article } => {
                self.lines.remove(&article);
            }
            Paid { .. } => self.stage = Stage::Paid,
            Shipped { .. } => self.stage = Stage::Shipped,
            Cancelled { .. } => self.stage = Stage::Cancelled,
        }
    }
}

/// What can be asked of an order.
enum Command {
    Place { customer: &'static str },
    Add { article: &'static str, quantity: u32, cents: u64 },
    Remove { article: &'static str },
    Pay { cents: u64 },
    Ship { parcel: &'static str },
    Cancel { reason: &'static str },
}

#[derive(Debug, PartialEq, thiserror::Error)]
enum Refused {
    #[error("not while the order is {0:?}")]
    Stage(Stage),
    #[error("the order has no {0}")]
    NoSuchLine(&'static str),
    #[error("{missing} cents are missing")]
    Short { missing: u64 },
    #[error("the order is empty")]
    Empty,
}

impl Handle<Command> for Order {
    type Error = Refused;

    fn handle(&self, command: &Command) -> Result<Vec<OrderEvent>, Refused> {
        let event = match (command, self.stage) {
            (Command::Place { customer }, Stage::NotPlaced) => Placed { customer: (*customer).into() },
            (Command::Add { article, quantity, cents }, Stage::Open) => {
                LineAdded { article: (*article).into(), quantity: *quantity, cents: *cents }
            }
            (Command::Remove { article }, Stage::Open) if self.lines.contains_key(*article) => {
                LineRemoved { article: (*article).into() }
            }
            (Command::Remove { article }, Stage::Open) => return Err(Refused::NoSuchLine(article)),
            (Command::Pay { .. }, Stage::Open) if self.lines.is_empty() => return Err(Refused::Empty),
            (Command::Pay { cents }, Stage::Open) => match self.total().saturating_sub(*cents) {
                0 => Paid { cents: *cents },
                missing => return Err(Refused::Short { missing }),
            },
            (Command::Ship { parcel }, Stage::Paid) => Shipped { parcel: (*parcel).into() },
            // Cancelling twice is no mistake, and nothing to note either.
            (Command::Cancel { .. }, Stage::Cancelled) => return Ok(Vec::new()),
            (Command::Cancel { reason }, Stage::Open | Stage::Paid) => Cancelled { reason: (*reason).into() },
            (_, stage) => return Err(Refused::Stage(stage)),
        };
        Ok(vec![event])
    }
}

/// The rules, one sentence each.
fn rules_hold() {
    let open = || {
        vec![Placed { customer: "Ada".into() }, LineAdded { article: "tea".into(), quantity: 2, cents: 450 }]
    };
    let then = |mut events: Vec<OrderEvent>, event| {
        events.push(event);
        events
    };
    let paid = || then(open(), Paid { cents: 900 });
    given::<Order>(open()).when(Command::Pay { cents: 900 }).then([Paid { cents: 900 }]);
    given::<Order>(open()).when(Command::Pay { cents: 899 }).then_err(Refused::Short { missing: 1 });
    given::<Order>(open()).when(Command::Ship { parcel: "p" }).then_err(Refused::Stage(Stage::Open));
    given::<Order>(open()).when(Command::Remove { article: "milk" }).then_err(Refused::NoSuchLine("milk"));
    given::<Order>(paid())
        .when(Command::Add { article: "milk", quantity: 1, cents: 120 })
        .then_err(Refused::Stage(Stage::Paid));
    given::<Order>(then(paid(), Shipped { parcel: "p".into() }))
        .when(Command::Cancel { reason: "late" })
        .then_err(Refused::Stage(Stage::Shipped));
    given::<Order>(then(paid(), Cancelled { reason: "x".into() }))
        .when(Command::Cancel { reason: "y" })
        .then_nothing();
}

pub(crate) fn run(store: &Store, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    rules_hold();
    let orders = store.aggregates::<Order>();
    let by_ada = CommandContext::new().metadata(r#"{"user":"ada","request":"r-1"}"#).tag("customer:ada");
    for command in [
        Command::Place { customer: "Ada" },
        Command::Add { article: "tea", quantity: 2, cents: 4_50 },
        Command::Add { article: "milk", quantity: 1, cents: 1_20 },
        Command::Remove { article: "milk" },
        Command::Pay { cents: 8_00 },
        Command::Pay { cents: 9_00 },
    ] {
        match orders.execute_with("order-1", &command, &by_ada) {
            Ok(executed) => {
                let order = executed.loaded.state();
                writeln!(
                    out,
                    "version {}: {:?}, {} cents",
                    executed.loaded.version(),
                    order.stage,
                    order.total()
                )?;
            }
            Err(ExecuteError::Rejected(reason)) => writeln!(out, "refused: {reason}")?,
            Err(other) => return Err(other.into()),
        }
    }

    // Shipping takes the goods from the shelf: two streams, all or nothing.
    let order = orders.load("order-1")?;
    let shipped = order.state().handle(&Command::Ship { parcel: "parcel-9" })?;
    let mut batch = Batch::new();
    batch.expect("order-1", Expected::Exact(order.version()))?;
    for event in &shipped {
        batch.push("order-1", &event.to_new()?)?;
    }
    batch.push("shelf-tea", &annals::NewEvent::json("taken", r#"{"quantity":2,"order":"order-1"}"#))?;
    store.append_batch(batch)?;

    writeln!(out, "what Ada did:")?;
    for event in store.view().read(Query::all().tagged("customer:ada"))? {
        let event = event?;
        writeln!(out, "  {} {} {}", event.stream, event.version, event.event_type)?;
    }
    writeln!(out, "order-1 is {:?}", orders.load("order-1")?.state().stage)?;
    Ok(())
}

#[allow(dead_code, reason = "the tests call `run`")]
fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let store = Store::open(directory.path().join("orders"))?;
    run(&store, &mut io::stdout().lock())?;
    Ok(store.close()?)
}
