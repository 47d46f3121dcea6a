//! What is known about the data, computed without Annals. Every fact has its field here, and the compiler says if
//! one is not looked at. Positions and versions count from 0; Annals counts from 1.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllFacts {
    #[serde(rename = "rules")]
    _rules: IgnoredAny,
    pub(crate) sets: BTreeMap<String, Facts>,
}

/// The facts about one set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    pub(crate) file: String,
    pub(crate) file_bytes: u64,
    pub(crate) file_sha256: String,
    pub(crate) plain_bytes: u64,
    pub(crate) plain_sha256: String,
    pub(crate) longest_line_bytes: usize,
    pub(crate) exact: String,
    pub(crate) norm: String,
    pub(crate) order: String,
    pub(crate) events: u64,
    pub(crate) streams: u64,
    pub(crate) types: u64,
    pub(crate) with_id: u64,
    pub(crate) distinct_ids: u64,
    pub(crate) first: EventFact,
    pub(crate) last: EventFact,
    pub(crate) earliest: String,
    pub(crate) latest: String,
    pub(crate) distinct_instants: usize,
    pub(crate) times_that_run_backwards: u64,
    pub(crate) most_events_at_one_instant: InstantFact,
    pub(crate) by_type: BTreeMap<String, u64>,
    pub(crate) by_type_sha256: String,
    pub(crate) by_category: BTreeMap<String, u64>,
    pub(crate) top_streams: Vec<StreamFact>,
    pub(crate) streams_by_length: BTreeMap<u64, u64>,
    #[serde(rename = "fold")]
    _fold: IgnoredAny,
    pub(crate) streams_sampled: Vec<SampledStream>,
    pub(crate) events_sampled: Vec<EventFact>,
    pub(crate) pages: Vec<Page>,
    pub(crate) ranges: Vec<Range>,
    pub(crate) as_of: Vec<AsOfTime>,
    pub(crate) at_position: Vec<AtPosition>,
    pub(crate) stream_table_sha256: String,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventFact {
    pub(crate) position: u64,
    pub(crate) stream: String,
    pub(crate) version: u64,
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    pub(crate) time: String,
    pub(crate) id: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstantFact {
    pub(crate) time: String,
    pub(crate) events: u64,
}

#[derive(Deserialize, Debug, PartialEq, Clone)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamFact {
    pub(crate) stream: String,
    pub(crate) events: u64,
    pub(crate) first_position: u64,
    pub(crate) last_position: u64,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct SampledStream {
    pub(crate) stream: String,
    pub(crate) events: u64,
    pub(crate) exact: String,
    pub(crate) norm: String,
    pub(crate) first_types: Vec<String>,
    pub(crate) last_types_backwards: Vec<String>,
    pub(crate) first_position: u64,
    pub(crate) last_position: u64,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    pub(crate) from_position: u64,
    pub(crate) next: Vec<(u64, String, u64, String)>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) events: u64,
    pub(crate) streams: usize,
    pub(crate) by_type: BTreeMap<String, u64>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct AsOfTime {
    pub(crate) time: String,
    pub(crate) also_written: Option<String>,
    pub(crate) last_position_plus_1: u64,
    pub(crate) events: u64,
    pub(crate) streams: u64,
    pub(crate) totals: Value,
    pub(crate) states_sha256: String,
    pub(crate) states: BTreeMap<String, Option<StateFact>>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct AtPosition {
    pub(crate) events: u64,
    pub(crate) streams: u64,
    pub(crate) totals: Value,
    pub(crate) states_sha256: String,
    pub(crate) states: BTreeMap<String, Option<StateFact>>,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateFact {
    pub(crate) version: u64,
    pub(crate) state: Value,
}
