//! Which payloads are encrypted as they are appended, and under whose key.

use super::{KeyError, KeyFile};
use crate::batch::Batch;
use crate::error::AppendError;
use crate::schema::SYSTEM_PREFIX;
use annals_format::FrameBuilder;
use annals_format::payload::{
    AboutState, Key, KeyState, Keys, NONCE_BYTES, decrypt_state, encrypt_record, encrypt_state, key_of,
    key_of_state, plain_payload,
};
use annals_types::{
    EventRef, PayloadError, PayloadReader, PlainPayload, Position, ReadPayload, Uuid, category_of,
};
use std::sync::Arc;

/// Which events have their payload encrypted, and whose they are: the name of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encrypt {
    /// Events of the streams of a category; each stream is a subject of its own.
    Category(String),
    /// Events of the streams whose names begin so; each stream is a subject of its own.
    Prefix(String),
    /// Events with a tag that begins so; the (first such) tag is the subject.
    Tagged(String),
}

impl Encrypt {
    fn subject<'e>(&self, event: &EventRef<'e>) -> Option<&'e str> {
        match self {
            Encrypt::Category(category) => (category_of(event.stream) == category).then_some(event.stream),
            Encrypt::Prefix(prefix) => event.stream.starts_with(prefix.as_str()).then_some(event.stream),
            Encrypt::Tagged(prefix) => event.tags.iter().find(|tag| tag.starts_with(prefix.as_str())),
        }
    }
}

/// Where keys are found, for those who read.
pub(crate) type PayloadKeys = Arc<dyn Keys>;

/// The keys of a store, and what they are for.
#[derive(Clone, Debug)]
pub(crate) struct Encryption {
    file: KeyFile,
    rules: Arc<[Encrypt]>,
    keys: PayloadKeys,
}

impl Encryption {
    pub(crate) fn new(file: KeyFile, rules: &[Encrypt]) -> Self {
        Encryption { keys: Arc::new(file.clone()), file, rules: rules.into() }
    }

    pub(crate) fn keys(&self) -> &PayloadKeys {
        &self.keys
    }

    /// Encrypts what is to be encrypted of a batch.
    pub(crate) fn seal(&self, batch: &mut Batch) -> Result<(), AppendError> {
        if self.rules.is_empty() {
            return Ok(());
        }
        self.seal_all(batch)
    }

    #[cold]
    fn seal_all(&self, batch: &mut Batch) -> Result<(), AppendError> {
        let subjects: Vec<Option<String>> =
            (0..batch.len()).map(|index| self.subject_of(&batch.frame, index)).collect();
        let names: Vec<&str> = subjects.iter().flatten().map(String::as_str).collect();
        if names.is_empty() {
            return Ok(());
        }
        let mut keys = self.file.ids(&names)?.into_iter();
        let mut frame = FrameBuilder::new();
        for (index, subject) in subjects.iter().enumerate() {
            let record = batch.frame.record(index);
            let mut sealed = None;
            if subject.is_some()
                && let Some((id, key)) = keys.next()
            {
                let mut nonce = [0; NONCE_BYTES];
                self.file.random(&mut nonce)?;
                sealed = encrypt_record(record, id, &key, nonce);
            }
            frame.push_record(sealed.as_deref().unwrap_or(record))?;
        }
        batch.frame = frame;
        batch.reader = Some(Arc::new(PayloadReader::new(OwnPayloads(Arc::clone(&self.keys)))));
        Ok(())
    }

    /// Encrypts a state under the key of the events that it is made of; `None` if that key is not there, or not any more.
    pub(crate) fn seal_state(
        &self,
        state: &[u8],
        about: &AboutState<'_>,
        id: Uuid,
    ) -> Result<Option<Vec<u8>>, KeyError> {
        let KeyState::Here(key) = self.keys.key(id) else { return Ok(None) };
        let mut nonce = [0; NONCE_BYTES];
        self.file.random(&mut nonce)?;
        Ok(encrypt_state(state, about, id, &key, nonce))
    }

    fn subject_of(&self, frame: &FrameBuilder, index: usize) -> Option<String> {
        let event = frame.draft(index).ok()?;
        // What is encrypted already stays so, and the store's own streams are read by everybody.
        if event.stream.starts_with(SYSTEM_PREFIX) || event.payload.as_plain().is_none() {
            return None;
        }
        self.rules.iter().find_map(|rule| rule.subject(&event)).map(str::to_owned)
    }
}

/// The state in the payload of a snapshot that is encrypted, and the id of its key; otherwise why it cannot be had.
pub(crate) fn open_state(
    encryption: Option<&Encryption>,
    payload: &[u8],
    about: &AboutState<'_>,
) -> Result<(Vec<u8>, Uuid), String> {
    let id = key_of_state(payload).ok_or("it is too short for what was encrypted")?;
    let key: Key = match encryption.map_or(KeyState::Missing, |encryption| encryption.keys.key(id)) {
        KeyState::Here(key) => key,
        KeyState::Destroyed(_) => return Err(format!("its key {id} was destroyed")),
        KeyState::Missing if encryption.is_none() => {
            return Err(format!("it is encrypted under key {id}: open the store with its key file"));
        }
        KeyState::Missing => return Err(format!("its key {id} is not in the key file")),
    };
    let state = decrypt_state(payload, about, &key);
    state.map(|state| (state, id)).ok_or_else(|| format!("it is not what was encrypted under key {id}"))
}

/// Reads the payloads of a batch that is not written yet.
struct OwnPayloads(PayloadKeys);

impl ReadPayload for OwnPayloads {
    fn read(&self, position: Position, record: &[u8]) -> Result<PlainPayload<'static>, PayloadError> {
        plain_payload(record, position, None, Some(&*self.0))
    }

    fn key_of(&self, record: &[u8]) -> Option<Uuid> {
        key_of(record)
    }
}

impl From<KeyError> for AppendError {
    fn from(error: KeyError) -> Self {
        AppendError::Keys(error)
    }
}
