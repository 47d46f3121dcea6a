//! The tables, in Markdown.

use super::cell::Cell;
use super::columns::{Column, SUMMARY, TABLES};
use super::number::{number, ratio};
use crate::results::Measurement;
use crate::runner::FLOOR;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The engine that is compared with the others.
const OWN: &str = "annals";
/// What kind of engine each other is.
const KINDS: [(&str, &[&str]); 3] = [
    ("event store", &["sierradb", "tephra", "umadb"]),
    ("log", &["okaywal", "raft-engine"]),
    ("key-value store", &["fjall", "redb", "rocksdb", "sqlite"]),
];

/// All tables of some measurements: median, range over the rounds, and in bold the median of the ratios to the floor of
/// the same round. A star: the disk was disturbed in every round.
#[must_use]
pub fn markdown(all: &[Measurement]) -> String {
    let mut out = summary(all);
    for (title, columns) in TABLES {
        let present = |column: &&Column| all.iter().any(|one| one.workload == column.workload);
        let columns: Vec<&Column> = columns.iter().filter(present).collect();
        if !columns.is_empty() {
            let _ = write!(out, "\n### {title}\n\n");
            table(&mut out, all, &columns);
        }
    }
    out
}

/// Annals beside the floor and the best of each kind.
fn summary(all: &[Measurement]) -> String {
    let mut out = String::from("| | floor | Annals | ratio (range) |");
    for (kind, _) in KINDS {
        let _ = write!(out, " best {kind} |");
    }
    out += "\n|---|---|---|---|---|---|---|\n";
    for column in SUMMARY {
        let (workload, figure) = column.reference();
        let reference = Column { workload, figure, ..column };
        let (Some(floor), Some(own)) = (Cell::new(all, &reference, FLOOR), Cell::new(all, &column, OWN))
        else {
            continue;
        };
        let own_ratio = own.ratios.map_or_else(String::new, |(median, least, most)| {
            format!("**{}** ({}–{})", ratio(median), ratio(least), ratio(most))
        });
        let (floor, own) = (number(floor.median()), number(own.median()));
        let _ = write!(out, "| {} | {floor} | {own} | {own_ratio} |", column.title);
        for (_, engines) in KINDS {
            let _ = write!(out, " {} |", best(all, &column, engines));
        }
        out.push('\n');
    }
    out
}

fn best(all: &[Measurement], column: &Column, engines: &[&str]) -> String {
    let ratio_of = |engine: &&str| Some((Cell::new(all, column, engine)?.ratios?.0, (*engine).to_owned()));
    let ratios = engines.iter().filter_map(ratio_of);
    let best = if column.more_is_better {
        ratios.max_by(|one, other| one.0.total_cmp(&other.0))
    } else {
        ratios.min_by(|one, other| one.0.total_cmp(&other.0))
    };
    best.map_or_else(|| "–".to_owned(), |(figure, engine)| format!("{engine} {}", ratio(figure)))
}

fn table(out: &mut String, all: &[Measurement], columns: &[&Column]) {
    let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
    let _ = writeln!(out, "| | {} |\n|{}", titles.join(" | "), "---|".repeat(titles.len() + 1));
    for engine in ranked(all, columns[0]) {
        let cells = columns.iter().map(|column| Cell::new(all, column, &engine));
        let cells: Vec<String> =
            cells.map(|cell| cell.map_or_else(|| "–".to_owned(), |cell| cell.text())).collect();
        if cells.iter().any(|cell| cell != "–") {
            let _ = writeln!(out, "| {engine} | {} |", cells.join(" | "));
        }
    }
}

/// The engines: the floor, Annals, and the others, the best first.
fn ranked(all: &[Measurement], column: &Column) -> Vec<String> {
    let engines: BTreeSet<&str> = all.iter().map(|one| one.engine.as_str()).collect();
    let rank = |engine: &str| match engine {
        FLOOR => f64::NEG_INFINITY,
        OWN => f64::MIN,
        _ => {
            let ratio = Cell::new(all, column, engine).and_then(|cell| Some(cell.ratios?.0));
            ratio.map_or(f64::INFINITY, |ratio| if column.more_is_better { -ratio } else { ratio })
        }
    };
    let mut ranked: Vec<&str> = engines.into_iter().collect();
    ranked.sort_by(|one, other| rank(one).total_cmp(&rank(other)));
    ranked.into_iter().map(str::to_owned).collect()
}
