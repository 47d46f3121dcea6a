//! The files that are imported, and what an import that nothing disturbs makes of them.

use super::{Random, without_position, without_recorded};
use crate::data::{Given, Set};
use crate::tool::Tool;
use std::collections::HashSet;
use std::fmt::{self, Write};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// Most events of one file: enough that the import takes a while, even without a disk that takes time to sync.
const EVENTS_MAX: usize = 9_000;

pub(super) struct Source {
    name: &'static str,
    pub(super) file: PathBuf,
    pub(super) events: u64,
    /// The whole export, without what each import gives anew.
    pub(super) whole: Vec<String>,
    /// The same without the positions, which several writers may give in any order.
    pub(super) by_event: HashSet<String>,
    _place: TempDir,
}

/// Events made for the purpose and, where the data are there, real ones.
pub(super) fn sources() -> Vec<Source> {
    let mut sources = vec![Source::new("made", &made())];
    for set in [Set::Receipt, Set::Loans] {
        if let Ok(given) = Given::find(set) {
            let lines: Vec<_> = given.lines().take(EVENTS_MAX).collect();
            sources.push(Source::new(set.name(), &lines));
        }
    }
    sources
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} with {} events", self.name, self.events)
    }
}

impl Source {
    fn new(name: &'static str, lines: &[String]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("events.jsonl");
        fs::write(&file, lines.join("\n")).unwrap();
        let tool = Tool::on(place.path().join("undisturbed"));
        let events = lines.len() as u64;
        assert_eq!(tool.import(&file, &[]), (events, 0));
        let whole = without_recorded(&tool.text(&["export"]));
        let by_event: HashSet<_> = whole.iter().map(|line| without_position(line).1.to_owned()).collect();
        assert_eq!((whole.len(), by_event.len()), (lines.len(), lines.len()));
        fs::remove_dir_all(tool.store()).unwrap();
        Source { name, file, events, whole, by_event, _place: place }
    }
}

/// 5,000 events of 400 streams: with and without ids, payloads of 0 to about 900 bytes, times that repeat.
fn made() -> Vec<String> {
    let mut random = Random::from_seed(1);
    let event = |number: u64| {
        let stream = ["account", "ordre-é", "注文"][random.below(3) as usize];
        let (stream_number, minute) = (random.below(133), number / 90);
        let mut line = format!(
            r#"{{"stream":"{stream}-{stream_number}","type":"Noted {}","time":"2024-02-29T{:02}:{:02}:00.5+02:00""#,
            random.below(9),
            minute / 60,
            minute % 60,
        );
        if random.below(2) == 0 {
            write!(line, r#","id":"{}""#, annals::Uuid::from_u64_pair(random.next(), number)).unwrap();
        }
        let text = "🦀 ".repeat(random.below(180) as usize);
        write!(line, r#","data":{{"number":{number}.50,"text":"{text}"}},"metadata":{{"n":{number}}}}}"#)
            .unwrap();
        line
    };
    (0..5_000).map(event).collect()
}
