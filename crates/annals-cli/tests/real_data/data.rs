//! Where the data are, and what their files say.

use crate::facts::{AllFacts, Facts};
use annals::Timestamp;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::any::type_name;
use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

/// The environment variable that names the directory with the data.
pub(crate) const VARIABLE: &str = "ANNALS_TEST_DATA";

/// One of the four sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    Receipt,
    Loans,
    Fines,
    Wiki,
}

impl Set {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Set::Receipt => "receipt",
            Set::Loans => "loans",
            Set::Fines => "fines",
            Set::Wiki => "wiki",
        }
    }
}

/// A set that is there.
#[derive(Clone, Copy)]
pub(crate) struct Given {
    pub(crate) set: Set,
    pub(crate) facts: &'static Facts,
}

impl Given {
    /// The set, or why it is not there.
    pub(crate) fn find(set: Set) -> Result<Given, String> {
        let (directory, facts) = all()?;
        let facts = &facts.sets[set.name()];
        let file = directory.join(&facts.file);
        if file.is_file() {
            Ok(Given { set, facts })
        } else {
            Err(format!("{VARIABLE} has no {}", facts.file))
        }
    }

    /// The file with the events.
    pub(crate) fn file(&self) -> PathBuf {
        all().unwrap().0.join(&self.facts.file)
    }

    /// Its lines, unpacked.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        BufReader::new(self.plain()).lines().map(Result::unwrap)
    }

    /// The file's bytes, unpacked.
    pub(crate) fn plain(&self) -> Box<dyn Read> {
        let file = BufReader::with_capacity(1 << 20, File::open(self.file()).unwrap());
        if self.facts.file.ends_with(".gz") { Box::new(GzDecoder::new(file)) } else { Box::new(file) }
    }

    /// What Annals does not keep of the events: how the source wrote the times, and whether it gave the ids.
    pub(crate) fn written(&self) -> Vec<Written> {
        let lines = self.lines();
        lines
            .map(|line| {
                let line = Line::parse(&line);
                Written { time: line.time.into_owned(), has_id: line.id.is_some() }
            })
            .collect()
    }
}

/// Runs a check on a set, or says why it cannot be.
pub(crate) fn on<F: FnOnce(&Given)>(set: Set, check: F) {
    match Given::find(set) {
        Ok(given) => check(&given),
        Err(why) => skipped(type_name::<F>(), set, &why),
    }
}

/// Says that a test was skipped, past the test harness, which shows the output of failed tests only.
fn skipped(check: &str, set: Set, why: &str) {
    let check = check.trim_end_matches("::check").trim_end_matches("::{{closure}}");
    let line = format!("skipped: {check} ({}): {why}\n", set.name());
    io::stderr().write_all(line.as_bytes()).unwrap();
}

/// How the source wrote an event, where Annals does not keep it.
pub(crate) struct Written {
    time: String,
    pub(crate) has_id: bool,
}

impl Written {
    /// The time as it was written, if it is the one that the store has.
    pub(crate) fn at(&self, occurred_at: Timestamp) -> &str {
        assert_eq!(instant(&self.time), occurred_at.as_nanos());
        &self.time
    }
}

/// An event as it stands on its line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line<'a> {
    #[serde(borrow)]
    pub(crate) stream: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    pub(crate) event_type: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) time: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) data: &'a RawValue,
    #[serde(borrow)]
    pub(crate) metadata: &'a RawValue,
}

impl<'a> Line<'a> {
    pub(crate) fn parse(line: &'a str) -> Self {
        serde_json::from_str(line).unwrap()
    }
}

/// Nanoseconds since 1970 of an RFC 3339 time.
pub(crate) fn instant(time: &str) -> i64 {
    let time: jiff::Timestamp = time.parse().unwrap();
    time.as_nanosecond().try_into().unwrap()
}

/// The directory, and the facts that lie in it.
fn all() -> Result<&'static (PathBuf, AllFacts), String> {
    static ALL: OnceLock<Result<(PathBuf, AllFacts), String>> = OnceLock::new();
    let find = || {
        let directory = std::env::var_os(VARIABLE).filter(|directory| !directory.is_empty());
        let directory = directory.ok_or_else(|| format!("{VARIABLE} is not set"))?;
        let directory = PathBuf::from(directory);
        let text = fs::read(directory.join("facts.json"))
            .map_err(|error| format!("facts.json in {VARIABLE} cannot be read: {error}"))?;
        Ok((directory, serde_json::from_slice(&text).unwrap()))
    };
    ALL.get_or_init(find).as_ref().map_err(Clone::clone)
}
