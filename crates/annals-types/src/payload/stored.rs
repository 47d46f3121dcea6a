//! The payload of a stored event as it lies in the log: plain, coded, or what is left of it.

use super::erasure::UNDER_WAY;
use super::{ERASURE_BYTES, Erasure, PayloadError, PayloadReader, PlainPayload};
use crate::buffer::PayloadBuffer;
use crate::numbers::Position;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::ReadPayload;

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
}
