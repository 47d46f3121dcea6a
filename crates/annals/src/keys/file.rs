//! A key file that is open: read whole once, and appended to.
//!
//! The steps of a destruction: a record that says so is written and synced, then the secret is overwritten and synced. After a crash
//! between the two the key is destroyed, and the next opening for writing overwrites the secret.

use super::{KeyError, KeyInfo};
use annals_format::keys::{
    KEY_FILE_HEADER_BYTES, KEY_RECORD_ALIGNMENT, KEY_RECORD_HEADER_BYTES, KeyFact, KeyFileHeader, KeyRecord,
};
use annals_format::payload::{Key, KeyState};
use annals_format::{Corruption, Damage};
use annals_types::planted::{Bug, planted};
use annals_types::{Timestamp, Uuid};
use annals_vfs::{Access, Disk, Env, File, Lock, read_exact_at, write_all_at};
use hashbrown::HashMap;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// A longer file is refused: it is read into memory.
const BYTES_MAX: u64 = 512 << 20;

#[derive(Debug)]
pub(super) struct Opened {
    name: String,
    header: KeyFileHeader,
    end: u64,
    entries: Vec<Entry>,
    by_id: HashMap<Uuid, usize, foldhash::quality::RandomState>,
    /// Of keys that are there.
    by_name: HashMap<String, usize, foldhash::quality::RandomState>,
    /// `None` if it is open for reading only.
    writing: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    file: Arc<dyn File>,
    failed: bool,
    _lock: Box<dyn Lock>,
}

#[derive(Debug)]
struct Entry {
    id: Uuid,
    created_at: Timestamp,
    /// Where its secret lies in the file.
    secret: std::ops::Range<u64>,
    state: EntryState,
}

#[derive(Debug)]
enum EntryState {
    Here(Key, String),
    Destroyed(Timestamp),
}

