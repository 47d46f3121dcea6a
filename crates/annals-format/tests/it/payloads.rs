//! Payloads that are compressed or erased, and the dictionary of a segment.

use crate::common::{
    STORE_ID, binding, bound_checksum, content_type, events_of, full, hex, minimal, plain_checksum, stamp,
    unhex,
};
use annals_format::payload::{
    Compressor, DICTIONARY_BYTES_MAX, DICTIONARY_HEADER_BYTES, Dictionary, Trainer, erase_record, erasure_of,
    is_repetition, plain_payload, plain_payload_in,
};
use annals_format::{Binding, FrameBuilder, decode_record, parse_record};
use annals_types::{
    Erasure, NewEvent, PayloadBuffer, PayloadError, PlainPayload, Position, Timestamp, Version,
};
use proptest::prelude::*;
use std::sync::LazyLock;

const AT: Position = Position::new(42);

/// The record of an event, at its place.
fn record(stream: &str, event: &NewEvent<'_>) -> Vec<u8> {
    let mut frame = FrameBuilder::new();
    frame.push(stream, event).unwrap();
    placed(frame)
}

/// A record that was made anew, at its place.
fn again(record: &[u8]) -> Vec<u8> {
    let mut frame = FrameBuilder::new();
    frame.push_record(record).unwrap();
    placed(frame)
}

fn placed(mut frame: FrameBuilder) -> Vec<u8> {
    frame.stamp(&stamp(AT.get(), 40), |_| Version::new(7));
    let (header, events) = events_of(frame.bytes(), binding(), 64).unwrap();
    assert_eq!((header.record_count, events.len()), (1, 1));
    frame.record(0).to_vec()
}

