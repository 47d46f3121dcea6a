//! What the bytes of a key file say.

use super::KeyError;
use super::file::{Entry, EntryState, Opened};
use annals_format::keys::{
    KEY_FILE_HEADER_BYTES, KEY_RECORD_ALIGNMENT, KEY_RECORD_HEADER_BYTES, KeyFact, KeyFileHeader, KeyRecord,
};
use annals_format::{Corruption, Damage};
use annals_types::Uuid;
use hashbrown::HashMap;

impl Opened {
    pub(super) fn parse(shown: String, bytes: &[u8]) -> Result<Self, KeyError> {
        let header = header_of(&shown, bytes)?;
        let mut opened = Opened {
            shown,
            header,
            end: KEY_FILE_HEADER_BYTES as u64,
            torn: 0,
            marked: false,
            entries: Vec::new(),
            by_id: HashMap::default(),
            by_name: HashMap::default(),
            writing: None,
        };
        let mut without_secret: HashMap<Uuid, Damage, foldhash::quality::RandomState> = HashMap::default();
        while let Some(rest) = bytes.get(opened.end as usize..).filter(|rest| !rest.is_empty()) {
            let offset = opened.end;
            let (record, length) = match KeyRecord::decode(rest, &header, offset) {
                Ok(decoded) => decoded,
                Err(_) if is_torn(bytes, &header, offset) => break,
                Err(damage) => return Err(KeyError::Corrupt(damage.in_file(opened.shown.as_str()))),
            };
            let end = offset + length as u64;
            if record.what == KeyFact::Synced {
                // What is behind it was never synced.
                if !is_torn(bytes, &header, offset) {
                    let damage = Damage::new(offset, "a write of keys that was lost", 0u64, 1u64);
                    return Err(KeyError::Corrupt(damage.in_file(opened.shown.as_str())));
                }
                opened.marked = true;
                break;
            }
            if record.what == (KeyFact::Created { secret: None }) {
                // One of the last write was perhaps never whole. Any other was, and may have been overwritten since.
                if is_torn(bytes, &header, offset) {
                    break;
                }
                let at = offset + KEY_RECORD_HEADER_BYTES as u64;
                without_secret.insert(record.id, Damage::new(at, "a key without its secret", 0u64, 1u64));
            }
            if record.what == KeyFact::Destroyed {
                without_secret.remove(&record.id);
            }
            opened.take(record, offset + KEY_RECORD_HEADER_BYTES as u64..end)?;
            opened.end = end;
        }
        opened.torn = bytes.len() as u64 - opened.sound_end();
        opened.index_names();
        match without_secret.into_values().next() {
            Some(damage) => Err(KeyError::Corrupt(damage.in_file(opened.shown.as_str()))),
            None => Ok(opened),
        }
    }

    pub(super) fn index_names(&mut self) {
        self.by_name.clear();
        for (index, entry) in self.entries.iter().enumerate() {
            let EntryState::Here(_, name) = &entry.state else { continue };
            let newest = self.by_name.entry_ref(name.as_str()).or_insert(index);
            if self.entries[*newest].created_at <= entry.created_at {
                *newest = index;
            }
        }
    }

    pub(super) fn take(&mut self, record: KeyRecord, secret: std::ops::Range<u64>) -> Result<(), KeyError> {
        let KeyRecord { id, at, what, .. } = record;
        match what {
            KeyFact::Synced => {}
            KeyFact::Created { secret: made } => {
                let state = made.map_or(EntryState::Destroyed(at), |(key, name)| EntryState::Here(key, name));
                self.by_id.insert(id, self.entries.len());
                self.entries.push(Entry { id, created_at: at, secret, state });
            }
            KeyFact::Destroyed => {
                let Some(index) = self.by_id.get(&id) else {
                    let damage =
                        Damage::new(secret.start, "a destroyed key that was not created", 0u64, 1u64);
                    return Err(KeyError::Corrupt(damage.in_file(self.shown.as_str())));
                };
                self.entries[*index].state = EntryState::Destroyed(at);
            }
            KeyFact::DestroyedElsewhere { created_at } => {
                self.by_id.insert(id, self.entries.len());
                // There is nothing to overwrite.
                let (secret, state) = (secret.start..secret.start, EntryState::Destroyed(at));
                self.entries.push(Entry { id, created_at, secret, state });
            }
        }
        Ok(())
    }
}

pub(super) fn header_of(shown: &str, bytes: &[u8]) -> Result<KeyFileHeader, KeyError> {
    let Some(header) = bytes.first_chunk::<KEY_FILE_HEADER_BYTES>() else {
        let (found, expected) = (bytes.len() as u64, KEY_FILE_HEADER_BYTES as u64);
        let (file, what) = (shown.to_owned(), "room for the header of a key file".to_owned());
        return Err(KeyError::Corrupt(Corruption { file, offset: 0, what, found, expected }));
    };
    KeyFileHeader::decode(header).map_err(|error| KeyError::format(shown, error))
}

/// Whether what stands at `offset` was perhaps never written to its end: no record behind it was begun after another sync.
fn is_torn(bytes: &[u8], header: &KeyFileHeader, offset: u64) -> bool {
    let places = (offset..bytes.len() as u64).step_by(KEY_RECORD_ALIGNMENT).skip(1);
    let is_proof = |at: u64| {
        KeyRecord::decode(&bytes[at as usize..], header, at).is_ok_and(|(record, _)| record.index == 0)
    };
    !places.into_iter().any(is_proof)
}
