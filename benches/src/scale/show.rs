//! Figures for people.

use crate::workload::spread;
use std::time::Duration;

/// Prints the head of a table of figures.
pub(crate) fn head() {
    println!("{:<52} {:>14} {:>14} {:>14}", "", "median", "least", "most");
}

/// Prints one figure of several rounds: median, least and most.
pub(crate) fn line(name: &str, figures: &[f64]) {
    let (median, least, most) = spread(figures.to_vec());
    println!("{name:<52} {:>14} {:>14} {:>14}", number(median), number(least), number(most));
}

/// The ratios of two figures, round by round.
pub(crate) fn ratios(own: &[f64], other: &[f64]) -> Vec<f64> {
    own.iter().zip(other).map(|(own, other)| own / other).collect()
}

/// With as many digits as say something.
pub(crate) fn number(number: f64) -> String {
    match number.abs() {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        1.0.. => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    }
}

/// Mebibytes.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// One number by another.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn per(number: u64, other: u64) -> f64 {
    number as f64 / (other as f64).max(1.0)
}

/// Milliseconds.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
