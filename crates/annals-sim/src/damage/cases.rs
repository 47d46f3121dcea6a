//! Which damage a case number stands for.
//!
//! Every fourth case flips a bit somewhere in the bytes of all specimens; the others go round over all kinds of damage
//! to all files. Both walk with a stride, so that a few cases are spread evenly, and many cases reach everything.

use super::kinds::{Damaged, Kind, Source};
use super::layout::Layout;
use super::specimen::{Image, Specimen, foreign};
use crate::dice::Dice;
use crate::suite::Failure;

/// Once in so many cases there is a second damage.
const TWO_IN: u64 = 5;

/// The specimens, and everything that can be done to them.
pub(super) struct Cases {
    pub(super) specimens: Vec<Specimen>,
    foreign: Image,
    foreign_layout: Layout,
    series: Vec<Series>,
    /// Specimens and files, each with the number of bytes that come before it.
    bytes: Vec<(u64, usize, String)>,
    bytes_total: u64,
}

/// A kind of damage to a file.
struct Series {
    specimen: usize,
    file: String,
    kind: Kind,
    count: u64,
}

impl Cases {
    /// Lists what can be done to specimens.
    ///
    /// # Errors
    /// That the engine cannot make the store that is foreign to them.
    pub(super) fn of(specimens: Vec<Specimen>) -> Result<Self, Failure> {
        let foreign = foreign()?;
        let foreign_layout = Layout::of(&foreign);
        let mut cases = Cases {
            specimens,
            foreign,
            foreign_layout,
            series: Vec::new(),
            bytes: Vec::new(),
            bytes_total: 0,
        };
        let (mut series, mut bytes, mut total) = (Vec::new(), Vec::new(), 0);
        for (index, specimen) in cases.specimens.iter().enumerate() {
            let source = cases.source(index);
            let mut add = |file: &String, kind: Kind| {
                let count = source.count(kind, file);
                if count > 0 {
                    series.push(Series { specimen: index, file: file.clone(), kind, count });
                }
            };
            for (file, content) in &specimen.image {
                Kind::OF_FILES.into_iter().for_each(|kind| add(file, kind));
                bytes.push((total, index, file.clone()));
                total += content.len() as u64;
            }
            specimen.image.keys().take(1).for_each(|file| add(file, Kind::WholeOlder));
        }
        (cases.series, cases.bytes, cases.bytes_total) = (series, bytes, total);
        Ok(cases)
    }

    fn source(&self, specimen: usize) -> Source<'_> {
        let (foreign, foreign_layout) = (&self.foreign, &self.foreign_layout);
        Source { specimen: &self.specimens[specimen], foreign, foreign_layout }
    }

    /// How many series there are.
    #[cfg(test)]
    pub(super) fn series_count(&self) -> usize {
        self.series.len()
    }

    /// The damaged store of a case, and the specimen that it was.
    pub(super) fn case(&self, case: u64) -> (&Specimen, Damaged) {
        let mut dice = Dice::new(case);
        let (round, turn) = (case / 4, case % 4);
        let (specimen, file, kind, item) = match turn {
            0 => self.flip(round),
            _ => self.in_series(round * 3 + turn - 1),
        };
        let source = self.source(specimen);
        let image = source.specimen.image.clone();
        let mut damaged =
            Damaged { image, what: Vec::new(), resealed: false, misplaced: false, earlier: None };
        source.damage(&mut damaged, kind, file, item, &mut dice);
        if dice.one_in(TWO_IN) {
            let own: Vec<&Series> = self.series.iter().filter(|series| series.specimen == specimen).collect();
            let second = *dice.one_of(&own);
            let item = dice.below(second.count);
            source.damage(&mut damaged, second.kind, &second.file, item, &mut dice);
        }
        (source.specimen, damaged)
    }

    fn flip(&self, round: u64) -> (usize, &str, Kind, u64) {
        let byte = spread(round, self.bytes_total);
        let at = self.bytes.partition_point(|(before, ..)| *before <= byte) - 1;
        let (before, specimen, file) = &self.bytes[at];
        let length = self.specimens[*specimen].image.get(file).map_or(0, Vec::len) as u64;
        (*specimen, file, Kind::Flip, byte - before + length * (round / self.bytes_total))
    }

    fn in_series(&self, number: u64) -> (usize, &str, Kind, u64) {
        let count = self.series.len() as u64;
        let place = usize::try_from(spread(number % count, count)).unwrap_or(0);
        let Series { specimen, file, kind, count } = &self.series[place];
        (*specimen, file, *kind, spread(number / self.series.len() as u64, *count))
    }
}

/// The `index`-th of `count` numbers, in an order that is spread evenly and repeats only when all were there.
fn spread(index: u64, count: u64) -> u64 {
    // A stride near the golden section of the whole, without a common divisor.
    let mut stride = (count / 1_000 * 618 + count % 1_000 * 618 / 1_000).max(1);
    while divisor(stride, count) != 1 {
        stride += 1;
    }
    u64::try_from(u128::from(index) * u128::from(stride) % u128::from(count)).unwrap_or(0)
}

fn divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::specimens;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn spread_numbers_are_all_there_before_one_comes_again() {
        for count in [1, 2, 3, 10, 97, 1_000, 6_180] {
            let all: BTreeSet<u64> = (0..count).map(|index| spread(index, count)).collect();
            assert_eq!(all.len() as u64, count);
            assert_eq!(spread(count, count), spread(0, count));
        }
    }

    #[test]
    fn a_few_cases_touch_every_specimen_and_every_kind_of_file() {
        let cases = specimens().and_then(Cases::of).unwrap_or_else(|failure| panic!("{failure}"));
        let mut touched = BTreeSet::new();
        for case in 0..5_000 {
            let (specimen, damaged) = cases.case(case);
            let kind = |file: &str| file.split(['/', '.', ':', ' ']).next().unwrap_or_default().to_owned();
            touched.extend(damaged.what.iter().map(|what| (specimen.name, kind(what))));
            let (again, repeated) = cases.case(case);
            assert!(
                repeated.image == damaged.image && again.name == specimen.name,
                "case {case} is not repeated"
            );
        }
        for specimen in &cases.specimens {
            for file in specimen.image.keys() {
                let kind = file.split(['/', '.', ':', ' ']).next().unwrap_or_default().to_owned();
                assert!(
                    touched.contains(&(specimen.name, kind)),
                    "{}: {file} is never touched",
                    specimen.name
                );
            }
        }
        assert!(cases.series_count() > 500);
    }
}
