//! A bank account: commands and a rule, snapshots, the balance on a past day, what was known then, and an audit.
//!
//! ```console
//! $ cargo run --example bank_account            # in a temporary folder
//! $ cargo run --example bank_account -- ./bank  # in a new store that stays
//! ```

#![allow(clippy::inconsistent_digit_grouping, reason = "cents stand apart")]

use annals::testing::{given, given_nothing};
use annals::{
    Aggregate, AsOf, Clause, Clock, CommandContext, Criteria, ExecuteError, Handle, Query, SnapshotPolicy,
    Store, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::io::{self, Write};

/// What can happen to an account. Amounts are in cents.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AccountEvent {
    Opened { owner: String, overdraft: i64 },
    Deposited { cents: i64 },
    Withdrawn { cents: i64 },
}
use AccountEvent::{Deposited, Opened, Withdrawn};

/// What is known of an account: only what decisions and readers need.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Account {
    owner: Option<String>,
    cents: i64,
    overdraft: i64,
}

impl Aggregate for Account {
    type Event = AccountEvent;

    fn apply(&mut self, event: AccountEvent) {
        match event {
            Opened { owner, overdraft } => (self.owner, self.overdraft) = (Some(owner), overdraft),
            Deposited { cents } => self.cents += cents,
            Withdrawn { cents } => self.cents -= cents,
        }
    }

    /// What the audit looks for can be found without reading everything.
    fn tags(event: &AccountEvent) -> Vec<String> {
        match event {
            Deposited { cents } | Withdrawn { cents } if *cents > LARGE => vec!["amount:large".into()],
            _ => Vec::new(),
        }
    }
}

/// What an audit wants to see: more than 10,000.
const LARGE: i64 = 10_000_00;

struct Open {
    owner: &'static str,
    overdraft: i64,
}
struct Deposit(i64);
struct Withdraw(i64);

#[derive(Debug, PartialEq, thiserror::Error)]
enum Refused {
    #[error("the account is open already")]
    OpenAlready,
    #[error("the account is not open")]
    NotOpen,
    #[error("the account would be overdrawn by {beyond} cents more than it may be")]
    Overdrawn { beyond: i64 },
}

impl Handle<Open> for Account {
    type Error = Refused;

    fn handle(&self, command: &Open) -> Result<Vec<AccountEvent>, Refused> {
        match self.owner {
            Some(_) => Err(Refused::OpenAlready),
            None => Ok(vec![Opened { owner: command.owner.into(), overdraft: command.overdraft }]),
        }
    }
}

impl Handle<Deposit> for Account {
    type Error = Refused;

    fn handle(&self, Deposit(cents): &Deposit) -> Result<Vec<AccountEvent>, Refused> {
        match self.owner {
            Some(_) => Ok(vec![Deposited { cents: *cents }]),
            None => Err(Refused::NotOpen),
        }
    }
}

impl Handle<Withdraw> for Account {
    type Error = Refused;

    fn handle(&self, Withdraw(cents): &Withdraw) -> Result<Vec<AccountEvent>, Refused> {
        let left = self.cents - cents;
        match self.owner {
            None => Err(Refused::NotOpen),
            Some(_) if left < -self.overdraft => Err(Refused::Overdrawn { beyond: -self.overdraft - left }),
            Some(_) => Ok(vec![Withdrawn { cents: *cents }]),
        }
    }
}

/// The rules, tested in the words of the bank.
fn rules_hold() {
    let account = || [Opened { owner: "Ada".into(), overdraft: 500_00 }, Deposited { cents: 100_00 }];
    given::<Account>(account()).when(Withdraw(600_00)).then([Withdrawn { cents: 600_00 }]);
    given::<Account>(account()).when(Withdraw(600_01)).then_err(Refused::Overdrawn { beyond: 1 });
    given_nothing::<Account>().when(Deposit(1)).then_err(Refused::NotOpen);
}

