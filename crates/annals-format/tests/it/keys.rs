//! Encrypted payloads, and the file of their keys.

use crate::common::{RECORDED_AT, binding, events_of, hex, stamp, unhex};
use annals_format::keys::{KEY_FILE_HEADER_BYTES, KeyFact, KeyFileHeader, KeyRecord};
use annals_format::payload::{
    Compressor, Key, KeyState, Keys, encrypt_record, erase_record, erasure_of, key_of, plain_payload,
};
use annals_format::{FormatError, FrameBuilder, parse_record};
use annals_types::{NewEvent, PayloadError, Position, Timestamp, Uuid, Version};

const AT: Position = Position::new(42);
const ID: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_AABB_CCDD_EEFF);
const KEY: Key = Key([7; 32]);

/// One key, or what became of it.
#[derive(Debug)]
struct One(KeyState);

impl Keys for One {
    fn key(&self, id: Uuid) -> KeyState {
        if id == ID { self.0.clone() } else { KeyState::Missing }
    }
}

fn placed(push: impl FnOnce(&mut FrameBuilder)) -> Vec<u8> {
    let mut frame = FrameBuilder::new();
    push(&mut frame);
    frame.stamp(&stamp(AT.get(), 40), |_| Version::new(7));
    events_of(frame.bytes(), binding(), 64).unwrap();
    frame.record(0).to_vec()
}