fn order(number: usize) -> NewEvent<'static> {
    let states = ["placed", "paid", "shipped", "returned"];
    let data = format!(
        r#"{{"order":{},"state":"{}","customer":{{"id":{}}},"lines":[{{"sku":"A-{}","count":{}}}]}}"#,
        number * 7919,
        states[number % 4],
        number % 97,
        number % 13,
        number % 5
    );
    NewEvent::json("order changed", data)
        .with_metadata(format!(r#"{{"user":"u{}"}}"#, number % 11).into_bytes())
        .with_tag("t")
}

fn trained() -> Dictionary {
    let mut trainer = Trainer::new();
    (0..2000).for_each(|number| trainer.show(&record("order-1", &order(number))));
    trainer.finish()
}

#[test]
fn a_trained_dictionary_makes_payloads_less_than_half_as_long_and_everything_comes_back() {
    let dictionary = trained();
    let compressor = Compressor::new(dictionary.clone());
    assert!((1024..=DICTIONARY_BYTES_MAX).contains(&dictionary.bytes().len()), "{dictionary:?}");
    let (mut plain, mut packed) = (0, 0);
    for number in 3000..3300 {
        let event = order(number);
        let before = record("order-1", &event);
        let after = again(&compressor.compress_record(&before).unwrap());
        let payload = event.data.len() + event.metadata.len();
        plain += payload;
        packed += payload + after.len() - before.len();

        let read = parse_record(&after, binding(), AT, 0).unwrap();
        let was = parse_record(&before, binding(), AT, 0).unwrap();
        assert_eq!(decode_record(&after, binding(), AT), Some(read));
        assert_eq!(
            (read.id, read.occurred_at, read.tags, read.version),
            (was.id, was.occurred_at, was.tags, was.version)
        );
        assert_eq!(
            (read.stream, read.event_type, read.content_type),
            (was.stream, was.event_type, was.content_type)
        );
        assert_eq!(read.data(), Err(PayloadError::NoReader { position: AT }), "not without the segment");
        let back = plain_payload(&after, AT, Some(&dictionary), None).unwrap();
        assert_eq!((back.data, back.metadata), (event.data.clone(), event.metadata.clone()));
        assert!(compressor.compress_record(&after).is_none(), "it is compressed already");
        let other = plain_payload(&after, AT, None, None);
        assert!(matches!(other, Err(PayloadError::Damaged { .. })), "without the dictionary: {other:?}");
    }
    assert!(packed * 2 < plain, "{packed} of {plain}");
}

#[test]
fn what_would_not_become_shorter_is_left_as_it_is() {
    let dictionary = trained();
    let compressor = Compressor::new(dictionary.clone());
    for event in [minimal(), NewEvent::new("t", &b"\x9e\x11\x7f\x03\xc5"[..])] {
        assert!(compressor.compress_record(&record("s", &event)).is_none());
    }
    let mut frame = FrameBuilder::new();
    frame.push_lost("s").unwrap();
    assert!(compressor.compress_record(frame.record(0)).is_none());
}

#[test]
fn few_samples_or_none_make_no_dictionary_and_very_many_a_bounded_one() {
    assert!(Trainer::new().finish().is_empty());
    let mut trainer = Trainer::new();
    trainer.show(&record("s", &order(1)));
    assert!(trainer.finish().is_empty());
    let mut trainer = Trainer::new();
    // 40 MiB of samples, of which no byte occurs twice beside the same one.
    let record = |number: u64| {
        let data: Vec<u8> = (0..8000u64).map(|at| ((at * at * 31 + number * 7919) >> 3) as u8).collect();
        record("s", &NewEvent::new("t", data))
    };
    (0..10_000).for_each(|number| trainer.show(&record(number)));
    assert!(trainer.finish().bytes().len() <= DICTIONARY_BYTES_MAX);
}

#[test]
fn an_erased_record_keeps_everything_but_the_payload() {
    let dictionary = trained();
    let compressor = Compressor::new(dictionary.clone());
    for (event, keep_tags) in [(full(), true), (order(5), false), (order(6), true), (minimal(), true)] {
        let before = record("order-1", &event);
        let plain = PlainPayload { data: event.data.clone(), metadata: event.metadata.clone() };
        let erasure = erasure_of(&plain, Timestamp::from_nanos(77));
        let packed = compressor.compress_record(&before).map(|record| again(&record));
        for source in [Some(before.clone()), packed].into_iter().flatten() {
            let after = again(&erase_record(&source, &erasure, keep_tags).unwrap());
            let (was, read) = (
                parse_record(&before, binding(), AT, 0).unwrap(),
                parse_record(&after, binding(), AT, 0).unwrap(),
            );
            assert!(read.payload.is_erased());
            assert_eq!(read.data(), Err(PayloadError::Erased { position: AT, erasure }));
            assert_eq!(
                plain_payload(&after, AT, None, None),
                Err(PayloadError::Erased { position: AT, erasure })
            );
            assert_eq!((read.id, read.occurred_at, read.version), (was.id, was.occurred_at, was.version));
            assert_eq!((read.stream, read.event_type), (was.stream, was.event_type));
            assert_eq!((read.schema_version, read.content_type), (was.schema_version, was.content_type));
            assert_eq!(read.tags, if keep_tags { was.tags } else { annals_types::Tags::default() });
            for secret in [&event.data, &event.metadata] {
                let found =
                    secret.len() > 8 && after.windows(secret.len()).any(|window| window == &secret[..]);
                assert!(!found, "the payload is still there");
            }
            let once_more = again(&erase_record(&after, &erasure, keep_tags).unwrap());
            assert_eq!(once_more, after, "it is erased already");
            assert!(compressor.compress_record(&after).is_none());
        }
    }
}

#[test]
fn an_event_that_was_erased_elsewhere_is_stored_as_one() {
    let erasure = Erasure { erased_at: Timestamp::EPOCH, data_bytes: 9, metadata_bytes: 0, sha256: None };
    let event = NewEvent { erased: Some(erasure), ..NewEvent::json("opened", "") };
    let stored = record("s", &event);
    let read = parse_record(&stored, binding(), AT, 0).unwrap();
    assert_eq!(read.data(), Err(PayloadError::Erased { position: AT, erasure }));
    let mut frame = FrameBuilder::new();
    assert!(frame.push("s", &NewEvent { data: b"x"[..].into(), ..event.clone() }).is_err());
    let too_large = Erasure { data_bytes: u32::MAX, ..erasure };
    assert!(frame.push("s", &NewEvent { erased: Some(too_large), ..event }).is_err());
}

#[test]
fn a_repetition_is_known_whatever_became_of_the_payload_since() {
    let dictionary = trained();
    let compressor = Compressor::new(dictionary.clone());
    let given = |event: &NewEvent<'_>| {
        let mut frame = FrameBuilder::new();
        frame.push("order-1", event).unwrap();
        frame.record(0).to_vec()
    };
    let event = order(8);
    let plain = PlainPayload { data: event.data.clone(), metadata: event.metadata.clone() };
    let before = record("order-1", &event);
    let erasure = erasure_of(&plain, Timestamp::EPOCH);
    let unknown = Erasure { sha256: None, ..erasure };
    let others = [
        NewEvent { data: b"{}"[..].into(), ..event.clone() },
        NewEvent { metadata: Vec::new().into(), ..event.clone() },
        NewEvent { event_type: "order-changed".into(), ..event.clone() },
        NewEvent { schema_version: 2, ..event.clone() },
    ];
    let packed = again(&compressor.compress_record(&before).unwrap());
    let reader = annals_types::PayloadReader::new(With(dictionary));
    let stored = [
        before.clone(),
        packed,
        again(&erase_record(&before, &erasure, true).unwrap()),
        again(&erase_record(&before, &erasure, false).unwrap()),
        again(&erase_record(&before, &unknown, true).unwrap()),
    ];
    for record in &stored {
        let mut read = parse_record(record, binding(), AT, 0).unwrap();
        read.payload = read.payload.with_reader(&reader);
        assert!(is_repetition(&read, record, &given(&event), None));
        for other in &others {
            assert!(!is_repetition(&read, record, &given(other), None), "{other:?}");
        }
    }
}

