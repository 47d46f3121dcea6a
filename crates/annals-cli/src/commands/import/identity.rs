//! Ids: by which an event is known when it is imported again.

use crate::json::event_in::EventIn;
use crate::json::text;
use annals::{EventRef, Uuid};
use std::path::Path;

/// The name space of derived ids (a UUID of version 5). It must never change: repeated imports rest on it.
const NAME_SPACE: Uuid = Uuid::from_u128(0x1b5f_7a0e_6c3d_5d6b_9f0a_2e4c_8b71_d935);

/// The file that events come from, as far as their ids depend on it.
#[derive(Debug)]
pub(crate) struct Source {
    /// The file's name without directory and without `.gz` or `.zst`; `-` for standard input.
    base_name: String,
    new_ids: bool,
}

impl Source {
    pub(crate) fn new(path: &Path, new_ids: bool) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let base_name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
        Source { base_name: base_name.to_owned(), new_ids }
    }

    /// Gives an event that has no id the one derived from its file, line number and text. With new ids asked
    /// for it stays without, and the store makes one.
    pub(crate) fn identify(&self, event: &mut EventIn<'_>, line_number: u64, line: &[u8]) {
        if event.event.id.is_none() && !self.new_ids {
            event.event.id = Some(self.derived(line_number, line));
        }
    }

    fn derived(&self, line_number: u64, line: &[u8]) -> Uuid {
        let mut name = format!("{}\n{line_number}\n", self.base_name).into_bytes();
        name.extend_from_slice(line);
        Uuid::new_v5(&NAME_SPACE, &name)
    }
}

/// Whether an event is the one that is stored under its id. Without a time it is so at any time, and payloads
/// may differ in the blanks between tokens.
pub(crate) fn is_same(given: &EventIn<'_>, stored: &EventRef<'_>) -> bool {
    let event = &given.event;
    given.stream == stored.stream
        && event.event_type == stored.event_type
        && event.occurred_at.is_none_or(|time| time == stored.occurred_at)
        && event.tags.iter().map(AsRef::as_ref).eq(stored.tags.iter())
        && event.schema_version == stored.schema_version
        && (event.content_type == stored.content_type || event.data.is_empty())
        && match stored.plain() {
            Ok(plain) => text::same(&event.data, &plain.data) && text::same(&event.metadata, &plain.metadata),
            // It was that event, and importing it again is not to bring back what was erased.
            Err(error) => error.is_erased(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::event_in;

    fn id(path: &str, line_number: u64, line: &str) -> Option<Uuid> {
        let mut event = event_in::parse(line.as_bytes()).unwrap();
        Source::new(Path::new(path), false).identify(&mut event, line_number, line.as_bytes());
        event.event.id
    }

    const LINE: &str = r#"{"stream":"a","type":"T"}"#;

    #[test]
    fn a_derived_id_never_changes() {
        assert_eq!(id("x.jsonl", 1, LINE).unwrap().to_string(), "0614e14c-6a3a-50d3-9b9c-c6ee28bc522e");
    }

    #[test]
    fn a_derived_id_depends_on_name_line_number_and_text_only() {
        let first = id("x.jsonl", 1, LINE);
        assert_eq!(id("/some/where/x.jsonl", 1, LINE), first);
        assert_eq!(id("x.jsonl.gz", 1, LINE), first);
        assert_ne!(id("y.jsonl", 1, LINE), first);
        assert_ne!(id("x.jsonl", 2, LINE), first);
        assert_ne!(id("x.jsonl", 1, r#"{"stream":"a","type": "T"}"#), first);
    }

    #[test]
    fn an_id_that_is_given_stays() {
        let line = r#"{"stream":"a","type":"T","id":"8fdb3160-2904-56a7-84a5-cbab24cd44c8"}"#;
        assert_eq!(id("x", 1, line).unwrap().to_string(), "8fdb3160-2904-56a7-84a5-cbab24cd44c8");
    }
}
