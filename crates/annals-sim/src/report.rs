//! What a suite found, for people.

use annals_sim::{Suite, Summary};

/// Prints what came of a suite, with the command that repeats each failure. Says whether all is well.
pub(crate) fn report(suite: &dyn Suite, summary: &Summary) -> bool {
    let Summary { cases, units, failures, took } = summary;
    let repeat = match suite.name() {
        "simulation" => "--seed".into(),
        name => format!("{name} --case"),
    };
    for (case, failure) in failures {
        println!("{}: case {case} failed: {failure}", suite.name());
        println!("  again: cargo run --release -p annals-sim -- {repeat} {case}");
    }
    let count = failures.len();
    println!(
        "{}: {units} {} in {cases} cases, {count} failed, {:.1} s",
        suite.name(),
        suite.unit(),
        took.as_secs_f64()
    );
    if let Some(note) = suite.note() {
        println!("{}: {note}", suite.name());
    }
    failures.is_empty()
}
