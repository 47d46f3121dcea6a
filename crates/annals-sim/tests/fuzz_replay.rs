//! The fuzz targets without a fuzzer: over their seeds, over what was found once, and over mutations of both.

#![expect(clippy::unwrap_used, reason = "what cannot go on in a test ends it")]

use annals_sim::Dice;
use annals_sim::fuzz::{TARGETS, Target, manifest_words, mutate, seeds};
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Executions of mutations: of a target that looks at one structure, and of one that opens whole stores.
const MUTATIONS: u64 = 3_500;
const MUTATIONS_OF_STORES: u64 = 350;
/// What is kept with the sources is small.
const KEPT_BYTES_MAX: usize = 200 << 10;

fn folder(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(kind).join(target)
}

/// The files of a folder, by their names; none if it is not there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeMap::new() };
    let entries = entries.map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// Seeds and what is kept; what a fuzzer has added on this machine is left to it.
fn kept(target: &str) -> BTreeMap<String, Vec<u8>> {
    let mut kept = files(&folder("corpus", target));
    kept.retain(|name, _| name.starts_with("made-") || name.starts_with("found-"));
    assert!(!kept.is_empty(), "{target} has no seeds in fuzz/corpus");
    let regressions = files(&folder("regressions", target));
    assert!(!regressions.is_empty(), "there is no fuzz/regressions/{target}");
    kept.extend(regressions);
    kept
}

/// Runs a body. An input that fails is written where it can be run again.
fn run((target, body): Target, name: &str, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(input))) {
        let path = std::env::temp_dir().join(format!("annals-fuzz-{target}-{name}"));
        fs::write(&path, input).unwrap();
        eprintln!("{target} failed on {name}; the input is in {}", path.display());
        std::panic::resume_unwind(panic);
    }
}

fn replay(name: &str, mutations: u64) {
    let target = *TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    let kept = kept(name);
    kept.iter().for_each(|(file, input)| run(target, file, input));
    let inputs: Vec<&Vec<u8>> = kept.values().collect();
    for seed in 0..mutations {
        let mut dice = Dice::new(seed);
        let mut input = (*dice.one_of(&inputs)).clone();
        mutate(&mut input, &mut dice);
        run(target, &format!("mutation-{seed}"), &input);
    }
}

#[test]
fn the_committed_seeds_are_the_ones_that_are_made() {
    for (target, _) in TARGETS {
        let mut there = files(&folder("corpus", target));
        there.retain(|name, _| name.starts_with("made-"));
        let made: BTreeMap<String, Vec<u8>> = seeds(target).into_iter().collect();
        assert!(there == made, "fuzz/corpus/{target}: run `cargo run -p annals-sim --example fuzz_seeds`");
    }
}

#[test]
fn what_is_kept_for_fuzzing_is_small() {
    let bytes: usize =
        TARGETS.iter().flat_map(|(target, _)| kept(target).into_values()).map(|it| it.len()).sum();
    assert!(bytes <= KEPT_BYTES_MAX, "{bytes} bytes");
}

#[test]
fn every_target_has_a_file_in_the_fuzz_package() {
    let there = files(&folder("fuzz_targets", "."));
    let names: Vec<String> = TARGETS.iter().map(|(target, _)| format!("{target}.rs")).collect();
    assert!(names.iter().all(|name| there.contains_key(name)) && there.len() == names.len());
    let manifest = fs::read_to_string(folder(".", "Cargo.toml")).unwrap();
    for (target, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not in fuzz/Cargo.toml");
    }
}

#[test]
fn a_frame_of_any_bytes_is_decoded_or_refused() {
    replay("frame", MUTATIONS);
}

#[test]
fn a_record_of_any_bytes_is_decoded_or_refused() {
    replay("record", MUTATIONS);
}

#[test]
fn a_payload_of_any_bytes_is_made_plain_or_refused() {
    replay("payload", MUTATIONS);
}

#[test]
fn a_key_file_of_any_bytes_is_read_or_refused() {
    replay("keys", MUTATIONS);
}

#[test]
fn a_segment_of_any_bytes_is_walked_to_its_end() {
    replay("segment", MUTATIONS);
}

#[test]
fn whatever_a_footer_says_what_is_found_is_an_event() {
    replay("footer", MUTATIONS);
}

#[test]
fn whatever_a_run_says_its_answers_are_within_bounds() {
    replay("run", MUTATIONS);
}

#[test]
fn a_manifest_of_any_bytes_is_decoded_or_refused() {
    replay("manifest", MUTATIONS);
}

#[test]
fn a_mark_of_a_backup_of_any_bytes_is_decoded_or_refused() {
    replay("backup", MUTATIONS);
}

#[test]
fn a_catalog_of_any_bytes_is_decoded_or_refused() {
    replay("archive", MUTATIONS);
}

#[test]
fn a_file_of_any_bytes_can_be_looked_into() {
    replay("inspect", MUTATIONS);
}

#[test]
fn whatever_is_done_to_the_files_of_a_store_it_answers_exactly_or_with_errors() {
    replay("directory", MUTATIONS_OF_STORES);
}

#[test]
fn whatever_a_word_of_the_manifest_says_the_store_answers_or_refuses() {
    let target = *TARGETS.iter().find(|(target, _)| *target == "directory").unwrap();
    let inputs: Vec<Vec<u8>> = manifest_words().collect();
    assert!(inputs.len() > 500, "only {} inputs", inputs.len());
    inputs.iter().enumerate().for_each(|(number, input)| run(target, &format!("word-{number}"), input));
}

#[test]
fn whatever_is_done_with_a_store_it_answers_as_the_model() {
    replay("store", MUTATIONS_OF_STORES);
}

#[test]
fn whatever_a_file_of_snapshots_has_it_is_looked_into_and_worked_on() {
    replay("snapshots", MUTATIONS);
}
