//! Wrong bytes: noticed or harmless, and never a panic.

use crate::merging::merged;
use crate::model::{GivenEvent, Model, build, plain};
use crate::part::{Part, mapping, open, run_bytes};
use annals_format::run::{RUN_TRAILER_BYTES, RunParts, RunTrailer, page_table_checksum};
use annals_format::{FormatError, PAGE_BYTES, page_checksums};
use annals_index::{MemoryIndex, Run, RunIdentity, TermKind};
use annals_types::{Position, Uuid, Version};
use annals_vfs::MemoryDisk;
use proptest::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Streams of one, a few and many positions, all kinds of terms, ids.
fn sample(rounds: u32) -> (Model, MemoryIndex) {
    let mut events = Vec::new();
    for round in 0..rounds {
        let id = (round % 3 == 0).then(|| Uuid::from_u128(u128::from(round) << 90 | 77));
        let tags = if round % 5 == 0 { vec![format!("tag:{}", round % 4)] } else { Vec::new() };
        let event_type = ["opened", "closed"][round as usize % 2].to_owned();
        events.push(GivenEvent { id, tags, event_type, ..plain(&format!("account-{}", round * round % 23)) });
    }
    build(Position::new(1000), &events, |_| Version::FIRST)
}

fn trailer_of(bytes: &[u8]) -> RunTrailer {
    let trailer = bytes.last_chunk::<RUN_TRAILER_BYTES>().unwrap();
    RunTrailer::decode(trailer, bytes.len() as u64).unwrap()
}

/// Makes all checksums right again, as a malicious writer would.
fn reseal(bytes: &mut [u8], parts: &RunParts) -> RunIdentity {
    let length = bytes.len() as u64;
    let place = |range: Range<u64>| range.start as usize..range.end as usize;
    let sums: Vec<u8> =
        page_checksums(&bytes[..parts.page_table.start as usize]).flat_map(u32::to_le_bytes).collect();
    bytes[place(parts.page_table.clone())].copy_from_slice(&sums);
    let sum = page_table_checksum(&bytes[place(parts.page_table.start..parts.trailer.start)]);
    let trailer = &mut bytes[place(parts.trailer.clone())];
    trailer[88..92].copy_from_slice(&sum.to_le_bytes());
    let sum = crc32fast::hash(&[&trailer[..12], &trailer[16..]].concat());
    trailer[12..16].copy_from_slice(&sum.to_le_bytes());
    RunIdentity {
        run_id: crate::part::RUN_ID,
        first_position: Position::new(u64::from_le_bytes(trailer[16..24].try_into().unwrap())),
        count: u64::from_le_bytes(trailer[24..32].try_into().unwrap()),
        length,
        trailer_checksum: sum,
    }
}

/// Asks everything that can be asked without knowing what is in the run.
fn ask_everything(run: &Run) {
    for kind in TermKind::ALL {
        let scanned = Part::terms(run, kind, "", None, 200).unwrap_or_default();
        let named = (0..23).map(|number| format!("account-{number}"));
        let named = named.chain(["account", "opened", "closed", "tag:0"].map(String::from));
        let found = named.filter_map(|name| Part::find(run, kind, &name).ok().flatten());
        for postings in found.chain(scanned.iter().map(|(_, postings)| *postings)) {
            for from in [0, 1, 127, 128, postings.count() / 2, postings.count().saturating_sub(1)] {
                let positions = Part::positions(run, &postings, from, 300).unwrap_or_default();
                assert!(positions.is_sorted_by(|one, other| one < other));
            }
            for position in [0, 999, 1000, 1001, 1100, u64::MAX] {
                let rank = Part::rank(run, &postings, Position::new(position)).unwrap_or_default();
                assert!(rank <= postings.count());
            }
            assert!(postings.last_version() >= postings.first_version());
        }
        let _ = Part::terms(run, kind, "account-1", Some("account-11"), 10);
    }
    for round in 0..100u32 {
        let _ = Part::find_id(run, Uuid::from_u128(u128::from(round) << 90 | 77));
    }
    let _ = run.check_all();
}

/// Makes a run of one whose contents may make no sense: an error, or a run that can be opened and asked.
fn merge_alone(run: Run) {
    if let Ok((bytes, identity)) = merged(&[Arc::new(run)], 1000, 100, MemoryDisk::new()) {
        ask_everything(&open(&bytes, &identity).unwrap());
    }
}

