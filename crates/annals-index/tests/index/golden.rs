//! A lock on the format. When this fails the format has changed: the version moves, the bytes stay.

use crate::model::{GivenEvent, Model, build, plain};
use crate::part::{open, run_bytes};
use annals_format::Damage;
use annals_format::run::RunHeader;
use annals_index::{MemoryIndex, RunIdentity, TermKind};
use annals_types::{Position, Uuid, Version};

fn sample() -> (Model, MemoryIndex) {
    let id = Some(Uuid::from_u128(0x0011_2233_4455_6677_8899_AABB_CCDD_EEFF));
    let mut events =
        vec![GivenEvent { id, tags: vec!["branch:7".into()], ..plain("account-1") }, plain("account-12")];
    events.extend((0..130).map(|_| plain("ledger")));
    events.push(plain("account-1"));
    build(Position::new(1000), &events, |_| Version::new(5))
}

#[test]
fn a_tiny_run_has_these_bytes() {
    let (_, memory) = sample();
    let (bytes, identity) = run_bytes(&memory);
    let hex: Vec<String> = bytes
        .chunks(16)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(hex.join("\n"), version_4().trim());
    assert_eq!((identity.length, identity.trailer_checksum), (600, 0x626C_DE0E));
}

#[test]
fn a_run_of_version_2_is_opened_and_answers() {
    let bytes: Vec<u8> =
        VERSION_2.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    let (_, identity) = run_bytes(&sample().1);
    let run = open(&bytes, &RunIdentity { trailer_checksum: 0x71E9_9BF7, ..identity }).unwrap();
    assert_eq!(run.find(TermKind::Stream, "ledger").unwrap().map(|found| found.count()), Some(130));
}

/// Version 4 has, as version 3 had, another number in header and trailer, and what follows from that: the checksums of both, of the first page,
/// and of the page checksums.
fn version_4() -> String {
    [
        (
            "41 4e 4e 41 4c 52 55 4e 02 00 00 00 d0 95 7a f2",
            "41 4e 4e 41 4c 52 55 4e 04 00 00 00 bf 9b a1 5d",
        ),
        ("41 81 d5 5b 00 00 00 00 41", "8f 08 4f c2 00 00 00 00 41"),
        ("02 00 00 00 f7 9b e9 71 e8 03", "04 00 00 00 0e de 6c 62 e8 03"),
        ("1a 8f 44 a3 00 08", "7a 05 0d b1 00 08"),
    ]
    .iter()
    .fold(VERSION_2.into(), |bytes, (second, fourth)| bytes.replacen(second, fourth, 1))
}

#[test]
fn a_run_of_the_first_version_is_refused_and_known_as_one() {
    let bytes: Vec<u8> =
        VERSION_1.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    let (_, identity) = run_bytes(&sample().1);
    let identity = RunIdentity { length: 464, trailer_checksum: 0xB5F6_D8C0, ..identity };
    assert_eq!(bytes.len() as u64, identity.length);
    let error = open(&bytes, &identity).unwrap_err();
    assert_eq!(error, Damage::new(8, "version of a run, too old", 1u64, 2u64).into());
    assert!(RunHeader::is_outdated(bytes.first_chunk().unwrap()));
}

const VERSION_1: &str = "
41 4e 4e 41 4c 52 55 4e 01 00 00 00 c7 91 2f 48
74 68 65 20 73 74 6f 72 65 27 73 20 6e 61 6d 65
07 00 00 00 00 00 00 00 e8 03 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
82 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
02 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00
82 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 40 00 00 00 00 00 00
80 00 00 00 00 00 00 00 00 40 00 00 00 00 00 00
4c 00 07 00 00 0a 01 61 63 63 6f 75 6e 74 2d 31
02 05 00 0a 01 32 01 05 01 01 06 6c 65 64 67 65
72 82 01 05 00 00 08 02 61 63 63 6f 75 6e 74 03
03 01 06 6c 65 64 67 65 72 82 01 20 00 02 03 74
85 01 40 00 09 04 62 72 61 6e 63 68 3a 37 01 00
00 83 01 00 00 82 01 00 60 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 07 00 00 00 00 00 00 00
60 22 f7 b1 c7 50 08 0e 60 1a 2d 15 74 04 22 28
60 6c 8c 69 37 c5 c9 31 60 6d 43 e2 b7 1c 71 3a
60 d6 f5 00 5f 48 7d 43 60 c7 cd 4c f4 af 76 a6
60 96 f4 4f d9 13 19 b3 00 00 00 00 00 00 00 00
01 00 00 00 00 00 00 00 00 f0 6f 35 5f 7d bd 21
aa cd 31 19 00 00 00 00 41 4e 4e 41 4c 52 55 58
01 00 00 00 c0 d8 f6 b5 e8 03 00 00 00 00 00 00
85 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00
02 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
ed 5e ed 5e ed 5e ed 5e b7 00 00 00 00 00 00 00
9d fb b3 51 00 08 00 08 00 00 00 00 00 00 00 00
";

const VERSION_2: &str = "
41 4e 4e 41 4c 52 55 4e 02 00 00 00 d0 95 7a f2
74 68 65 20 73 74 6f 72 65 27 73 20 6e 61 6d 65
07 00 00 00 00 00 00 00 e8 03 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
82 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
02 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00
82 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 40 00 00 00 00 00 00
80 00 00 00 00 00 00 00 00 40 00 00 00 00 00 00
4c 00 07 00 00 0a 01 61 63 63 6f 75 6e 74 2d 31
02 05 00 0a 01 32 01 05 01 01 06 6c 65 64 67 65
72 82 01 05 00 00 08 02 61 63 63 6f 75 6e 74 03
03 01 06 6c 65 64 67 65 72 82 01 20 00 02 03 74
85 01 40 00 09 04 62 72 61 6e 63 68 3a 37 01 00
00 83 01 00 00 82 01 00 60 00 00 00 00 00 00 00
00 00 00 00 00 00 07 00 00 00 00 00 60 b1 c7 50
08 0e 60 15 74 04 22 28 60 69 37 c5 c9 31 60 e2
b7 1c 71 3a 60 00 5f 48 7d 43 60 4c f4 af 76 a6
60 4f d9 13 19 b3 00 00 00 00 00 00 00 00 01 00
00 00 00 00 00 40 35 5f 7d bd 21 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
09 30 41 00 21 28 40 02 aa 0a 01 00 40 40 16 18
82 40 18 80 a0 e0 00 a0 00 84 00 d8 40 18 40 81
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 01 00 00 00 10 00 00 04 00 00 00 00 10
00 00 00 04 00 00 01 00 10 00 00 00 00 00 00 01
41 81 d5 5b 00 00 00 00 41 4e 4e 41 4c 52 55 58
02 00 00 00 f7 9b e9 71 e8 03 00 00 00 00 00 00
85 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00
02 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
ed 5e ed 5e ed 5e ed 5e b7 00 00 00 00 00 00 00
1a 8f 44 a3 00 08 00 08 01 00 00 00 01 00 00 00
06 07 00 00 00 00 00 00
";