impl Opened {
    /// For reading.
    pub(super) fn read(disk: &dyn Disk, name: &str) -> Result<Self, KeyError> {
        let file = disk.open(name, Access::Read);
        let file = match file {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeyError::NotFound { path: name.into() });
            }
            other => other.map_err(KeyError::io(format!("open {name}")))?,
        };
        let bytes = content(&*file, name)?;
        Opened::parse(name, &bytes)
    }

    /// For writing. Finishes what a crash has left undone.
    pub(super) fn open(env: &Env, name: &str) -> Result<Self, KeyError> {
        let lock_name = format!("{name}.lock");
        let lock = env.disk.try_lock(&lock_name).map_err(KeyError::io(format!("lock {lock_name}")))?;
        let lock = lock.ok_or(KeyError::Locked)?;
        let file = match env.disk.open(name, Access::ReadWrite) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = env.disk.create(name).map_err(KeyError::io(format!("create {name}")))?;
                begin(env, &*file)?;
                file
            }
            other => other.map_err(KeyError::io(format!("open {name}")))?,
        };
        let mut bytes = content(&*file, name)?;
        // A crash may have left a file whose header was never durable, so no key was.
        if bytes.len() <= KEY_FILE_HEADER_BYTES && header_of(name, &bytes).is_err() {
            begin(env, &*file)?;
            bytes = content(&*file, name)?;
        }
        let mut opened = Opened::parse(name, &bytes)?;
        if opened.end < bytes.len() as u64 {
            file.set_len(opened.end).map_err(KeyError::io(format!("cut {name}")))?;
        }
        for entry in &opened.entries {
            let (from, to) = (entry.secret.start as usize, entry.secret.end as usize);
            if matches!(entry.state, EntryState::Destroyed(_))
                && bytes[from..to].iter().any(|byte| *byte != 0)
            {
                overwrite(&*file, entry).map_err(KeyError::io(format!("write {name}")))?;
            }
        }
        file.sync_data().map_err(KeyError::io(format!("sync {name}")))?;
        opened.writing = Some(Writing { file, failed: false, _lock: lock });
        Ok(opened)
    }

    fn parse(name: &str, bytes: &[u8]) -> Result<Self, KeyError> {
        let header = header_of(name, bytes)?;
        let mut opened = Opened {
            name: name.to_owned(),
            header,
            end: KEY_FILE_HEADER_BYTES as u64,
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
                Err(damage) => return Err(KeyError::Corrupt(damage.in_file(name))),
            };
            let end = offset + length as u64;
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
        match without_secret.into_values().next() {
            Some(damage) => Err(KeyError::Corrupt(damage.in_file(name))),
            None => Ok(opened),
        }
    }

    fn take(&mut self, record: KeyRecord, secret: std::ops::Range<u64>) -> Result<(), KeyError> {
        let KeyRecord { id, at, what, .. } = record;
        match what {
            KeyFact::Created { secret: made } => {
                let state = match made {
                    Some((key, name)) => {
                        self.by_name.insert(name.clone(), self.entries.len());
                        EntryState::Here(key, name)
                    }
                    None => EntryState::Destroyed(at),
                };
                self.by_id.insert(id, self.entries.len());
                self.entries.push(Entry { id, created_at: at, secret, state });
            }
            KeyFact::Destroyed => {
                let Some(index) = self.by_id.get(&id) else {
                    let damage =
                        Damage::new(secret.start, "a destroyed key that was not created", 0u64, 1u64);
                    return Err(KeyError::Corrupt(damage.in_file(self.name.as_str())));
                };
                let entry = &mut self.entries[*index];
                if let EntryState::Here(_, name) = &entry.state
                    && self.by_name.get(name) == Some(index)
                {
                    self.by_name.remove(name);
                }
                entry.state = EntryState::Destroyed(at);
            }
        }
        Ok(())
    }

    pub(super) fn state(&self, id: Uuid) -> KeyState {
        match self.by_id.get(&id).map(|index| &self.entries[*index].state) {
            Some(EntryState::Here(key, _)) => KeyState::Here(key.clone()),
            Some(EntryState::Destroyed(at)) => KeyState::Destroyed(*at),
            None => KeyState::Missing,
        }
    }

    pub(super) fn info(&self, id: Uuid) -> Option<KeyInfo> {
        self.by_id.get(&id).map(|index| info(&self.entries[*index]))
    }

    pub(super) fn list(&self) -> Vec<KeyInfo> {
        self.entries.iter().map(info).collect()
    }

    /// Ids and keys of names, created where they are not there.
    pub(super) fn keys_of(&mut self, names: &[&str], env: &Env) -> Result<Vec<(Uuid, Key)>, KeyError> {
        let mut new: Vec<&str> =
            names.iter().copied().filter(|name| !self.by_name.contains_key(*name)).collect();
        new.sort_unstable();
        new.dedup();
        if !new.is_empty() {
            self.create(&new, env)?;
        }
        let key_of = |name: &&str| {
            let entry = &self.entries[*self.by_name.get(*name)?];
            let EntryState::Here(key, _) = &entry.state else { return None };
            Some((entry.id, key.clone()))
        };
        Ok(names.iter().filter_map(key_of).collect())
    }

    fn create(&mut self, names: &[&str], env: &Env) -> Result<(), KeyError> {
        let mut records = Vec::with_capacity(names.len());
        for (name, index) in names.iter().zip(0..) {
            let (mut id, mut key) = ([0; 16], [0; 32]);
            let random = env.random.fill(&mut id).and_then(|()| env.random.fill(&mut key));
            random.map_err(KeyError::io("get random bytes"))?;
            let what = KeyFact::Created { secret: Some((Key(key), (*name).to_owned())) };
            records.push(KeyRecord { id: Uuid::from_bytes(id), at: env.clock.now(), index, what });
        }
        self.append(records)
    }

    pub(super) fn destroy(&mut self, name: &str, now: Timestamp) -> Result<bool, KeyError> {
        let Some(index) = self.by_name.get(name).copied() else { return Ok(false) };
        let id = self.entries[index].id;
        self.append(vec![KeyRecord { id, at: now, index: 0, what: KeyFact::Destroyed }])?;
        if planted(Bug::DestroyedKeyNotOverwritten) {
            return Ok(true);
        }
        let what = format!("write {}", self.name);
        let writing = self.writing.as_mut().ok_or(KeyError::ReadOnly)?;
        let written = overwrite(&*writing.file, &self.entries[index]).and_then(|()| writing.file.sync_data());
        writing.failed |= written.is_err();
        written.map_err(KeyError::io(what))?;
        Ok(true)
    }

    /// Writes records, durably, and takes them in.
    fn append(&mut self, records: Vec<KeyRecord>) -> Result<(), KeyError> {
        let writing = self.writing.as_mut().ok_or(KeyError::ReadOnly)?;
        if writing.failed {
            return Err(KeyError::Poisoned);
        }
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        for record in &records {
            let offset = self.end + bytes.len() as u64;
            let encoded = record.encode(&self.header, offset);
            places.push(offset + KEY_RECORD_HEADER_BYTES as u64..offset + encoded.len() as u64);
            bytes.extend_from_slice(&encoded);
        }
        let end = self.end + bytes.len() as u64;
        if end > BYTES_MAX {
            return Err(KeyError::TooLong { file: self.name.clone(), bytes: end, most: BYTES_MAX });
        }
        let mut written = write_all_at(&*writing.file, &mut [IoSlice::new(&bytes)], self.end);
        if !planted(Bug::KeyNotSynced) {
            written = written.and_then(|()| writing.file.sync_data());
        }
        bytes.fill(0);
        // What is in the file after that is not known until it is read again.
        writing.failed = written.is_err();
        written.map_err(KeyError::io(format!("write {}", self.name)))?;
        self.end = end;
        records.into_iter().zip(places).try_for_each(|(record, place)| self.take(record, place))
    }
}