#[test]
fn every_flipped_bit_of_a_run_is_noticed_or_harmless() {
    let (model, memory) = sample(40);
    let (bytes, identity) = run_bytes(&memory);
    let mut copy = bytes.clone();
    for index in 0..bytes.len() {
        copy[index] ^= 1 << (index % 8);
        if let Ok(run) = open(&copy, &identity) {
            // Answers that are given are right, which the model asserts.
            let answers = model.check(&run);
            let pages = run.check_all();
            assert!(pages.is_err(), "byte {index} is covered by no checksum");
            assert_eq!(pages.unwrap_err().offset, (index / PAGE_BYTES * PAGE_BYTES) as u64);
            if let Err(damage) = answers {
                assert!(damage.offset <= index as u64);
            }
        }
        copy[index] = bytes[index];
    }
}

#[test]
fn damage_in_one_page_leaves_the_other_pages_usable() {
    let (model, memory) = sample(10_000);
    let (mut bytes, identity) = run_bytes(&memory);
    let parts = trailer_of(&bytes).parts();
    assert!(parts.groups.start > 2 * PAGE_BYTES as u64);
    bytes[parts.dictionary.start as usize + 10] ^= 0x10;
    let run = open(&bytes, &identity).unwrap();
    assert!(run.find(TermKind::Stream, "account-2").unwrap().is_some());
    assert_eq!(run.check_all().unwrap_err().offset, 0);
    assert_eq!(model.check(&run).unwrap_err().offset, 0);
}

#[test]
fn a_run_cut_anywhere_is_refused() {
    let (_, memory) = sample(40);
    let (bytes, identity) = run_bytes(&memory);
    for length in 0..bytes.len() {
        let cut = &bytes[..length];
        assert!(open(cut, &identity).is_err());
        // Also where the manifest says that it is that short.
        let short = RunIdentity { length: length as u64, ..identity };
        assert!(open(cut, &short).is_err());
    }
}

#[test]
fn zeros_and_other_files_are_foreign() {
    let (_, memory) = sample(40);
    let (bytes, identity) = run_bytes(&memory);
    let zeros = vec![0; bytes.len()];
    assert!(matches!(open(&zeros, &identity), Err(FormatError::Foreign { .. })));
    let mut newer = bytes.clone();
    newer[8] = 99;
    let sum = crc32fast::hash(&[&newer[..12], &newer[16..64]].concat());
    newer[12..16].copy_from_slice(&sum.to_le_bytes());
    assert!(matches!(open(&newer, &identity), Err(FormatError::Newer { found: 99, .. })));
}

#[test]
fn every_byte_with_absurd_values_under_right_checksums_does_no_harm() {
    let (_, memory) = sample(200);
    let (bytes, _) = run_bytes(&memory);
    let parts = trailer_of(&bytes).parts();
    let mut copy = bytes.clone();
    for index in 64..bytes.len() {
        for value in [0, 1, 0x7F, 0x80, 0xFF] {
            copy[index] = value;
            let identity = reseal(&mut copy, &parts);
            if let Ok(run) = Run::open(mapping(&copy), &crate::part::STORE_ID, &identity) {
                ask_everything(&run);
                merge_alone(run);
            }
            copy.copy_from_slice(&bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn words_of_garbage_under_right_checksums_do_no_harm(
        rounds in 1..400u32,
        garbage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u64>(), 0..64u32), 1..20),
    ) {
        let (_, memory) = sample(rounds);
        let (mut bytes, _) = run_bytes(&memory);
        let parts = trailer_of(&bytes).parts();
        for (place, word, shift) in garbage {
            let start = 64 + place.index(parts.page_table.start as usize - 64 - 8);
            bytes[start..start + 8].copy_from_slice(&(word >> shift).to_le_bytes());
        }
        let identity = reseal(&mut bytes, &parts);
        let run = open(&bytes, &identity).unwrap();
        ask_everything(&run);
        merge_alone(run);
    }

    #[test]
    fn garbage_in_a_trailer_under_right_checksums_does_no_harm(
        at in 16usize..RUN_TRAILER_BYTES - 8,
        word: u64,
        shift in 0..64u32,
    ) {
        let (_, memory) = sample(100);
        let (mut bytes, _) = run_bytes(&memory);
        let parts = trailer_of(&bytes).parts();
        let start = parts.trailer.start as usize + at;
        bytes[start..start + 8].copy_from_slice(&(word >> shift).to_le_bytes());
        let identity = reseal(&mut bytes, &parts);
        if let Ok(run) = open(&bytes, &identity) {
            ask_everything(&run);
            merge_alone(run);
        }
    }
}
