//! Times as text: RFC 3339 in, UTC out.
//!
//! The grammar is read here, strictly, so that what is not RFC 3339 is refused by name; the calendar (which
//! days exist, what an offset means) is jiff's.

use annals::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use std::fmt;

/// Why a text is not a time that the store can keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadTime {
    Form,
    NoOffset,
    Calendar,
    Offset,
    LeapSecond,
    Digits,
    Range,
}

impl fmt::Display for BadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadTime::Form => "not an RFC 3339 time such as 2024-05-01T09:30:00.25+02:00",
            BadTime::NoOffset => "the time has no offset from UTC: end it with Z or an offset such as +02:00",
            BadTime::Calendar => "there is no such date or time of day",
            BadTime::Offset => "an offset from UTC is at most 23:59",
            BadTime::LeapSecond => "a leap second cannot be kept: use second 59 or the minute after",
            BadTime::Digits => "a time is kept to the nanosecond: at most 9 digits after the point",
            BadTime::Range => "the time is outside 1677-09-21 to 2262-04-11",
        })
    }
}

impl std::error::Error for BadTime {}

/// Reads an RFC 3339 time. The offset is required; nanoseconds are kept.
pub(crate) fn parse(text: &str) -> Result<Timestamp, BadTime> {
    let mut rest = Text(text.as_bytes());
    let (year, month, day) = (rest.number(4)?, rest.after(b"-")?.number(2)?, rest.after(b"-")?.number(2)?);
    let hour = rest.after(b"Tt ")?.number(2)?;
    let (minute, second) = (rest.after(b":")?.number(2)?, rest.after(b":")?.number(2)?);
    let nanos = rest.fraction()?;
    let offset = rest.offset()?;
    if second == 60 {
        return Err(BadTime::LeapSecond);
    }
    let [month, day, hour, minute, second] = [month, day, hour, minute, second].map(|n| n as i8);
    let local =
        DateTime::new(year as i16, month, day, hour, minute, second, nanos).map_err(|_| BadTime::Calendar)?;
    let moment = offset.to_timestamp(local).map_err(|_| BadTime::Range)?;
    i64::try_from(moment.as_nanosecond()).map(Timestamp::from_nanos).map_err(|_| BadTime::Range)
}

/// Shows a moment as RFC 3339 in UTC, with as many digits after the point as it needs.
pub(crate) fn show(time: Timestamp) -> impl fmt::Display {
    Shown(time)
}

struct Shown(Timestamp);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_nanosecond(i128::from(self.0.as_nanos())).map_err(|_| fmt::Error)?;
        time.fmt(f)
    }
}

/// What is left of the text.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    /// Takes one of the bytes in `any`.
    fn after(&mut self, any: &[u8]) -> Result<&mut Self, BadTime> {
        match self.0.split_first() {
            Some((byte, rest)) if any.contains(byte) => self.0 = rest,
            _ => return Err(BadTime::Form),
        }
        Ok(self)
    }

    /// Takes a number of exactly `digits` digits (at most 4).
    fn number(&mut self, digits: usize) -> Result<u16, BadTime> {
        let (number, rest) = self.0.split_at_checked(digits).ok_or(BadTime::Form)?;
        self.0 = rest;
        number.iter().try_fold(0, |sum, byte| match byte {
            b'0'..=b'9' => Ok(sum * 10 + u16::from(byte - b'0')),
            _ => Err(BadTime::Form),
        })
    }

    /// Takes the digits after the point, if there is one, as nanoseconds.
    fn fraction(&mut self) -> Result<i32, BadTime> {
        let Some(rest) = self.0.strip_prefix(b".") else { return Ok(0) };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.0 = &rest[digits..];
        match digits {
            0 => Err(BadTime::Form),
            1..=9 => {
                let number = rest[..digits].iter().fold(0, |sum, byte| sum * 10 + i32::from(byte - b'0'));
                Ok(number * 10_i32.pow(9 - digits as u32))
            }
            _ => Err(BadTime::Digits),
        }
    }

    /// Takes the offset, which ends the text.
    fn offset(&mut self) -> Result<Offset, BadTime> {
        let sign = match self.0 {
            [] => return Err(BadTime::NoOffset),
            b"Z" | b"z" => return Ok(Offset::UTC),
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return Err(BadTime::Form),
        };
        let hours = i32::from(self.after(b"+-")?.number(2)?);
        let minutes = i32::from(self.after(b":")?.number(2)?);
        if !self.0.is_empty() {
            return Err(BadTime::Form);
        }
        if hours > 23 || minutes > 59 {
            return Err(BadTime::Offset);
        }
        Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).map_err(|_| BadTime::Offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> String {
        show(parse(text).unwrap()).to_string()
    }

    #[test]
    fn every_offset_is_taken_and_utc_comes_back_with_the_digits_needed() {
        for (given, shown) in [
            ("2010-10-02T09:20:39.266+02:00", "2010-10-02T07:20:39.266Z"),
            ("2000-01-01T00:00:00+01:00", "1999-12-31T23:00:00Z"),
            ("1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z"),
            ("1900-01-01t00:00:00.100000000z", "1900-01-01T00:00:00.1Z"),
            ("2024-02-29 12:00:00-23:59", "2024-03-01T11:59:00Z"),
            ("2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775807Z"),
            ("1677-09-21T00:12:43.145224192-00:00", "1677-09-21T00:12:43.145224192Z"),
        ] {
            assert_eq!(round_trip(given), shown);
        }
    }

    #[test]
    fn what_is_not_a_time_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", BadTime::Form),
            ("yesterday", BadTime::Form),
            ("2024-05-01", BadTime::Form),
            ("2024-05-01T09:30Z", BadTime::Form),
            ("2024-05-01T09:30:00.Z", BadTime::Form),
            ("2024-05-01T09:30:00+0200", BadTime::Form),
            ("2024-05-01T09:30:00Z ", BadTime::Form),
            ("+2024-05-01T09:30:00Z", BadTime::Form),
            ("2024-05-01T09:30:00", BadTime::NoOffset),
            ("2024-05-01T09:30:00.5", BadTime::NoOffset),
            ("2023-02-29T09:30:00Z", BadTime::Calendar),
            ("2024-05-01T24:00:00Z", BadTime::Calendar),
            ("2024-05-01T09:30:00+24:00", BadTime::Offset),
            ("2016-12-31T23:59:60Z", BadTime::LeapSecond),
            ("2024-05-01T09:30:00.1234567890Z", BadTime::Digits),
            ("2262-04-11T23:47:16.854775808Z", BadTime::Range),
            ("0000-01-01T00:00:00Z", BadTime::Range),
        ] {
            assert_eq!(parse(text), Err(reason), "{text}");
        }
    }
}