struct With(Dictionary);

impl annals_types::ReadPayload for With {
    fn read(&self, position: Position, record: &[u8]) -> Result<PlainPayload<'static>, PayloadError> {
        plain_payload(record, position, Some(&self.0), None)
    }

    fn key_of(&self, _: &[u8]) -> Option<annals_types::Uuid> {
        None
    }
}

/// A compressed record whose payload is this.
fn with_payload(payload: &[u8]) -> Vec<u8> {
    let event = NewEvent::new("t", payload);
    let mut record = record("s", &event);
    record[15] = 1;
    let header = bound_checksum(&[&AT.get().to_le_bytes(), &record[4..36]]);
    record[..4].copy_from_slice(&header);
    record
}

#[test]
fn lengths_that_cannot_be_are_refused_before_anything_is_allocated() {
    let varint = |mut value: u64| {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    };
    let limits = [16u64 << 20, 64 << 20];
    for (metadata, data) in [(limits[0] + 1, 0), (0, limits[1] + 1), (u64::MAX, 1), (1, 10 << 30), (0, 0)] {
        let payload = [varint(metadata), varint(data), vec![0x10; 40]].concat();
        let damage = parse_record(&with_payload(&payload), binding(), AT, 0).unwrap_err();
        assert_eq!(damage.what, "lengths of a compressed payload", "{metadata} {data}");
    }
    for payload in [&b""[..], b"\x80", b"\x05", b"\x80\x00\x05"] {
        assert!(parse_record(&with_payload(payload), binding(), AT, 0).is_err());
    }
    // Within the limits, and more than these bytes can be: 1 KiB that says it is 64 MiB.
    let payload = [varint(0), varint(limits[1]), vec![0xFF; 1024]].concat();
    let record = with_payload(&payload);
    parse_record(&record, binding(), AT, 0).unwrap();
    let error = plain_payload(&record, AT, None, None).unwrap_err();
    assert_eq!(error, PayloadError::Damaged { position: AT, what: "it cannot be decompressed" });
}

#[test]
fn a_record_that_is_erased_and_anything_else_is_damaged() {
    let erasure =
        Erasure { erased_at: Timestamp::EPOCH, data_bytes: 9, metadata_bytes: 0, sha256: Some([3; 32]) };
    let sound = again(&erase_record(&record("s", &NewEvent::new("t", &b"x"[..])), &erasure, true).unwrap());
    let sealed = |mut record: Vec<u8>| {
        let length = record.len() as u32;
        record[4..8].copy_from_slice(&length.to_le_bytes());
        let body = plain_checksum(&[&record[36..]]);
        record[8..12].copy_from_slice(&body);
        let header = bound_checksum(&[&AT.get().to_le_bytes(), &record[4..36]]);
        record[..4].copy_from_slice(&header);
        record
    };
    assert!(parse_record(&sealed(sound.clone()), binding(), AT, 0).is_ok());
    let mut compressed = sound.clone();
    compressed[15] = 1;
    let mut metadata = sound.clone();
    metadata[12] |= 1 << 3;
    metadata.splice(36..36, [1, 0, 0, 0]);
    let mut lost = sound.clone();
    lost[12] |= 1 << 6;
    let mut impossible = sound.clone();
    let end = impossible.len();
    impossible[end - 8..].copy_from_slice(&[0xFF; 8]);
    for broken in
        [&sound[..sound.len() - 1], &[&sound[..], &[0]].concat(), &compressed, &metadata, &lost, &impossible]
    {
        assert!(parse_record(&sealed(broken.to_vec()), binding(), AT, 0).is_err());
    }
}

