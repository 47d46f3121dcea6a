//! A program in its third year: its events have been written in three versions of their schema, and it knows only the newest.
//!
//! ```console
//! $ cargo run --example schema_evolution
//! ```
//!
//! Year one wrote `registered` with one name and an age as text. Year two split the name. Year three calls the event
//! `customer_joined`, has the age as a number, and keeps the address in an event of its own.

use annals::{
    Aggregate, ExecuteError, Expected, FieldType, Handle, NewEvent, Options, Outcome, Query, Rule, Store,
    UpcastStep, Upcasters,
};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::io::{self, Write};

/// The events as the program knows them today.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CustomerEvent {
    CustomerJoined { first_name: String, last_name: String, age: u32 },
    AddressGiven { address: String },
}

#[derive(Debug, Default, Serialize)]
struct Customer {
    name: String,
    age: u32,
    address: Option<String>,
}

impl Aggregate for Customer {
    type Event = CustomerEvent;

    fn apply(&mut self, event: CustomerEvent) {
        match event {
            CustomerEvent::CustomerJoined { first_name, last_name, age } => {
                (self.name, self.age) = (format!("{first_name} {last_name}"), age);
            }
            CustomerEvent::AddressGiven { address } => self.address = Some(address),
        }
    }
}

struct Join(&'static str, &'static str, u32);

impl Handle<Join> for Customer {
    type Error = &'static str;

    fn handle(&self, command: &Join) -> Result<Vec<CustomerEvent>, Self::Error> {
        match self.name.as_str() {
            "" => Ok(vec![CustomerEvent::CustomerJoined {
                first_name: command.0.into(),
                last_name: command.1.into(),
                age: command.2,
            }]),
            _ => Err("joined already"),
        }
    }
}

/// From each version to the next. What a rule can say, a rule says: rules can be registered in the store, and then the command
/// line tool reads the same events.
fn upcasters() -> Result<Upcasters, Box<dyn Error>> {
    let second = [Rule::split("/name", " ", ["/first_name", "/last_name"])];
    Ok(Upcasters::builder()
        .rules(UpcastStep::of("registered", 1).into_type("registered", 2, second))
        .step_into("registered", 2, [("customer_joined", 3), ("address_given", 1)], |payload| {
            let mut data = payload.into_json()?;
            let address = data.as_object_mut().and_then(|data| data.remove("address"));
            let mut events = vec![("customer_joined", data)];
            if let Some(address) = address {
                events.push(("address_given", serde_json::json!({ "address": address })));
            }
            Ok(Outcome::many(events))
        })
        .rules(UpcastStep::of("customer_joined", 3).into_type(
            "customer_joined",
            4,
            [Rule::set_default("/age", 0), Rule::convert("/age", FieldType::Number)],
        ))
        .build()?)
}

/// What the years before have left.
fn history(store: &Store) -> Result<(), Box<dyn Error>> {
    let first = NewEvent::json("registered", r#"{"name":"Ada Lovelace","age":"36","address":"London"}"#);
    let second = r#"{"first_name":"Grace","last_name":"Hopper"}"#;
    let second = NewEvent::json("registered", second).with_schema_version(2);
    store.append("customer-1", Expected::NoStream, &[first])?;
    store.append("customer-2", Expected::NoStream, &[second])?;
    Ok(())
}

pub(crate) fn run(options: Options, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let store = options.upcasters(upcasters()?).open_in_memory()?;
    history(&store)?;

    let customers = store.aggregates::<Customer>();
    let joined = customers.execute("customer-3", &Join("Edsger", "Dijkstra", 72))?;
    writeln!(out, "written as version {} of its schema", store.view().current_version("customer_joined")?)?;
    drop(joined);
    for number in 1..=3 {
        let customer = customers.load(&format!("customer-{number}"))?;
        writeln!(out, "{}", serde_json::to_string(customer.state())?)?;
    }
    // Rules of today hold for customers of any year.
    if let Err(ExecuteError::Rejected(reason)) = customers.execute("customer-1", &Join("Ada", "Lovelace", 36))
    {
        writeln!(out, "refused: {reason}")?;
    }

    // Asked for by the name of today, events are found under the names of then.
    writeln!(out, "all who joined:")?;
    let view = store.view();
    for event in view.read_upcast(Query::all().of_type("customer_joined"))? {
        let event = event?;
        let (now, then) = (event.event(), event.stored());
        let was = format!("{} {}", then.event_type, then.schema_version);
        writeln!(out, "  {} {} (stored as {was})", now.stream, String::from_utf8_lossy(&now.data()?))?;
    }

    // Before a new version is taken into use, the whole history is tried.
    let strict = Upcasters::builder()
        .step("registered", 1, |payload| match payload.into_json()? {
            data if data["age"].is_string() => Ok(Outcome::one(data)),
            _ => Err("no age".into()),
        })
        .step("registered", 2, |payload| match payload.into_json()? {
            data if data["age"].is_string() => Ok(Outcome::one(data)),
            _ => Err("no age".into()),
        })
        .build()?;
    let mut failed = Vec::new();
    for failure in view.check_upcasters(&strict)? {
        failed.push(failure?.to_string());
    }
    writeln!(out, "with stricter upcasters: {}", failed.join("; "))?;
    Ok(())
}

#[allow(dead_code, reason = "the tests call `run`")]
fn main() -> Result<(), Box<dyn Error>> {
    run(Options::new(), &mut io::stdout().lock())
}
