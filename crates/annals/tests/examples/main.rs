//! The examples tell what they say they tell.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should end it")]

#[path = "../../examples/bank_account.rs"]
mod bank_account;
#[path = "../../examples/order.rs"]
mod order;

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
    assert_eq!(told(bank_account::run), "refused: the account would be overdrawn by 4212.00 more\n");
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
