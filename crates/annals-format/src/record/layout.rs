//! Where the parts of a record are, and the same record with another payload.

use super::encode::length_u32;
use super::{
    BODY_CHECKSUM, CODEC, CONTENT_TYPE, ENCRYPTED, ERASED, FLAGS, HAS_ID, HAS_METADATA, HAS_OCCURRED_AT,
    HAS_SCHEMA_VERSION, HAS_TAGS, LENGTH, LOST, RECORD_HEADER_BYTES, STREAM_LENGTH, TYPE_LENGTH, VERSION,
    record_length, reseal_body,
};
use crate::payload::{CODEC_LZ4, CODEC_PLAIN};
use crate::wire::{u16_at, u32_at};

/// What a payload becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// With so many bytes of metadata in front.
    Plain {
        metadata: usize,
    },
    Compressed,
    Encrypted,
    Erased,
}

/// Where the parts of a record are that was verified, or made by this program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout<'a> {
    pub(crate) record: &'a [u8],
    pub(crate) flags: u16,
    /// Up to here: header, id, occurred_at, schema version.
    fields_end: usize,
    /// From here to `tags`: stream name and event type.
    names: usize,
    tags: usize,
    pub(crate) payload: usize,
    pub(crate) metadata: usize,
}

impl<'a> Layout<'a> {
    /// The lengths are looked at all the same; `None` if one is wrong.
    #[inline]
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        let record = bytes.get(..record_length(bytes)?)?;
        let flags = u16_at(record.get(..RECORD_HEADER_BYTES)?, FLAGS);
        let width = |flag: u16, bytes: usize| if flags & flag != 0 { bytes } else { 0 };
        let fields_end = RECORD_HEADER_BYTES
            + width(HAS_ID, 16)
            + width(HAS_OCCURRED_AT, 8)
            + width(HAS_SCHEMA_VERSION, 4);
        let number = |at: usize| record.get(at..at + 4).map(|bytes| u32_at(bytes, 0) as usize);
        let metadata = if flags & HAS_METADATA != 0 { number(fields_end)? } else { 0 };
        let tags_at = fields_end + width(HAS_METADATA, 4);
        let tags_length = if flags & HAS_TAGS != 0 { number(tags_at)? } else { 0 };
        let names = tags_at + width(HAS_TAGS, 4);
        let names_length =
            usize::from(u16_at(record, STREAM_LENGTH)) + usize::from(u16_at(record, TYPE_LENGTH));
        let tags = names.checked_add(names_length)?;
        let payload = tags.checked_add(tags_length)?;
        (payload.checked_add(metadata)? <= record.len()).then_some(Layout {
            record,
            flags,
            fields_end,
            names,
            tags,
            payload,
            metadata,
        })
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.record[CODEC] == CODEC_PLAIN && self.flags & (ENCRYPTED | ERASED | LOST) == 0
    }

    pub(crate) fn is_erased(&self) -> bool {
        self.flags & ERASED != 0
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.record[CODEC] == CODEC_LZ4 && self.flags & (ENCRYPTED | ERASED | LOST) == 0
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    /// What an encrypted payload is bound to: all that was given beside it, and of what kind it is.
    pub(crate) fn bound(&self) -> Vec<u8> {
        let record = self.record;
        let parts = [
            &record[FLAGS..VERSION],
            &record[STREAM_LENGTH..RECORD_HEADER_BYTES],
            &record[RECORD_HEADER_BYTES..self.payload],
        ];
        parts.concat()
    }

    /// What the producer gave beside the payload.
    pub(crate) fn given(&self) -> impl PartialEq + use<'a> {
        let record = self.record;
        (
            self.flags & !(HAS_METADATA | ERASED | ENCRYPTED),
            record[CONTENT_TYPE],
            u32_at(record, STREAM_LENGTH),
            &record[RECORD_HEADER_BYTES..self.fields_end],
            &record[self.names..self.payload],
        )
    }

    /// The same without the tags.
    pub(crate) fn given_but_tags(&self) -> impl PartialEq + use<'a> {
        let record = self.record;
        (
            self.flags & !(HAS_METADATA | ERASED | ENCRYPTED | HAS_TAGS),
            record[CONTENT_TYPE],
            u32_at(record, STREAM_LENGTH),
            &record[RECORD_HEADER_BYTES..self.fields_end],
            &record[self.names..self.tags],
        )
    }

    /// The record with another payload, of this form. Complete but for what [`complete_record`](super::complete_record) fills in.
    pub(crate) fn with_payload(&self, form: Form, keep_tags: bool, payload: &[u8]) -> Vec<u8> {
        let keep_tags = keep_tags && self.flags & HAS_TAGS != 0;
        let names_end = if keep_tags { self.payload } else { self.tags };
        let metadata = if let Form::Plain { metadata } = form { metadata } else { 0 };
        let mut out = Vec::with_capacity(names_end + 4 + payload.len());
        out.extend_from_slice(&self.record[..self.fields_end]);
        if metadata > 0 {
            out.extend_from_slice(&length_u32(metadata));
        }
        if keep_tags {
            out.extend_from_slice(&self.record[self.names - 4..self.names]);
        }
        out.extend_from_slice(&self.record[self.names..names_end]);
        out.extend_from_slice(payload);
        let (flag, codec) = match form {
            Form::Plain { .. } if metadata > 0 => (HAS_METADATA, CODEC_PLAIN),
            Form::Plain { .. } => (0, CODEC_PLAIN),
            Form::Compressed => (0, CODEC_LZ4),
            Form::Encrypted => (ENCRYPTED, CODEC_PLAIN),
            Form::Erased => (ERASED, CODEC_PLAIN),
        };
        let dropped = HAS_METADATA | ENCRYPTED | if keep_tags { 0 } else { HAS_TAGS };
        let flags = self.flags & !dropped | flag;
        let length = out.len();
        out[LENGTH..BODY_CHECKSUM].copy_from_slice(&length_u32(length));
        out[FLAGS..CONTENT_TYPE].copy_from_slice(&flags.to_le_bytes());
        out[CODEC] = codec;
        reseal_body(&mut out);
        out
    }
}
