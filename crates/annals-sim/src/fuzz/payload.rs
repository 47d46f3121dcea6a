//! The payload of a record that is compressed, encrypted or erased, with the dictionary of its segment.

use super::input::{Mode, split};
use super::structures::binding;
use annals_format::payload::{
    Compressor, DICTIONARY_BYTES_MAX, Dictionary, Key, KeyState, Keys, encrypt_record, erase_record,
    erasure_of, plain_payload,
};
use annals_format::{FrameBuilder, parse_record, reseal};
use annals_types::limits::{DATA_BYTES_MAX, METADATA_BYTES_MAX};
use annals_types::{NewEvent, PayloadError, PlainPayload, Position, Timestamp, Uuid};

const AT: Position = Position::new(41);
const KEY: Key = Key([7; 32]);

/// Everything is encrypted under the same key.
#[derive(Debug)]
struct OneKey;

impl Keys for OneKey {
    fn key(&self, _: Uuid) -> KeyState {
        KeyState::Here(KEY)
    }
}

/// A dictionary, if the bytes begin with one, and a record behind it.
///
/// # Panics
/// If the decoders do what they must not do.
pub fn payload(input: &[u8]) {
    let Some((mode, mut bytes)) = split(input) else { return };
    if mode == Mode::Resealed {
        reseal::dictionary(&mut bytes, binding());
    }
    let (dictionary, length) = match Dictionary::decode(&bytes, binding(), 0) {
        Ok(decoded) => decoded,
        Err(damage) => {
            assert!(damage.offset <= bytes.len() as u64, "{damage}");
            (Dictionary::default(), 0)
        }
    };
    assert!(dictionary.bytes().len() <= DICTIONARY_BYTES_MAX && length <= bytes.len());
    let record = &mut bytes[length..];
    if mode == Mode::Resealed && record.len() >= annals_format::RECORD_HEADER_BYTES {
        reseal::record(record, binding(), AT);
    }
    let Ok(event) = parse_record(record, binding(), AT, 0) else { return };
    if event.is_lost() {
        return;
    }
    match plain_payload(record, AT, Some(&dictionary), Some(&OneKey)) {
        Ok(plain) => {
            assert!(
                plain.metadata.len() <= METADATA_BYTES_MAX
                    && plain.data.len() <= DATA_BYTES_MAX.max(record.len())
            );
            let erasure = erasure_of(&plain, Timestamp::EPOCH);
            let erased = erase_record(record, &erasure, true).expect("it was not erased before");
            let left = plain_payload(&erased, AT, None, None);
            assert_eq!(left, Err(PayloadError::Erased { position: AT, erasure }));
        }
        Err(error) => assert!(error.is_damage() || error.is_erased(), "{error}"),
    }
    if let Some(packed) = Compressor::new(dictionary.clone()).compress_record(record) {
        assert!(packed.len() < record.len());
        assert_eq!(
            plain_payload(&packed, AT, Some(&dictionary), None),
            event.plain().map(PlainPayload::into_owned)
        );
    }
}

/// A compressed record behind the dictionary that it was made with, one that was erased, one that is encrypted, and a plain one.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let text = br#"{"cents":500,"currency":"EUR","account":"account-1","branch":"branch-7"}"#;
    let dictionary = Dictionary::new(text.to_vec());
    let event =
        NewEvent::new("deposited", &text[..]).with_metadata(&br#"{"user":"ada"}"#[..]).with_tag("all");
    let record = record(|frame| frame.push("account-1", &event).is_ok());
    let packed = Compressor::new(dictionary.clone()).compress_record(&record).expect("shorter");
    let erasure = erasure_of(&event_payload(&record), Timestamp::EPOCH);
    let erased = erase_record(&record, &erasure, true).expect("it has a payload");
    let sealed = encrypt_record(&record, Uuid::from_u128(9), &KEY, [3; 24]).expect("it has a payload");
    let again = |bytes: &[u8]| self::record(|frame| frame.push_record(bytes).is_ok());
    vec![
        [dictionary.encode(binding()), again(&packed)].concat(),
        [Dictionary::default().encode(binding()), again(&erased)].concat(),
        [Dictionary::default().encode(binding()), again(&sealed)].concat(),
        record,
    ]
}

fn event_payload(record: &[u8]) -> PlainPayload<'static> {
    plain_payload(record, AT, None, None).expect("plain")
}

fn record(push: impl FnOnce(&mut FrameBuilder) -> bool) -> Vec<u8> {
    let mut frame = FrameBuilder::new();
    assert!(push(&mut frame), "within the limits");
    let stamp = annals_format::FrameStamp {
        binding: binding(),
        first_position: AT,
        durable: AT.previous(),
        recorded_at: Timestamp::EPOCH,
    };
    frame.stamp(&stamp, |_| annals_types::Version::FIRST);
    frame.record(0).to_vec()
}
