//! Which of two JSON numbers is the greater one: exactly, at any size.

use serde_json::Number;
use std::cmp::Ordering;

/// Compares two numbers; `None` where an exponent is beyond all measure.
pub(super) fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    let (one, other) = (Decimal::parse(&one.to_string())?, Decimal::parse(&other.to_string())?);
    Some(match (one.sign(), other.sign()) {
        (0, 0) => Ordering::Equal,
        (own, others) if own != others => own.cmp(&others),
        (1, _) => one.magnitude().cmp(&other.magnitude()),
        _ => other.magnitude().cmp(&one.magnitude()),
    })
}

/// `0.digits` times ten to the power of the exponent. The first digit and the last one are not zero.
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                (mantissa, exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?)
            }
            None => (text, 0i64),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let trailing = all[leading..].iter().rev().take_while(|digit| **digit == b'0').count();
        let digits = all[leading..all.len() - trailing].to_vec();
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
        Some(Decimal { negative, digits, exponent: exponent.checked_add(point)? })
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    /// Compares as magnitudes do, digit by digit, since the first one is not zero.
    fn magnitude(&self) -> (i64, &[u8]) {
        (self.exponent, &self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_exactly_however_they_are_written() {
        let ascending = [
            "-1e3",
            "-999.5",
            "-2",
            "-1",
            "-0.5",
            "0",
            "1e-3",
            "0.1",
            "0.11",
            "1",
            "1.5",
            "2",
            "9007199254740992",
            "9007199254740993",
            "123456789012345678901234567890",
            "1e40",
        ];
        let number = |text: &str| serde_json::from_str::<Number>(text).unwrap();
        for (index, one) in ascending.iter().enumerate() {
            for (other_index, other) in ascending.iter().enumerate() {
                let found = compare(&number(one), &number(other));
                assert_eq!(found, Some(index.cmp(&other_index)), "{one} {other}");
            }
        }
        for (one, other) in [("1", "1.0"), ("100", "1e2"), ("-0", "0"), ("0.50", "5e-1")] {
            assert_eq!(compare(&number(one), &number(other)), Some(Ordering::Equal), "{one} {other}");
        }
    }
}
