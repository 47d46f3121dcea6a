//! The payload of a stored event, its data and metadata: as it is in the log, and as it is read.
//!
//! Most payloads are plain, and are borrowed from the log. The others have to be made first (decompressed, decrypted), which
//! happens when somebody asks for them; or they cannot be had any more, which is then a typed error. So an event can be found,
//! counted and shown whatever became of its payload.

use crate::buffer::PayloadBuffer;
use crate::limits::{DATA_BYTES_MAX, METADATA_BYTES_MAX};
use crate::numbers::Position;
use crate::time::Timestamp;
use std::borrow::Cow;
use std::fmt;
use uuid::Uuid;

/// The payload of an [`EventRef`](crate::EventRef) as it is stored. Read it with [`EventRef::data`](crate::EventRef::data),
/// [`EventRef::metadata`](crate::EventRef::metadata), or [`EventRef::plain`](crate::EventRef::plain) for both.
#[derive(Clone, Copy)]
pub struct PayloadRef<'a>(Stored<'a>);

/// The two that are not plain fit into the space of a plain one, so that an event is no larger for them: see the test below.
#[derive(Clone, Copy)]
enum Stored<'a> {
    Plain { data: &'a [u8], metadata: &'a [u8] },
    Other(Other<'a>),
}

#[derive(Clone, Copy)]
enum Other<'a> {
    /// What is left of it.
    Erased(&'a [u8; ERASURE_BYTES]),
    /// The whole record, and who can read it.
    Coded { record: &'a [u8], reader: Option<&'a PayloadReader> },
}

impl<'a> PayloadRef<'a> {
    /// A payload that can be read as it is.
    #[inline(always)]
    #[must_use]
    pub const fn plain(data: &'a [u8], metadata: &'a [u8]) -> Self {
        PayloadRef(Stored::Plain { data, metadata })
    }

    /// What is left of an erased payload.
    #[must_use]
    pub const fn erased(erasure: &'a [u8; ERASURE_BYTES]) -> Self {
        PayloadRef(Stored::Other(Other::Erased(erasure)))
    }

    /// A payload that is being erased: it is still stored, and not shown any more.
    #[must_use]
    pub const fn being_erased() -> Self {
        PayloadRef(Stored::Other(Other::Erased(&UNDER_WAY)))
    }

    /// A payload that a [`PayloadReader`] can make plain, given the record that it is in.
    #[must_use]
    pub const fn coded(record: &'a [u8]) -> Self {
        PayloadRef(Stored::Other(Other::Coded { record, reader: None }))
    }

    /// The same with one who can read it. Changes nothing if that is not needed.
    #[inline]
    #[must_use]
    pub fn with_reader(mut self, reader: &'a PayloadReader) -> Self {
        if let Stored::Other(Other::Coded { reader: own, .. }) = &mut self.0 {
            *own = Some(reader);
        }
        self
    }

    /// Data and metadata, if they can be read as they are.
    #[inline(always)]
    #[must_use]
    pub fn as_plain(&self) -> Option<(&'a [u8], &'a [u8])> {
        match self.0 {
            Stored::Plain { data, metadata } => Some((data, metadata)),
            Stored::Other(_) => None,
        }
    }