#[test]
fn a_dictionary_is_bound_to_its_segment_and_no_bit_of_it_can_be_wrong_unnoticed() {
    let dictionary = Dictionary::new((0..203u32).map(|byte| (byte * 7) as u8).collect());
    let bytes = dictionary.encode(binding());
    assert!(bytes.len().is_multiple_of(8));
    let behind = [&bytes[..], b"behind"].concat();
    assert_eq!(Dictionary::decode(&behind, binding(), 64), Ok((dictionary.clone(), bytes.len())));
    for other in [Binding::new(&STORE_ID, 8, 0), Binding::new(&[0; 16], 7, 0)] {
        assert!(Dictionary::decode(&bytes, other, 64).is_err());
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let damage = Dictionary::decode(&flipped, binding(), 64).unwrap_err();
        assert!((64..64 + bytes.len() as u64).contains(&damage.offset), "bit {bit}: {damage}");
    }
    for length in 0..bytes.len() {
        assert!(Dictionary::decode(&bytes[..length], binding(), 64).is_err(), "{length}");
    }
    assert_eq!(
        Dictionary::decode(&Dictionary::default().encode(binding()), binding(), 0).unwrap().1,
        DICTIONARY_HEADER_BYTES
    );
}

#[test]
fn a_dictionary_that_claims_to_be_too_long_is_refused() {
    let mut bytes = Dictionary::new(vec![7; 64]).encode(binding());
    for length in [1u32, 63, DICTIONARY_BYTES_MAX as u32 + 1, u32::MAX, 4096] {
        bytes[12..16].copy_from_slice(&length.to_le_bytes());
        annals_format::reseal::dictionary(&mut bytes, binding());
        let damage = Dictionary::decode(&bytes, binding(), 0).unwrap_err();
        assert!(
            ["length of a dictionary", "room for a dictionary"].contains(&damage.what),
            "{length}: {damage}"
        );
    }
}

