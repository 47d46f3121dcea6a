//! One figure of one engine, over all rounds, and its ratio to the floor of the same round.

use super::columns::Column;
use super::number::{number, ratio};
use crate::results::Measurement;
use crate::runner::FLOOR;
use annals_benches::workload::spread;

/// A figure over all rounds.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Median, least and most.
    figures: (f64, f64, f64),
    /// Those of the ratio to the floor of the same round, where there is one.
    pub(super) ratios: Option<(f64, f64, f64)>,
    /// Whether there is no round with a quiet disk.
    disturbed: bool,
}

impl Cell {
    /// The figure of a column, if the engine has it.
    pub(super) fn new(all: &[Measurement], column: &Column, engine: &str) -> Option<Self> {
        let own: Vec<&Measurement> = all.iter().filter(|one| is(one, column.workload, engine)).collect();
        let has = |one: &&Measurement| one.figures.contains_key(column.figure);
        let quiet: Vec<&Measurement> = own.iter().copied().filter(|one| !one.disturbed).filter(has).collect();
        let disturbed = quiet.is_empty();
        let used = if disturbed { own.into_iter().filter(has).collect() } else { quiet };
        if used.is_empty() {
            return None;
        }
        let figures: Vec<f64> = used.iter().map(|one| one.figures[column.figure]).collect();
        let ratios: Vec<f64> = used
            .iter()
            .filter_map(|one| Some(one.figures[column.figure] / floor_of(all, column, one, disturbed)?))
            .collect();
        let ratios = (!ratios.is_empty() && engine != FLOOR).then(|| spread(ratios));
        Some(Cell { figures: spread(figures), ratios, disturbed })
    }

    /// The median.
    pub(super) fn median(&self) -> f64 {
        self.figures.0
    }

    /// Median, range and ratio.
    pub(super) fn text(&self) -> String {
        let (median, least, most) = self.figures;
        let mut text = number(median);
        if least < most {
            text += &format!(" ({}–{})", number(least), number(most));
        }
        if let Some((median, ..)) = self.ratios {
            text += &format!(" **{}**", ratio(median));
        }
        if self.disturbed {
            text.push('*');
        }
        text
    }
}

fn is(one: &Measurement, workload: &str, engine: &str) -> bool {
    one.workload == workload && one.engine == engine
}

/// The floor's figure in the round of a measurement, unless the disk was disturbed for it.
fn floor_of(all: &[Measurement], column: &Column, one: &Measurement, disturbed: bool) -> Option<f64> {
    let (workload, figure) = column.reference();
    let same = |floor: &&Measurement| (floor.run, floor.round) == (one.run, one.round);
    let floors = all.iter().filter(|floor| is(floor, workload, FLOOR)).filter(same);
    floors.filter(|floor| disturbed || !floor.disturbed).find_map(|floor| floor.figures.get(figure).copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::columns::TABLES;

    fn one(round: u32, engine: &str, rate: f64, disturbed: bool) -> Measurement {
        Measurement {
            run: 1,
            round,
            workload: "w1".into(),
            engine: engine.into(),
            figures: [("per_s".to_owned(), rate)].into(),
            probe_us: None,
            disturbed,
        }
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        let all = [
            one(0, "floor", 100.0, false),
            one(0, "annals", 90.0, false),
            one(1, "floor", 10.0, false),
            one(1, "annals", 8.0, false),
            one(2, "floor", 100.0, false),
            one(2, "annals", 1.0, true),
        ];
        let cell = Cell::new(&all, &TABLES[0].1[0], "annals").unwrap();
        assert_eq!(cell.text(), "90.0 (8.00–90.0) **0.90**");
        assert_eq!(Cell::new(&all[4..], &TABLES[0].1[0], "annals").unwrap().text(), "1.00 **0.01***");
        assert!(Cell::new(&all, &TABLES[0].1[0], "redb").is_none());
    }
}
