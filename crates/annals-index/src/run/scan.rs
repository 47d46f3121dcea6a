//! Terms in order: a search for the group where they begin, then one group after the other.

use super::Run;
use crate::postings::Postings;
use annals_format::Damage;
use annals_format::run::{GroupCursor, TermKind};

impl Run {
    pub(super) fn scan_terms(
        &self,
        kind: TermKind,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Postings)>, Damage> {
        let after = after.map(|after| key_of(kind, after));
        let prefix = key_of(kind, prefix);
        let from = after.as_ref().filter(|after| **after > prefix).unwrap_or(&prefix);
        let (mut found, mut key) = (Vec::new(), Vec::new());
        if limit == 0 {
            return Ok(found);
        }
        for number in self.group_of(from)?..self.trailer.group_count() {
            let group = self.numbered_group(number)?;
            let mut cursor = GroupCursor::new(group.entries, group.offset);
            while let Some(term) = cursor.next_term()? {
                if !key.is_empty() && term.rest <= &key[term.shared..] {
                    let (found, expected) = (term.rest.len() as u64, term.shared as u64);
                    return Err(Damage::new(group.offset, "order of the terms", found, expected));
                }
                term.update_key(&mut key);
                if key < prefix || after.as_ref().is_some_and(|after| key <= *after) {
                    continue;
                }
                if !key.starts_with(&prefix) {
                    return Ok(found);
                }
                let Some(postings) = self.inside(self.postings(&term.entry, &group)?)? else { continue };
                let name = std::str::from_utf8(&key[1..]).map_err(|error| {
                    Damage::new(group.offset, "name of a term", error.valid_up_to() as u64, key.len() as u64)
                })?;
                found.push((name.to_owned(), postings));
                if found.len() == limit {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// The last group whose first key is not greater than `key`; the first one if there is none.
    fn group_of(&self, key: &[u8]) -> Result<u64, Damage> {
        let (mut low, mut high) = (0, self.trailer.group_count());
        while low < high {
            let middle = low + (high - low) / 2;
            let group = self.numbered_group(middle)?;
            let first = GroupCursor::new(group.entries, group.offset).next_term()?;
            if first.is_some_and(|first| first.rest <= key) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low.saturating_sub(1))
    }
}

/// A key as it stands in the dictionary.
fn key_of(kind: TermKind, name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + name.len());
    key.push(kind.code());
    key.extend_from_slice(name.as_bytes());
    key
}
