//! The seeds that are made: few and small, of sound bytes.

use super::golden::golden;
use super::input::Mode;
use super::structures::{frame, run, run_without_ids, sealed, segment};
use annals_format::{Manifest, names};
use annals_types::Position;

/// A seed: the name of its file and its bytes.
pub type Seed = (String, Vec<u8>);

/// The seeds of a target, the same every time. Their names begin with `made-`, so that they are told apart from inputs
/// that a fuzzer has found. Unknown targets have none.
#[must_use]
pub fn seeds(target: &str) -> Vec<Seed> {
    let bytes = match target {
        "frame" => with_modes(vec![bytes_of(0), bytes_of(1), bytes_of(3)]),
        "record" => with_modes(records()),
        "payload" => with_modes(super::payload::seeds()),
        "keys" => with_modes(super::keys::seeds()),
        // Zeros follow the last frame of an open segment.
        "segment" => with_modes(vec![[segment(), vec![0; 64]].concat()]),
        "footer" => with_modes(vec![sealed().0]),
        "run" => with_modes(vec![run(), run_without_ids()]),
        "snapshots" => with_modes(super::snapshots::seeds()),
        "manifest" => with_modes(manifests()),
        "backup" => with_modes(super::backup::marks()),
        "archive" => with_modes(super::backup::catalogs()),
        "inspect" => with_modes(vec![sealed().0, run(), golden().closed[names::MANIFEST].clone()]),
        "directory" => super::directory::seeds(),
        "store" => super::store::seeds(),
        _ => Vec::new(),
    };
    bytes.into_iter().enumerate().map(|(number, bytes)| (format!("made-{number:02}"), bytes)).collect()
}

fn with_modes(seeds: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let modes = [Mode::Raw, Mode::Resealed];
    seeds.iter().flat_map(|seed| modes.map(|mode| [&[mode.byte()], seed.as_slice()].concat())).collect()
}

fn bytes_of(records: u64) -> Vec<u8> {
    frame(Position::new(41), records).bytes().to_vec()
}

/// A plain record and one that has all fields, each behind its position.
fn records() -> Vec<Vec<u8>> {
    let frame = frame(Position::new(41), 3);
    let record = |index: usize| [&(41 + index as u64).to_le_bytes(), frame.record(index)].concat();
    vec![record(0), record(1)]
}

/// Of a store with everything, of one that was just created, and of one without an index of ids.
fn manifests() -> Vec<Vec<u8>> {
    let full = &golden().manifest;
    let empty = Manifest {
        sealed: Vec::new(),
        open: Vec::new(),
        runs: Vec::new(),
        clean: None,
        durable: Position::ZERO,
        next_file_id: 1,
        ..full.clone()
    };
    let without_ids = Manifest { ids_indexed: false, ..full.clone() };
    vec![golden().closed[names::MANIFEST].clone(), empty.encode(), without_ids.encode()]
}
