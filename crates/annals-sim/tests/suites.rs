//! Every suite, with the figures for every change.

use annals_sim::{Crashes, Damage, Faults, Plan, Simulation, Suite, run};

/// Two tests run at once where there are two cores, so each takes one, but for the longest: it takes over what the others leave.
fn check(suite: &dyn Suite, units: Option<u64>) {
    let jobs = if units.is_none() { 2 } else { 1 };
    let summary = run(suite, Plan { units, jobs, ..Plan::default() });
    assert!(summary.failures.is_empty(), "{}: {:#?}", suite.name(), summary.failures);
    assert!(summary.units >= units.unwrap_or(1), "{}: only {} checked", suite.name(), summary.units);
}

#[test]
fn whatever_a_seed_does_the_store_answers_as_the_model() {
    check(&Simulation, Some(2_000));
}

#[test]
fn whatever_a_crash_leaves_nothing_that_was_acknowledged_is_lost() {
    check(&Crashes, Some(5_000));
}

#[test]
fn whichever_call_fails_what_was_said_of_each_batch_is_true() {
    check(&Faults, None);
}

#[test]
fn whatever_is_damaged_the_data_is_exact_or_there_is_an_error() {
    check(&Damage, Some(5_000));
}