    /// Whether the payload was erased from the log. That its key was destroyed shows only when it is read.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        matches!(self.0, Stored::Other(Other::Erased(_)))
    }

    /// Whether it is encrypted, as far as whoever gave it out can tell.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.key().is_some()
    }

    /// The id of the key that it is encrypted under; `None` if it is not, as far as whoever gave it out can tell.
    #[must_use]
    pub fn key(&self) -> Option<Uuid> {
        match self.0 {
            Stored::Other(Other::Coded { record, reader: Some(reader) }) => reader.0.key_of(record),
            _ => None,
        }
    }

    #[inline(always)]
    pub(crate) fn data(&self, position: Position) -> Result<Cow<'a, [u8]>, PayloadError> {
        match self.0 {
            Stored::Plain { data, .. } => Ok(Cow::Borrowed(data)),
            Stored::Other(other) => other.read(position).map(|plain| plain.data),
        }
    }

    #[inline(always)]
    pub(crate) fn metadata(&self, position: Position) -> Result<Cow<'a, [u8]>, PayloadError> {
        match self.0 {
            Stored::Plain { metadata, .. } => Ok(Cow::Borrowed(metadata)),
            Stored::Other(other) => other.read(position).map(|plain| plain.metadata),
        }
    }

    /// Makes the payload in `buffer`, if it is not plain.
    #[inline]
    pub(crate) fn read_in(&self, position: Position, buffer: &mut PayloadBuffer) -> Result<(), PayloadError> {
        match self.0 {
            Stored::Other(Other::Coded { record, reader: Some(reader) }) => {
                reader.0.read_in(position, record, buffer)
            }
            _ => self.read(position).map(|plain| buffer.put(&plain)),
        }
    }

    #[inline]
    pub(crate) fn read(&self, position: Position) -> Result<PlainPayload<'a>, PayloadError> {
        match self.0 {
            Stored::Plain { data, metadata } => {
                Ok(PlainPayload { data: Cow::Borrowed(data), metadata: Cow::Borrowed(metadata) })
            }
            Stored::Other(other) => other.read(position),
        }
    }
}

impl Other<'_> {
    #[cold]
    fn read(self, position: Position) -> Result<PlainPayload<'static>, PayloadError> {
        match self {
            Other::Erased(erasure) => {
                let erasure = Erasure::from_bytes(erasure);
                if erasure.is_under_way() {
                    return Err(PayloadError::BeingErased { position });
                }
                Err(PayloadError::Erased { position, erasure })
            }
            Other::Coded { record, reader: Some(reader) } => reader.0.read(position, record),
            Other::Coded { reader: None, .. } => Err(PayloadError::NoReader { position }),
        }
    }
}

/// Equal as they are stored: who can read them makes no difference.
impl PartialEq for PayloadRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Stored::Plain { data, metadata }, Stored::Plain { data: other, metadata: others }) => {
                data == other && metadata == others
            }
            (Stored::Other(Other::Erased(one)), Stored::Other(Other::Erased(other))) => one == other,
            (
                Stored::Other(Other::Coded { record, .. }),
                Stored::Other(Other::Coded { record: other, .. }),
            ) => record == other,
            _ => false,
        }
    }
}

impl Eq for PayloadRef<'_> {}

impl fmt::Debug for PayloadRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Stored::Plain { data, metadata } => {
                write!(f, "{} bytes of data, {} of metadata", data.len(), metadata.len())
            }
            Stored::Other(Other::Erased(erasure)) => Erasure::from_bytes(erasure).fmt(f),
            Stored::Other(Other::Coded { record, .. }) => write!(f, "coded in {} bytes", record.len()),
        }
    }
}

/// How payloads are stored in a segment that is written anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// As they are.
    None,
    /// Each by itself as a block of LZ4, with a dictionary of its segment, unless that would make it longer.
    #[default]
    Lz4,
}

/// Data and metadata as the producer gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainPayload<'a> {
    /// The data.
    pub data: Cow<'a, [u8]>,
    /// The metadata.
    pub metadata: Cow<'a, [u8]>,
}

impl PlainPayload<'_> {
    /// The same, independent of the log.
    #[must_use]
    pub fn into_owned(self) -> PlainPayload<'static> {
        PlainPayload {
            data: Cow::Owned(self.data.into_owned()),
            metadata: Cow::Owned(self.metadata.into_owned()),
        }
    }
}

/// Makes payloads plain that are not.
pub trait ReadPayload: Send + Sync {
    /// The payload of a record, which was verified; `position` is for the error.
    ///
    /// # Errors
    /// Why it cannot be had.
    fn read(&self, position: Position, record: &[u8]) -> Result<PlainPayload<'static>, PayloadError>;

    /// The same in memory that is used again.
    ///
    /// # Errors
    /// As [`ReadPayload::read`].
    fn read_in(
        &self,
        position: Position,
        record: &[u8],
        buffer: &mut PayloadBuffer,
    ) -> Result<(), PayloadError> {
        self.read(position, record).map(|plain| buffer.put(&plain))
    }

    /// The id of the key that the payload of a record is encrypted under; `None` if it is not encrypted.
    fn key_of(&self, record: &[u8]) -> Option<Uuid>;
}