fn info(entry: &Entry) -> KeyInfo {
    let (name, destroyed_at) = match &entry.state {
        EntryState::Here(_, name) => (Some(name.clone()), None),
        EntryState::Destroyed(at) => (None, Some(*at)),
    };
    KeyInfo { id: entry.id, name, created_at: entry.created_at, destroyed_at }
}

/// Writes the header of a new file, and makes its name durable.
fn begin(env: &Env, file: &dyn File) -> Result<(), KeyError> {
    let mut id = [0; 16];
    env.random.fill(&mut id).map_err(KeyError::io("get random bytes"))?;
    let header = KeyFileHeader { id, created_at: env.clock.now() }.encode();
    let written = write_all_at(file, &mut [IoSlice::new(&header)], 0)
        .and_then(|()| file.sync_data())
        .and_then(|()| env.disk.sync_dir(""));
    written.map_err(KeyError::io("write a new key file"))
}

fn content(file: &dyn File, name: &str) -> Result<Vec<u8>, KeyError> {
    let length = file.length().map_err(KeyError::io(format!("look at {name}")))?;
    if length > BYTES_MAX {
        return Err(KeyError::TooLong { file: name.into(), bytes: length, most: BYTES_MAX });
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    read_exact_at(file, &mut bytes, 0).map_err(KeyError::io(format!("read {name}")))?;
    Ok(bytes)
}

fn header_of(name: &str, bytes: &[u8]) -> Result<KeyFileHeader, KeyError> {
    let Some(header) = bytes.first_chunk::<KEY_FILE_HEADER_BYTES>() else {
        let (found, expected) = (bytes.len() as u64, KEY_FILE_HEADER_BYTES as u64);
        let (file, what) = (name.to_owned(), "room for the header of a key file".to_owned());
        return Err(KeyError::Corrupt(Corruption { file, offset: 0, what, found, expected }));
    };
    KeyFileHeader::decode(header).map_err(|error| KeyError::format(name, error))
}

/// Whether what stands at `offset` was perhaps never written to its end: no record behind it was begun after another sync.
fn is_torn(bytes: &[u8], header: &KeyFileHeader, offset: u64) -> bool {
    let places = (offset..bytes.len() as u64).step_by(KEY_RECORD_ALIGNMENT).skip(1);
    let is_proof = |at: u64| {
        KeyRecord::decode(&bytes[at as usize..], header, at).is_ok_and(|(record, _)| record.index == 0)
    };
    !places.into_iter().any(is_proof)
}

fn overwrite(file: &dyn File, entry: &Entry) -> io::Result<()> {
    let zeros = vec![0; (entry.secret.end - entry.secret.start) as usize];
    write_all_at(file, &mut [IoSlice::new(&zeros)], entry.secret.start)
}
