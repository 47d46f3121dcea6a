//! What a suite found, for people.

use annals_sim::{Suite, Summary};
use std::io::{self, Write, stdout};

/// Prints what came of a suite, with the command that repeats each failure. Says whether all is well, also where nobody
/// reads it to the end.
pub(crate) fn report(suite: &dyn Suite, summary: &Summary) -> bool {
    let _ = write(&mut stdout().lock(), suite, summary);
    summary.failures.is_empty()
}

fn write(out: &mut dyn Write, suite: &dyn Suite, summary: &Summary) -> io::Result<()> {
    let Summary { cases, units, failures, took } = summary;
    let name = suite.name();
    let repeat = if name == "simulation" { "--seed".into() } else { format!("{name} --case") };
    for (case, failure) in failures {
        writeln!(out, "{name}: case {case} failed: {failure}")?;
        writeln!(out, "  again: cargo run --release -p annals-sim -- {repeat} {case}")?;
    }
    let (unit, failed, seconds) = (suite.unit(), failures.len(), took.as_secs_f64());
    writeln!(out, "{name}: {units} {unit} in {cases} cases, {failed} failed, {seconds:.1} s")?;
    suite.note().map_or(Ok(()), |note| writeln!(out, "{name}: {note}"))
}
