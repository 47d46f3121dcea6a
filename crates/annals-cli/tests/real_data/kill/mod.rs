//! Imports and single appends that are killed: what was acknowledged is there, no batch is there by half, and an import
//! can be repeated to the same end. Runs without the data, too, on events made for it.
//!
//! `ANNALS_KILLS` gives how many each test kills, instead of a few.

mod append;
mod random;
mod source;

use crate::canonical::string;
use crate::store::reading;
use crate::tool::{self, Tool, number};
use annals::Query;
use random::Random;
use serde_json::Value;
use source::{Source, sources};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::ops::RangeInclusive;
use std::process::{ChildStdout, Stdio};
use std::time::Duration;

/// How many each test kills, if nothing else is said.
const KILLS: u32 = 13;
/// An import may be over before it is killed. Then another one is, up to so many for each that is to be killed.
const TRIES_MAX: u32 = 20;

fn kills_wanted() -> u32 {
    std::env::var("ANNALS_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

#[test]
fn an_import_that_is_killed_loses_nothing() {
    kill_many("usual", &[], 1);
}

#[test]
fn an_import_into_small_segments_that_is_killed_loses_nothing() {
    kill_many("small", &["--segment-bytes", "16384"], 1);
}

#[test]
fn an_import_with_several_writers_that_is_killed_loses_nothing() {
    kill_many("usual, 4 writers", &[], 4);
}

#[test]
fn an_import_with_several_writers_into_small_segments_that_is_killed_loses_nothing() {
    kill_many("small, 4 writers", &["--segment-bytes", "16384"], 4);
}

fn kill_many(test: &str, segments: &[&str], writers: u64) {
    let mut random = Random::of_test(test);
    let sources = sources();
    let (mut kills, mut tries, wanted) = (0, 0, kills_wanted());
    while kills < wanted {
        for source in &sources {
            for batch in [7, 100] {
                kills += Round { source, segments, batch, writers }.run(&mut random);
                tries += 1;
            }
        }
        assert!(
            tries < TRIES_MAX * wanted,
            "only {kills} of {tries} imports were still under way when they were killed"
        );
    }
}

/// One store: an import into it that is killed, perhaps a second one, and one that is left to complete.
#[derive(Debug)]
struct Round<'a> {
    source: &'a Source,
    segments: &'a [&'a str],
    batch: u64,
    writers: u64,
}

/// What a killed import had acknowledged: the positions of each batch.
type Acked = Vec<RangeInclusive<u64>>;