/// Whoever makes payloads plain, behind one thin pointer.
pub struct PayloadReader(Box<dyn ReadPayload>);

impl PayloadReader {
    /// A reader.
    #[must_use]
    pub fn new(reader: impl ReadPayload + 'static) -> Self {
        PayloadReader(Box::new(reader))
    }
}

impl fmt::Debug for PayloadReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayloadReader")
    }
}

/// Why the payload of an event cannot be had. The event itself is there, with all that it is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// It was erased from the log, for good.
    #[error("the payload of the event at position {position} was erased")]
    Erased {
        /// Position of the event.
        position: Position,
        /// What is known of it.
        erasure: Erasure,
    },
    /// It is being erased: the request is durable, and no reader is given the payload any more. How long it was and its hash are told
    /// once the erasure is finished.
    #[error(
        "the payload of the event at position {position} is being erased: finish that with an erasure or a compaction"
    )]
    BeingErased {
        /// Position of the event.
        position: Position,
    },
    /// It is encrypted, and its key was destroyed: it is as good as erased, for good.
    #[error("the payload of the event at position {position} is gone: its key {key} was destroyed")]
    KeyDestroyed {
        /// Position of the event.
        position: Position,
        /// The id of the key.
        key: Uuid,
        /// When.
        at: Timestamp,
    },
    /// It is encrypted, and the keys that the store was opened with do not have its key.
    #[error(
        "the payload of the event at position {position} is encrypted under key {key}, which is not there: open the store with the key file that has it"
    )]
    KeyMissing {
        /// Position of the event.
        position: Position,
        /// The id of the key.
        key: Uuid,
    },
    /// It is stored in a way that this program was built without.
    #[error(
        "the payload of the event at position {position} is stored with codec {codec}, which this program was built without"
    )]
    Unsupported {
        /// Position of the event.
        position: Position,
        /// The codec.
        codec: u8,
    },
    /// Its bytes are not what they were.
    #[error("the payload of the event at position {position} is damaged: {what}; verify the store")]
    Damaged {
        /// Position of the event.
        position: Position,
        /// What is wrong.
        what: &'static str,
    },
    /// It is not plain, and the record was looked at on its own, without its segment.
    #[error(
        "the payload of the event at position {position} is not plain, and what it takes to read it is not at hand: read it through the store"
    )]
    NoReader {
        /// Position of the event.
        position: Position,
    },
}

impl PayloadError {
    /// Whether the payload is gone for good because somebody wanted that.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        matches!(
            self,
            PayloadError::Erased { .. }
                | PayloadError::BeingErased { .. }
                | PayloadError::KeyDestroyed { .. }
        )
    }

    /// Whether bytes are wrong.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, PayloadError::Damaged { .. })
    }

    /// Position of the event.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            PayloadError::Erased { position, .. }
            | PayloadError::BeingErased { position, .. }
            | PayloadError::KeyDestroyed { position, .. }
            | PayloadError::KeyMissing { position, .. }
            | PayloadError::Unsupported { position, .. }
            | PayloadError::Damaged { position, .. }
            | PayloadError::NoReader { position } => *position,
        }
    }
}

/// Length of what is stored in the place of an erased payload.
pub const ERASURE_BYTES: usize = 48;

/// What stands for a payload that is being erased. No event can have had one of such a length, so it is never stored.
static UNDER_WAY: [u8; ERASURE_BYTES] = [u8::MAX; ERASURE_BYTES];

/// What is left of an erased payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// When it was erased.
    pub erased_at: Timestamp,
    /// How many bytes of data there were.
    pub data_bytes: u32,
    /// How many bytes of metadata there were.
    pub metadata_bytes: u32,
    /// SHA-256 of the number of bytes of metadata (`u32`, little-endian), the metadata and the data, by which a payload that
    /// somebody shows can be recognised as this one; `None` if it was not kept. Mind that short payloads can be guessed from it.
    pub sha256: Option<[u8; 32]>,
}

