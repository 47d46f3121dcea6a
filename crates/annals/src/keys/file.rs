//! A key file that is open: read whole once, and appended to.
//!
//! The steps of a destruction: a record that says so is written and synced, then the secret is overwritten and synced. After a crash
//! between the two the key is destroyed, and the next opening for writing overwrites the secret.

use super::parsing::header_of;
use super::{KeyError, KeyInfo};
use annals_format::keys::{
    KEY_FILE_HEADER_BYTES, KEY_RECORD_HEADER_BYTES, KeyFact, KeyFileHeader, KeyRecord,
};
use annals_format::payload::{Key, KeyState};
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
    /// The path by which its user knows it.
    pub(super) shown: String,
    pub(super) header: KeyFileHeader,
    pub(super) end: u64,
    /// Bytes behind the end that count for nothing.
    pub(super) torn: u64,
    /// Whether a record behind the end says that all before it is durable. Without one the last write is taken to have been cut short if
    /// something is wrong in it; with one that is damage.
    pub(super) marked: bool,
    pub(super) entries: Vec<Entry>,
    pub(super) by_id: HashMap<Uuid, usize, foldhash::quality::RandomState>,
    /// Of keys that are there: of several with one name, which only merging makes, that which was created last.
    pub(super) by_name: HashMap<String, usize, foldhash::quality::RandomState>,
    /// `None` if it is open for reading only.
    pub(super) writing: Option<Writing>,
}

#[derive(Debug)]
pub(super) struct Writing {
    file: Arc<dyn File>,
    failed: bool,
    _lock: Box<dyn Lock>,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: Uuid,
    pub(super) created_at: Timestamp,
    /// Where its secret lies in the file.
    pub(super) secret: std::ops::Range<u64>,
    pub(super) state: EntryState,
}

#[derive(Clone, Debug)]
pub(super) enum EntryState {
    Here(Key, String),
    Destroyed(Timestamp),
}

impl Opened {
    /// For reading.
    pub(super) fn read(disk: &dyn Disk, name: &str, shown: String) -> Result<Self, KeyError> {
        let Some(bytes) = look(disk, name, &shown)? else {
            return Err(KeyError::NotFound { path: shown.into() });
        };
        Opened::parse(shown, &bytes)
    }