pub(crate) fn run(store: &Store, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    rules_hold();
    // A snapshot now and then, so that an account of many years is loaded as fast as a new one.
    let accounts = store.aggregates::<Account>().with_snapshots("account/1", SnapshotPolicy::every(50));

    // Banks book later than things happen: each command says when it did.
    let on = |day: &str| Ok::<_, Box<dyn Error>>(CommandContext::new().at(noon(day)?));
    accounts.execute_with("account-7", &Open { owner: "Ada", overdraft: 500_00 }, &on("2024-01-02")?)?;
    accounts.execute_with("account-7", &Deposit(2_500_00), &on("2024-01-31")?)?;
    accounts.execute_with("account-7", &Withdraw(12_00), &on("2024-02-01")?)?;
    accounts.execute_with("account-7", &Deposit(14_000_00), &on("2024-02-20")?)?;
    accounts.execute_with("account-7", &Withdraw(11_200_00), &on("2024-03-28")?)?;
    accounts
        .execute_with("account-7", &Withdraw(10_000_00), &on("2024-04-02")?)
        .map(|_| ())
        .or_else(refused(out))?;
    for day in 1..=30 {
        accounts.execute_with("account-7", &Withdraw(4_50), &on(&format!("2024-04-{day:02}"))?)?;
    }
    for day in 1..=31 {
        accounts.execute_with("account-7", &Withdraw(4_50), &on(&format!("2024-05-{day:02}"))?)?;
    }

    let now = accounts.load("account-7")?;
    writeln!(out, "balance now: {} at version {}", money(now.state().cents), now.version())?;
    let from = now
        .snapshot()
        .map_or("the first event".to_owned(), |version| format!("the snapshot at version {version}"));
    writeln!(out, "  loaded from {from}, and {} events behind it", now.events_read())?;

    let then = accounts.load_as_of("account-7", AsOf::Occurred(noon("2024-03-01")?))?;
    writeln!(out, "balance on 1 March: {}", money(then.state().cents))?;

    // A receipt turns up late. The past changes, and what was known before it turned up does not.
    let before = store.view();
    accounts.execute_with("account-7", &Deposit(80_00), &on("2024-02-28")?)?;
    let then = accounts.load_as_of("account-7", AsOf::Occurred(noon("2024-03-01")?))?;
    writeln!(out, "balance on 1 March, as is known now: {}", money(then.state().cents))?;
    let known = accounts.load_from(&before.as_of(AsOf::Occurred(noon("2024-03-01")?))?, "account-7")?;
    writeln!(out, "balance on 1 March, as was known before: {}", money(known.state().cents))?;

    audit(store, out)
}

/// All deposits and withdrawals over 10,000 in the first quarter.
fn audit(store: &Store, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let large = Clause::new().of_type("deposited").of_type("withdrawn").tagged("amount:large");
    let quarter = Query::all()
        .matching(Criteria::any_of([large])?)
        .since(Clock::Occurred, midnight("2024-01-01")?)
        .until(Clock::Occurred, midnight("2024-04-01")?);
    writeln!(out, "over 10,000 in the first quarter:")?;
    for event in store.view().read(quarter)? {
        let event = event?;
        let data: serde_json::Value = serde_json::from_slice(&event.data()?)?;
        let cents = data["cents"].as_i64().unwrap_or_default();
        let day = jiff::Timestamp::from_nanosecond(event.occurred_at.as_nanos().into())?.strftime("%F");
        writeln!(out, "  {day} {} {} {}", event.stream, event.event_type, money(cents))?;
    }
    Ok(())
}

/// Tells why a command was rejected; any other error ends the story.
fn refused(out: &mut dyn Write) -> impl FnOnce(ExecuteError<Refused>) -> Result<(), Box<dyn Error>> {
    |error| match error {
        ExecuteError::Rejected(reason) => Ok(writeln!(out, "refused: {reason}")?),
        other => Err(other.into()),
    }
}

fn money(cents: i64) -> String {
    format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100)
}

fn noon(day: &str) -> Result<Timestamp, Box<dyn Error>> {
    time(&format!("{day}T12:00:00+01:00"))
}

fn midnight(day: &str) -> Result<Timestamp, Box<dyn Error>> {
    time(&format!("{day}T00:00:00+01:00"))
}

fn time(text: &str) -> Result<Timestamp, Box<dyn Error>> {
    let time: jiff::Timestamp = text.parse()?;
    Ok(Timestamp::from_nanos(time.as_nanosecond().try_into()?))
}

#[allow(dead_code, reason = "the tests call `run`")]
fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let path = std::env::args_os().nth(1).map_or_else(|| temporary.path().join("bank"), Into::into);
    let store = Store::open(path)?;
    run(&store, &mut io::stdout().lock())?;
    Ok(store.close()?)
}