impl Erasure {
    /// From the encoded form: SHA-256 (32 bytes, zeros for none), time (`i64`), bytes of data (`u32`), bytes of metadata (`u32`),
    /// all little-endian. Any bytes are one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; ERASURE_BYTES]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(&bytes[..32]);
        let mut time = [0; 8];
        time.copy_from_slice(&bytes[32..40]);
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Erasure {
            erased_at: Timestamp::from_nanos(i64::from_le_bytes(time)),
            data_bytes: number(40),
            metadata_bytes: number(44),
            sha256: (hash != [0; 32]).then_some(hash),
        }
    }

    /// The encoded form.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ERASURE_BYTES] {
        let mut bytes = [0; ERASURE_BYTES];
        bytes[..32].copy_from_slice(&self.sha256.unwrap_or_default());
        bytes[32..40].copy_from_slice(&self.erased_at.as_nanos().to_le_bytes());
        bytes[40..44].copy_from_slice(&self.data_bytes.to_le_bytes());
        bytes[44..].copy_from_slice(&self.metadata_bytes.to_le_bytes());
        bytes
    }

    fn is_under_way(&self) -> bool {
        self.data_bytes == u32::MAX && self.metadata_bytes == u32::MAX
    }

    /// Whether nothing is known of the payload but when it was erased: nobody could read it then.
    #[must_use]
    pub fn says_nothing(&self) -> bool {
        self.data_bytes == 0 && self.metadata_bytes == 0 && self.sha256.is_none()
    }

    /// Whether an event could have had such a payload.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.data_bytes as usize <= DATA_BYTES_MAX && self.metadata_bytes as usize <= METADATA_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows the record itself as the data.
    struct Echo;

    impl ReadPayload for Echo {
        fn read(&self, _: Position, record: &[u8]) -> Result<PlainPayload<'static>, PayloadError> {
            Ok(PlainPayload { data: record.to_vec().into(), metadata: Cow::Borrowed(b"m") })
        }

        fn key_of(&self, record: &[u8]) -> Option<Uuid> {
            (record == b"secret").then_some(Uuid::from_u128(7))
        }
    }

    #[test]
    fn a_payload_takes_no_more_than_two_slices() {
        assert_eq!(size_of::<PayloadRef<'_>>(), 2 * size_of::<&[u8]>());
    }

    #[test]
    fn a_plain_payload_is_lent_and_a_coded_one_is_made_by_its_reader() {
        let at = Position::new(7);
        let plain = PayloadRef::plain(b"d", b"m");
        assert!(matches!(plain.data(at), Ok(Cow::Borrowed(b"d"))));
        assert!(matches!(plain.metadata(at), Ok(Cow::Borrowed(b"m"))));

        let coded = PayloadRef::coded(b"record");
        assert_eq!(coded.data(at), Err(PayloadError::NoReader { position: at }));
        let reader = PayloadReader::new(Echo);
        let read = coded.with_reader(&reader);
        assert_eq!((&*read.data(at).unwrap(), &*read.metadata(at).unwrap()), (&b"record"[..], &b"m"[..]));
        assert!(coded == read && coded != plain && !coded.is_erased());
        assert_eq!(plain.with_reader(&reader).as_plain(), Some((&b"d"[..], &b"m"[..])));
    }

    #[test]
    fn an_erased_payload_tells_what_it_was_and_when_it_went() {
        let erasure = Erasure {
            erased_at: Timestamp::from_nanos(-5),
            data_bytes: 3,
            metadata_bytes: 2,
            sha256: Some([7; 32]),
        };
        for erasure in [erasure, Erasure { sha256: None, ..erasure }] {
            let bytes = erasure.to_bytes();
            assert_eq!(Erasure::from_bytes(&bytes), erasure);
            let payload = PayloadRef::erased(&bytes);
            let error = payload.read(Position::new(9)).unwrap_err();
            assert_eq!(error, PayloadError::Erased { position: Position::new(9), erasure });
            assert!(payload.is_erased() && error.is_erased() && !error.is_damage());
        }
        assert!(erasure.is_possible());
        let payload = PayloadRef::being_erased();
        let error = payload.read(Position::new(9)).unwrap_err();
        assert_eq!(error, PayloadError::BeingErased { position: Position::new(9) });
        assert!(payload.is_erased() && error.is_erased() && !error.is_damage());
        assert!(!Erasure::from_bytes(&UNDER_WAY).is_possible());
        assert!(!Erasure { data_bytes: u32::MAX, ..erasure }.is_possible());
    }
}
