//! Single figures about the data that a line of `jq`, `grep` or `awk` can tell as well.

use crate::canonical::string;
use crate::data::{Given, Set, on};
use crate::store::Layout;
use crate::tool::{Tool, number, text};
use serde_json::Value;

fn tool(given: &Given) -> Tool {
    given.tool(Layout::Usual)
}

/// How many events a command prints.
fn events(tool: &Tool, args: &[&str]) -> usize {
    tool.text(args).lines().count()
}

/// A state of a stream as of a time, and its version.
fn state(tool: &Tool, stream: &str, time: &str, reduce: &str) -> (u64, Value) {
    let mut found = tool.one(&["state", "--stream", stream, "--as-of", time, "--reduce", reduce]);
    (number(&found, "version"), found["state"].take())
}

/// The exact sum of a number in the data of the events that a command prints.
fn sum(tool: &Tool, args: &[&str], key: &str) -> i64 {
    tool.lines(args).iter().map(|event| event["data"][key].as_i64().unwrap()).sum()
}

#[test]
fn permits_are_counted_in_a_local_month_with_a_change_of_offset() {
    on(Set::Receipt, |given| {
        let tool = &tool(given);
        let month = ["--since", "2011-03-01T00:00:00+01:00", "--until", "2011-04-01T00:00:00+02:00"];
        let read = [&["read", "--type", "T02 Check confirmation of receipt"], &month[..]].concat();
        assert_eq!(events(tool, &read), 132);
    });
}

#[test]
fn a_permit_has_nine_of_its_events_on_a_day() {
    on(Set::Receipt, |given| {
        let tool = &tool(given);
        let read = ["read", "--stream", "permit-9289"];
        assert_eq!(events(tool, &read), 25);
        let then = tool.lines(&[&read[..], &["--as-of", "2011-09-05T00:00:00+02:00"]].concat());
        assert_eq!((then.len(), text(&then[8], "type")), (9, "T04 Determine confirmation of receipt"));
    });
}

#[test]
fn approved_loans_are_counted_in_all_and_in_a_month() {
    on(Set::Loans, |given| {
        let tool = &tool(given);
        let read = ["read", "--type", "A_APPROVED"];
        assert_eq!(events(tool, &read), 2246);
        let month = ["--since", "2011-12-01T00:00:00+01:00", "--until", "2012-01-01T00:00:00+01:00"];
        assert_eq!(events(tool, &[read.as_slice(), &month].concat()), 406);
    });
}

#[test]
fn the_amounts_that_were_applied_for_have_their_sum() {
    on(Set::Loans, |given| {
        let tool = &tool(given);
        assert_eq!(sum(tool, &["read", "--type", "A_SUBMITTED"], "amount_requested"), 177_634_511);
    });
}

#[test]
fn an_application_stands_where_it_stood_at_new_year() {
    on(Set::Loans, |given| {
        let tool = &tool(given);
        let as_of = ["--as-of", "2012-01-01T00:00:00+01:00"];
        let then = tool.lines(&[&["read", "--stream", "application-185548"], &as_of[..]].concat());
        let types: Vec<_> = then.iter().map(|event| text(event, "type")).collect();
        assert_eq!(types.iter().rfind(|name| name.starts_with("A_")), Some(&"A_FINALIZED"));
        assert_eq!(types.iter().filter(|name| **name == "O_SENT").count(), 4);
    });
}

#[test]
fn payments_of_a_local_year_have_their_number_and_sum() {
    on(Set::Fines, |given| {
        let tool = &tool(given);
        let year = ["--since", "2005-01-01T00:00:00+01:00", "--until", "2006-01-01T00:00:00+01:00"];
        let read = [&["read", "--type", "Payment"], &year[..]].concat();
        assert_eq!((events(tool, &read), sum(tool, &read, "payment_cents")), (8659, 34_646_661));
    });
}

#[test]
fn a_fine_is_as_far_paid_as_it_was_on_a_day() {
    on(Set::Fines, |given| {
        let tool = &tool(given);
        let state = |reduce: &str| state(tool, "fine-V8169", "2006-02-28T00:00:00+01:00", reduce);
        assert_eq!(state("count"), (17, 17.into()));
        assert_eq!(state("merge").1["amount_cents"], 26_240);
        assert_eq!(state("sum:/expense_cents").1, 671);
        assert_eq!(state("sum:/payment_cents").1, 13_790);
    });
}

#[test]
fn thousands_of_events_at_one_instant_are_all_there() {
    on(Set::Fines, |given| {
        let tool = &tool(given);
        let instant = ["--since", "2006-02-27T23:00:00Z", "--until", "2006-02-27T23:00:00.000000001Z"];
        assert_eq!(events(tool, &[&["read"], &instant[..]].concat()), 5323);
    });
}

#[test]
fn fines_have_their_totals_as_of_an_instant_and_at_the_end() {
    on(Set::Fines, |given| {
        let tool = &tool(given);
        let then = ["--as-of", "2006-02-27T23:00:00Z"];
        let with = |args: &[&'static str]| [args, then.as_slice()].concat();
        let types = tool.lines(&with(&["types"]));
        assert_eq!(types.iter().map(|line| number(line, "events")).sum::<u64>(), 283_998);
        assert_eq!(events(tool, &with(&["streams"])), 76_411);
        let payments = ["read", "--type", "Payment"];
        assert_eq!(sum(tool, &with(&payments), "payment_cents"), 149_134_956);
        assert_eq!(sum(tool, &payments, "payment_cents"), 360_146_453);
        let in_collection = |types: &[Value]| {
            let name = "Send for Credit Collection";
            types.iter().find(|line| line["type"] == name).map(|line| number(line, "events"))
        };
        assert_eq!(in_collection(&types), Some(28_991));
        assert_eq!(in_collection(&tool.lines(&["types"])), Some(59_013));
    });
}

#[test]
fn pages_that_were_made_within_an_hour_are_counted() {
    on(Set::Wiki, |given| {
        let tool = &tool(given);
        let hour = ["--since", "2015-09-12T12:00:00Z", "--until", "2015-09-12T13:00:00Z"];
        assert_eq!(events(tool, &[&["read", "--type", "PageCreated"], &hour[..]].concat()), 103);
    });
}

#[test]
fn a_page_has_the_length_that_its_edits_gave_it() {
    on(Set::Wiki, |given| {
        let tool = &tool(given);
        let page = "de.wikipedia/Wikipedia:Vandalismusmeldung";
        assert_eq!(state(tool, page, "2015-09-12T12:00:00Z", "sum:/delta"), (19, 4629.into()));
        let now = tool.text(&["state", "--stream", page, "--reduce", "sum:/delta"]);
        assert_eq!(now, format!("{{\"stream\":{},\"version\":33,\"state\":8474}}\n", string(page)));
    });
}
