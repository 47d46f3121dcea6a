//! The examples tell what they say they tell.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should end it")]

#[path = "../../examples/bank_account.rs"]
mod bank_account;
#[path = "../../examples/order.rs"]
mod order;
#[path = "../../examples/schema_evolution.rs"]
mod schema_evolution;

use annals::{Options, Store};
use std::error::Error;
use std::io::Write;

fn told(run: impl FnOnce(&Store, &mut dyn Write) -> Result<(), Box<dyn Error>>) -> String {
    let store = Options::new().open_in_memory().unwrap();
    let mut out = Vec::new();
    run(&store, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_bank_account_is_kept_looked_back_on_and_audited() {
    assert_eq!(
        told(bank_account::run),
        "refused: the account would be overdrawn by 421200 cents more than it may be\n\
         balance now: 5013.50 at version 66\n  loaded from the snapshot at version 50, and 16 events behind it\n\
         balance on 1 March: 16488.00\n\
         balance on 1 March, as is known now: 16568.00\n\
         balance on 1 March, as was known before: 16488.00\n\
         over 10,000 in the first quarter:\n  2024-02-20 account-7 deposited 14000.00\n  \
         2024-03-28 account-7 withdrawn 11200.00\n"
    );
}

#[test]
fn the_order_lives_by_its_rules() {
    assert_eq!(
        told(order::run),
        "version 1: Open, 0 cents\n\
         version 2: Open, 900 cents\n\
         version 3: Open, 1020 cents\n\
         version 4: Open, 900 cents\n\
         refused: 100 cents are missing\n\
         version 5: Paid, 900 cents\n\
         what Ada did:\n  \
           order-1 1 placed\n  \
           order-1 2 line_added\n  \
           order-1 3 line_added\n  \
           order-1 4 line_removed\n  \
           order-1 5 paid\n\
         order-1 is Shipped\n"
    );
}

#[test]
fn events_of_three_years_are_read_as_those_of_today() {
    let mut out = Vec::new();
    schema_evolution::run(Options::new(), &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "written as version 4 of its schema\n\
         {\"name\":\"Ada Lovelace\",\"age\":36,\"address\":\"London\"}\n\
         {\"name\":\"Grace Hopper\",\"age\":0,\"address\":null}\n\
         {\"name\":\"Edsger Dijkstra\",\"age\":72,\"address\":null}\n\
         refused: joined already\n\
         all who joined:\n  \
         customer-1 {\"age\":36,\"first_name\":\"Ada\",\"last_name\":\"Lovelace\"} (stored as registered 1)\n  \
         customer-2 {\"age\":0,\"first_name\":\"Grace\",\"last_name\":\"Hopper\"} (stored as registered 2)\n  \
         customer-3 {\"first_name\":\"Edsger\",\"last_name\":\"Dijkstra\",\"age\":72} (stored as customer_joined 4)\n\
         with stricter upcasters: the event at position 2 (stream \"customer-2\", type \"registered\", schema version 2): \
         step from version 2 of \"registered\": no age\n"
    );
}