    /// For writing. Finishes what a crash has left undone.
    pub(super) fn open(env: &Env, name: &str, shown: String) -> Result<Self, KeyError> {
        // Before the lock, which makes a file beside what may be somebody else's.
        if let Some(bytes) = look(&*env.disk, name, &shown)?
            && bytes.len() > KEY_FILE_HEADER_BYTES
            && let Err(error @ (KeyError::Foreign { .. } | KeyError::Newer { .. })) =
                header_of(&shown, &bytes)
        {
            return Err(error);
        }
        let lock =
            env.disk.try_lock(&format!("{name}.lock")).map_err(KeyError::io(format!("lock {shown}.lock")))?;
        let lock = lock.ok_or(KeyError::Locked)?;
        let file = match env.disk.open(name, Access::ReadWrite) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = env.disk.create(name).map_err(KeyError::io(format!("create {shown}")))?;
                begin(env, &*file, &shown)?;
                file
            }
            other => other.map_err(KeyError::io(format!("open {shown}")))?,
        };
        let mut bytes = content(&*file, &shown)?;
        // A crash may have left a file whose header was never durable, so no key was.
        if bytes.len() <= KEY_FILE_HEADER_BYTES && header_of(&shown, &bytes).is_err() {
            begin(env, &*file, &shown)?;
            bytes = content(&*file, &shown)?;
        }
        let mut opened = Opened::parse(shown.clone(), &bytes)?;
        if opened.torn > 0 {
            file.set_len(opened.sound_end()).map_err(KeyError::io(format!("cut {shown}")))?;
            opened.torn = 0;
        }
        for entry in &opened.entries {
            let (from, to) = (entry.secret.start as usize, entry.secret.end as usize);
            if matches!(entry.state, EntryState::Destroyed(_))
                && bytes[from..to].iter().any(|byte| *byte != 0)
            {
                overwrite(&*file, entry).map_err(KeyError::io(format!("write {shown}")))?;
            }
        }
        file.sync_data().map_err(KeyError::io(format!("sync {shown}")))?;
        if !opened.marked {
            mark(&*file, &opened.header, opened.end, env.clock.now());
            opened.marked = true;
        }
        opened.writing = Some(Writing { file, failed: false, _lock: lock });
        Ok(opened)
    }

    /// Where what counts ends, with the mark behind it.
    pub(super) fn sound_end(&self) -> u64 {
        self.end + if self.marked { KEY_RECORD_HEADER_BYTES as u64 } else { 0 }
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

    pub(super) fn entry(&self, id: Uuid) -> Option<&Entry> {
        self.by_id.get(&id).map(|index| &self.entries[*index])
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
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
        let first = self.entries.len();
        self.append(records)?;
        self.by_name.extend(names.iter().map(|name| (*name).to_owned()).zip(first..));
        Ok(())
    }

    /// Destroys all keys of a name; says whether there was one.
    pub(super) fn destroy(&mut self, name: &str, now: Timestamp) -> Result<bool, KeyError> {
        if !self.by_name.contains_key(name) {
            return Ok(false);
        }
        let is_of = |entry: &&Entry| matches!(&entry.state, EntryState::Here(_, own) if own == name);
        let keys: Vec<_> = self.entries.iter().filter(is_of).map(|entry| entry.id).collect();
        let records = keys.iter().zip(0..);
        let records =
            records.map(|(id, index)| KeyRecord { id: *id, at: now, index, what: KeyFact::Destroyed });
        self.append(records.collect())?;
        self.by_name.remove(name);
        self.overwrite(&keys)?;
        Ok(true)
    }

    /// Overwrites the secrets of keys that are known to be destroyed.
    pub(super) fn overwrite(&mut self, keys: &[Uuid]) -> Result<(), KeyError> {
        if keys.is_empty() || planted(Bug::DestroyedKeyNotOverwritten) {
            return Ok(());
        }
        let what = format!("write {}", self.shown);
        let writing = self.writing.as_mut().ok_or(KeyError::ReadOnly)?;
        let mut indexes = keys.iter().filter_map(|id| self.by_id.get(id));
        let written = indexes
            .try_for_each(|index| overwrite(&*writing.file, &self.entries[*index]))
            .and_then(|()| writing.file.sync_data());
        writing.failed |= written.is_err();
        written.map_err(KeyError::io(what))
    }

    /// Writes records, durably, and takes them in.
    pub(super) fn append(&mut self, records: Vec<KeyRecord>) -> Result<(), KeyError> {
        let writing = self.writing.as_mut().ok_or(KeyError::ReadOnly)?;
        if writing.failed {
            return Err(KeyError::Poisoned);
        }
        if records.is_empty() {
            return Ok(());
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
            return Err(KeyError::TooLong { file: self.shown.clone(), bytes: end, most: BYTES_MAX });
        }
        let mut written = write_all_at(&*writing.file, &mut [IoSlice::new(&bytes)], self.end);
        if !planted(Bug::KeyNotSynced) {
            written = written.and_then(|()| writing.file.sync_data());
        }
        bytes.fill(0);
        // What is in the file after that is not known until it is read again.
        writing.failed = written.is_err();
        written.map_err(KeyError::io(format!("write {}", self.shown)))?;
        if let Some(last) = records.last() {
            mark(&*writing.file, &self.header, end, last.at);
        }
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

/// Writes that all before `end` is durable. Not synced, and no matter if it cannot be: it is evidence, for the case that the last write
/// is damaged one day.
fn mark(file: &dyn File, header: &KeyFileHeader, end: u64, at: Timestamp) {
    if planted(Bug::KeysNotMarked) {
        return;
    }
    let record = KeyRecord { id: Uuid::nil(), at, index: 0, what: KeyFact::Synced };
    let _ = write_all_at(file, &mut [IoSlice::new(&record.encode(header, end))], end);
}

/// Writes the header of a new file, and makes its name durable.
fn begin(env: &Env, file: &dyn File, shown: &str) -> Result<(), KeyError> {
    let mut id = [0; 16];
    env.random.fill(&mut id).map_err(KeyError::io("get random bytes"))?;
    let header = KeyFileHeader { id, created_at: env.clock.now() }.encode();
    let written = write_all_at(file, &mut [IoSlice::new(&header)], 0)
        .and_then(|()| file.sync_data())
        .and_then(|()| env.disk.sync_dir(""));
    written.map_err(KeyError::io(format!("write the new key file {shown}")))
}

/// What stands in a key file; `None` if there is none.
fn look(disk: &dyn Disk, name: &str, shown: &str) -> Result<Option<Vec<u8>>, KeyError> {
    match disk.open(name, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(KeyError::io(format!("open {shown}"))(error)),
        Ok(file) => content(&*file, shown).map(Some),
    }
}

fn content(file: &dyn File, shown: &str) -> Result<Vec<u8>, KeyError> {
    let length = file.length().map_err(KeyError::io(format!("look at {shown}")))?;
    if length > BYTES_MAX {
        return Err(KeyError::TooLong { file: shown.into(), bytes: length, most: BYTES_MAX });
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    read_exact_at(file, &mut bytes, 0).map_err(KeyError::io(format!("read {shown}")))?;
    Ok(bytes)
}

fn overwrite(file: &dyn File, entry: &Entry) -> io::Result<()> {
    let zeros = vec![0; (entry.secret.end - entry.secret.start) as usize];
    write_all_at(file, &mut [IoSlice::new(&zeros)], entry.secret.start)
}