impl Round<'_> {
    /// Gives how many imports were killed before they were over.
    fn run(&self, random: &mut Random) -> u32 {
        let place = tempfile::tempdir().unwrap();
        let tool = Tool::on(place.path().join("store"));
        let (mut acked, mut kills) = (Acked::new(), 0);
        for _ in 0..1 + random.below(2) {
            kills += u32::from(self.import_and_kill(&tool, &mut acked, random));
            match random.below(3) {
                0 => {
                    self.check_with_reader(&tool, &acked);
                }
                1 => self.check_with_writer(&tool, &acked),
                _ => {} // The next import meets the store as it was left.
            }
        }
        self.complete(&tool, &acked);
        kills
    }

    /// Kills an import at a random moment, if it is not over by then.
    fn import_and_kill(&self, tool: &Tool, acked: &mut Acked, random: &mut Random) -> bool {
        let (batch, writers) = (self.batch.to_string(), self.writers.to_string());
        let file = self.source.file.to_str().unwrap();
        let args = ["import", file, "--ack", "--batch", &batch, "--writers", &writers];
        let mut command = tool.command(&[&args, self.segments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());

        let left = self.source.events.div_ceil(self.batch).saturating_sub(acked.len() as u64);
        // Now and then before the first, while the store is made or what is there already is passed over.
        let acks = if random.below(6) == 0 { 0 } else { random.below(left + 1) };
        for _ in 0..acks {
            acked.extend(next_ack(&mut stdout));
        }
        std::thread::sleep(Duration::from_micros(random.below(if acks == 0 { 12_000 } else { 700 })));
        child.kill().unwrap();
        while let Some(ack) = next_ack(&mut stdout) {
            acked.push(ack);
        }
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let code = child.wait().unwrap().code();
        assert!(matches!(code, None | Some(0)), "the import ended by itself: {said}");

        for pair in sorted(acked).windows(2) {
            assert!(pair[0].end() < pair[1].start(), "acknowledged twice: {pair:?}");
        }
        code.is_none()
    }

    /// Looks at the store as a reader finds it, without a writer. Gives the number of events.
    fn check_with_reader(&self, tool: &Tool, acked: &Acked) -> Option<u64> {
        if !self.was_created(tool, acked) {
            return None;
        }
        tool.must_be_sound();
        let stored = self.check_stored(tool, acked);
        tool.must_be_sound();
        Some(stored)
    }

    /// Looks at the store after a writer has opened and closed it.
    fn check_with_writer(&self, tool: &Tool, acked: &Acked) {
        if !self.was_created(tool, acked) {
            return;
        }
        let store = annals::Store::open(tool.store()).unwrap();
        let events = store.view().read(Query::all()).unwrap().map(Result::unwrap).count() as u64;
        assert_eq!(store.last_position().get(), events);
        store.close().unwrap();
        assert_eq!(self.check_with_reader(tool, acked), Some(events));
    }

    /// Whether the import came so far that there is a store.
    fn was_created(&self, tool: &Tool, acked: &Acked) -> bool {
        let created = tool.store().join("MANIFEST").exists();
        assert!(created || acked.is_empty());
        created
    }

    /// Checks what a killed import has left: what it acknowledged, whole batches, nothing else.
    fn check_stored(&self, tool: &Tool, acked: &Acked) -> u64 {
        let export = tool.text(&["export"]);
        let stored = without_recorded(&export);
        let count = stored.len() as u64;
        let acknowledged = acked.iter().map(|ack| *ack.end()).max().unwrap_or(0);
        assert!(acknowledged <= count, "{acknowledged} was acknowledged, but there are {count} events");
        if self.writers == 1 {
            assert!(count.is_multiple_of(self.batch) || count == self.source.events, "{count} events");
            assert_eq!(stored, self.source.whole[..stored.len()]);
        } else {
            self.check_streams(&stored);
            self.check_batches(count, acked);
        }
        count
    }

    /// With several writers the streams are mixed, but each is as in the file up to its end.
    fn check_streams(&self, stored: &[String]) {
        let mut versions: HashMap<String, u64> = HashMap::new();
        for (index, line) in stored.iter().enumerate() {
            let (position, rest) = without_position(line);
            assert_eq!(position, index as u64 + 1);
            let event: Value = serde_json::from_str(line).unwrap();
            let stream = string(event["stream"].as_str().unwrap());
            let version = versions.entry(stream).or_default();
            *version += 1;
            assert_eq!(number(&event, "version"), *version, "{line}");
            assert!(self.source.by_event.contains(rest), "not in the file: {line}");
        }
    }

    /// Batches are whole: those that were acknowledged, and what lies between them. Only at the end of the file
    /// each writer has one that is not full.
    fn check_batches(&self, count: u64, acked: &Acked) {
        if count + self.writers * self.batch > self.source.events {
            return;
        }
        let mut next = 1;
        let end = count + 1..=count;
        for ack in sorted(acked).into_iter().chain([end]) {
            let between = ack.start() - next;
            assert!(between.is_multiple_of(self.batch), "{between} events before {ack:?}");
            let events = ack.end() + 1 - ack.start();
            assert!(events == self.batch || events == 0, "{ack:?}");
            next = ack.end() + 1;
        }
    }

    /// Repeats the import to its end, which is that of an import that nothing disturbed.
    fn complete(&self, tool: &Tool, acked: &Acked) {
        let writers = self.writers.to_string();
        let options = [&["--writers", &writers], self.segments].concat();
        let (imported, skipped) = tool.import(&self.source.file, &options);
        assert_eq!(imported + skipped, self.source.events);
        let acknowledged: u64 = acked.iter().map(|ack| ack.end() + 1 - ack.start()).sum();
        assert!(skipped >= acknowledged, "{acknowledged} were acknowledged, but only {skipped} were there");

        let export = tool.text(&["export"]);
        let stored = without_recorded(&export);
        if self.writers == 1 {
            assert_eq!(stored, self.source.whole);
        } else {
            assert_eq!(stored.len() as u64, self.source.events);
            self.check_streams(&stored);
        }
        tool.must_be_sound();
        assert_eq!(reading(tool.store()).last_position().get(), self.source.events);
        assert_eq!(tool.import(&self.source.file, &options), (0, self.source.events));
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{self:?}");
        }
    }
}

/// The next `ACK first last` that was written as a whole.
fn next_ack(stdout: &mut BufReader<ChildStdout>) -> Option<RangeInclusive<u64>> {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let line = line.strip_suffix('\n')?;
    let positions = line.strip_prefix("ACK ").and_then(|positions| positions.split_once(' '));
    let (first, last) = positions.unwrap_or_else(|| panic!("{line:?} is no acknowledgement"));
    Some(first.parse().unwrap()..=last.parse().unwrap())
}

fn sorted(acked: &Acked) -> Acked {
    let mut acked = acked.clone();
    acked.sort_by_key(|ack| *ack.start());
    acked
}

/// The lines of an export without what an import gives anew.
fn without_recorded(export: &str) -> Vec<String> {
    let parts = export.lines().map(tool::without_recorded);
    parts.map(|(before, after)| format!("{before}{after}")).collect()
}

/// The position of an exported event, and the rest of its line.
fn without_position(line: &str) -> (u64, &str) {
    let (position, rest) = line.strip_prefix(r#"{"position":"#).unwrap().split_once(',').unwrap();
    (position.parse().unwrap(), rest)
}