fn event() -> NewEvent<'static> {
    NewEvent::json("registered", r#"{"name":"Ada"}"#)
        .with_metadata(&br#"{"by":"Bob"}"#[..])
        .with_tag("subject:7")
        .with_schema_version(3)
}

fn sealed() -> Vec<u8> {
    let plain = placed(|frame| frame.push("user-7", &event()).unwrap());
    let sealed = encrypt_record(&plain, ID, &KEY, [9; 24]).unwrap();
    placed(|frame| frame.push_record(&sealed).unwrap())
}

#[test]
fn an_encrypted_record_says_what_it_said_to_whoever_has_its_key_and_nothing_to_others() {
    let record = sealed();
    assert!(key_of(&record).is_some());
    let read = parse_record(&record, binding(), AT, 0).unwrap();
    assert_eq!((read.stream, read.event_type, read.schema_version), ("user-7", "registered", 3));
    assert!(read.tags.contains("subject:7") && read.payload.as_plain().is_none());
    for secret in [&b"Ada"[..], b"Bob"] {
        assert!(!record.windows(3).any(|window| window == secret));
    }
    let with = |state| plain_payload(&record, AT, None, Some(&One(state)));
    let plain = with(KeyState::Here(KEY)).unwrap();
    assert_eq!((&plain.data, &plain.metadata), (&event().data, &event().metadata));
    let at = Timestamp::from_nanos(3);
    assert_eq!(with(KeyState::Destroyed(at)), Err(PayloadError::KeyDestroyed { position: AT, key: ID, at }));
    assert_eq!(with(KeyState::Missing), Err(PayloadError::KeyMissing { position: AT, key: ID }));
    assert_eq!(
        plain_payload(&record, AT, None, None),
        Err(PayloadError::KeyMissing { position: AT, key: ID })
    );
    assert!(with(KeyState::Here(Key([8; 32]))).unwrap_err().is_damage(), "another key");

    assert!(encrypt_record(&record, ID, &KEY, [9; 24]).is_none(), "it is encrypted already");
    assert!(Compressor::new(Default::default()).compress_record(&record).is_none(), "nobody can compress it");
    let empty = placed(|frame| frame.push("s", &NewEvent::new("t", &b""[..])).unwrap());
    assert!(encrypt_record(&empty, ID, &KEY, [9; 24]).is_none(), "there is nothing to encrypt");
    let erasure = erasure_of(&plain, Timestamp::EPOCH);
    let erased = placed(|frame| frame.push_record(&erase_record(&record, &erasure, true).unwrap()).unwrap());
    let error = plain_payload(&erased, AT, None, Some(&One(KeyState::Here(KEY)))).unwrap_err();
    assert_eq!(error, PayloadError::Erased { position: AT, erasure });
}

#[test]
fn no_byte_of_an_encrypted_record_can_be_changed_under_right_checksums_but_those_that_the_store_gives() {
    let record = sealed();
    // Version and recorded_at are given by the store, and the checksums and the length are made anew.
    let bound = (12..16).chain(32..record.len());
    for at in bound {
        let mut changed = record.clone();
        changed[at] ^= 1;
        annals_format::reseal::record(&mut changed, binding(), AT);
        if parse_record(&changed, binding(), AT, 0).is_ok() && key_of(&changed).is_some() {
            let read = plain_payload(&changed, AT, None, Some(&One(KeyState::Here(KEY))));
            assert!(read.is_err(), "byte {at}");
        }
    }
}

fn header() -> KeyFileHeader {
    KeyFileHeader { id: *b"the file's own i", created_at: RECORDED_AT }
}

fn created() -> KeyRecord {
    let what = KeyFact::Created { secret: Some((KEY, "user-7".to_owned())) };
    KeyRecord { id: ID, at: RECORDED_AT, index: 2, what }
}

#[test]
fn an_encrypted_record_and_a_key_file_have_these_bytes() {
    assert_eq!(hex(&sealed()), SEALED.trim());
    assert_eq!(hex(&header().encode()), HEADER.trim());
    assert_eq!(hex(&created().encode(&header(), 48)), CREATED.trim());
    let destroyed = KeyRecord { index: 0, what: KeyFact::Destroyed, ..created() };
    assert_eq!(hex(&destroyed.encode(&header(), 136)), DESTROYED.trim());

    let bytes = unhex(HEADER);
    assert_eq!(KeyFileHeader::decode(bytes.first_chunk().unwrap()), Ok(header()));
    assert!(KeyRecord::decode(&unhex(CREATED), &header(), 48) == Ok((created(), 88)));
    assert!(KeyRecord::decode(&unhex(DESTROYED), &header(), 136) == Ok((destroyed, 48)));
}

#[test]
fn every_flipped_bit_of_a_key_file_is_noticed() {
    for bit in 0..KEY_FILE_HEADER_BYTES * 8 {
        let mut bytes = header().encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = KeyFileHeader::decode(&bytes).unwrap_err();
        assert!(!matches!(error, FormatError::Newer { .. }), "bit {bit}");
    }
    let sound = created().encode(&header(), 48);
    for bit in 0..sound.len() * 8 {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match KeyRecord::decode(&bytes, &header(), 48) {
            Err(damage) => assert!(bit / 8 < 48 && (48..96).contains(&damage.offset), "bit {bit}: {damage}"),
            Ok((record, _)) => {
                assert!(bit / 8 >= 48 && record.what == (KeyFact::Created { secret: None }), "bit {bit}");
            }
        }
    }
    for length in 0..sound.len() {
        assert!(KeyRecord::decode(&sound[..length], &header(), 48).is_err(), "{length}");
    }
    assert!(KeyRecord::decode(&sound, &header(), 56).is_err(), "at another place");
    let other = KeyFileHeader { id: [0; 16], ..header() };
    assert!(KeyRecord::decode(&sound, &other, 48).is_err(), "in another file");
}

const SEALED: &str = "
61 00 91 4b 9a 00 00 00 ed 80 3b 15 34 00 01 00
07 00 00 00 00 00 00 00 15 cd 85 3d fe 9c 97 17
06 00 0a 00 03 00 00 00 0b 00 00 00 75 73 65 72
2d 37 72 65 67 69 73 74 65 72 65 64 09 00 73 75
62 6a 65 63 74 3a 37 00 11 22 33 44 55 66 77 88
99 aa bb cc dd ee ff 09 09 09 09 09 09 09 09 09
09 09 09 09 09 09 09 09 09 09 09 09 09 09 09 b2
09 c0 e8 05 88 43 40 b6 7d 6a 1e 15 08 25 85 4b
9e d2 b8 7a 43 dc 85 c7 af 65 bf a2 c6 05 a9 a9
15 06 19 1c 17 f6 6d 9e cc df
";
const HEADER: &str = "
41 4e 4e 41 4c 4b 45 59 01 00 00 00 87 84 67 4a
74 68 65 20 66 69 6c 65 27 73 20 6f 77 6e 20 69
15 cd 85 3d fe 9c 97 17 00 00 00 00 00 00 00 00
";
const CREATED: &str = "
41 4b 45 59 80 2b 41 d5 58 00 00 00 01 00 06 00
00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff
15 cd 85 3d fe 9c 97 17 71 1e 91 21 02 00 00 00
07 07 07 07 07 07 07 07 07 07 07 07 07 07 07 07
07 07 07 07 07 07 07 07 07 07 07 07 07 07 07 07
75 73 65 72 2d 37 00 00
";
const DESTROYED: &str = "
41 4b 45 59 0a 3e 3a 9e 30 00 00 00 02 00 00 00
00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff
15 cd 85 3d fe 9c 97 17 00 00 00 00 00 00 00 00
";