#[test]
fn compressed_and_erased_records_and_a_dictionary_have_these_bytes() {
    let dictionary =
        Dictionary::new(br#"{"user":"ada"}{"cents":500,"currency":"EUR","account":"account-1"}"#.to_vec());
    assert_eq!(hex(&dictionary.encode(binding())), DICTIONARY.trim());
    let record = unhex(COMPRESSED);
    let event = parse_record(&record, binding(), AT, 0).unwrap();
    assert_eq!((event.stream, event.event_type, event.version), ("account-1", "deposited", Version::new(7)));
    let plain = plain_payload(&record, AT, Some(&dictionary), None).unwrap();
    assert_eq!(&*plain.data, br#"{"cents":500,"currency":"EUR"}"#);
    assert_eq!(&*plain.metadata, br#"{"user":"ada"}"#);
    let erasure = erasure_of(&plain, Timestamp::from_nanos(0x0102_0304_0506_0708));
    assert_eq!(hex(&again(&erase_record(&record, &erasure, true).unwrap())), ERASED.trim());
}

const DICTIONARY: &str = "
41 4e 4e 41 4c 44 49 43 94 62 91 f6 42 00 00 00
66 28 0b bd 00 00 00 00 7b 22 75 73 65 72 22 3a
22 61 64 61 22 7d 7b 22 63 65 6e 74 73 22 3a 35
30 30 2c 22 63 75 72 72 65 6e 63 79 22 3a 22 45
55 52 22 2c 22 61 63 63 6f 75 6e 74 22 3a 22 61
63 63 6f 75 6e 74 2d 31 22 7d 00 00 00 00 00 00
";

/// One of many ways to compress it: this one is to be read for ever, and a writer may find a shorter one.
const COMPRESSED: &str = "
ed a9 b2 8d 3e 00 00 00 b7 c2 b8 2d 00 00 01 01
07 00 00 00 00 00 00 00 15 cd 85 3d fe 9c 97 17
09 00 09 00 61 63 63 6f 75 6e 74 2d 31 64 65 70
6f 73 69 74 65 64 0e 1e 0f 42 00 18 60 7d
";

const ERASED: &str = "
d0 fd d7 bb 66 00 00 00 5b 36 51 16 80 00 01 00
07 00 00 00 00 00 00 00 15 cd 85 3d fe 9c 97 17
09 00 09 00 61 63 63 6f 75 6e 74 2d 31 64 65 70
6f 73 69 74 65 64 69 0d 78 5d 9c d6 6e 42 82 54
14 e0 70 38 76 3b ca 54 12 36 64 9d 7d f7 82 db
60 65 ec fd 45 7d 08 07 06 05 04 03 02 01 1e 00
00 00 0e 00 00 00
";

fn any_event() -> impl Strategy<Value = NewEvent<'static>> {
    let text =
        prop::collection::vec(prop::sample::select(vec!["{\"a\":1}", "null", ",", "xyz", "\0"]), 0..40);
    (
        text.clone(),
        text,
        any::<u8>(),
        prop::option::of(any::<i64>()),
        prop::collection::vec("[a-c]{1,3}", 0..3),
        1u32..4,
    )
        .prop_map(|(data, metadata, kind, occurred, tags, schema_version)| NewEvent {
            content_type: content_type(kind),
            metadata: metadata.concat().into_bytes().into(),
            occurred_at: occurred.map(Timestamp::from_nanos),
            tags: tags.into_iter().map(Into::into).collect(),
            schema_version,
            ..NewEvent::new("type", data.concat().into_bytes())
        })
}

proptest! {
    #[test]
    fn any_event_survives_being_compressed(event in any_event()) {
        let dictionary = Dictionary::new(b"{\"a\":1}null,xyz".repeat(8));
        let compressor = Compressor::new(dictionary.clone());
        let before = record("s", &event);
        if let Some(after) = compressor.compress_record(&before) {
            prop_assert!(after.len() < before.len());
            let after = again(&after);
            let back = plain_payload(&after, AT, Some(&dictionary), None).unwrap();
            prop_assert_eq!((back.data, back.metadata), (event.data.clone(), event.metadata.clone()));
        }
    }

    #[test]
    fn any_bytes_as_a_payload_are_read_or_refused(payload in prop::collection::vec(any::<u8>(), 1..80)) {
        let record = with_payload(&payload);
        if parse_record(&record, binding(), AT, 0).is_ok() {
            let dictionary = Dictionary::new(vec![b'a'; 128]);
            let _ = plain_payload(&record, AT, Some(&dictionary), None).map(|plain| plain.data.len());
        }
    }

    #[test]
    fn a_payload_is_made_alike_in_memory_of_its_own_and_in_a_buffer_damaged_or_not(
        number in 0usize..5000,
        times in prop::sample::select(vec![1usize, 2, 7, 9, 30]),
        wrong in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        static COMPRESSOR: LazyLock<Compressor> = LazyLock::new(|| Compressor::new(trained()));
        let data: Vec<u8> = (number..number + times).flat_map(|number| order(number).data.to_vec()).collect();
        let event = NewEvent { data: data.into(), ..order(number) };
        let mut record = again(&COMPRESSOR.compress_record(&record("s", &event)).unwrap());
        if let Some((at, byte)) = wrong {
            let end = record.len();
            let payload = &mut record[end - 20..];
            payload[at.index(20)] = byte;
        }
        let mut buffer = PayloadBuffer::new();
        buffer.put(&PlainPayload { data: vec![7; 300].into(), metadata: vec![8; 20].into() });
        let dictionary = Some(COMPRESSOR.dictionary());
        let apart = plain_payload(&record, AT, dictionary, None);
        let read = plain_payload_in(&record, AT, dictionary, None, &mut buffer);
        prop_assert_eq!(read.err(), apart.as_ref().err().copied());
        if let Ok(plain) = apart {
            prop_assert_eq!(buffer.parts(), (&*plain.data, &*plain.metadata));
            prop_assert!(wrong.is_some() || (plain.data, plain.metadata) == (event.data, event.metadata));
        }
    }
}
