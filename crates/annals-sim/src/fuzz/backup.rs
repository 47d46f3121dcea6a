//! What tells of copies: the file `BACKUP` of a directory, and the catalog of an archive.

use super::golden::golden;
use super::input::{Mode, split};
use super::segment::check_format_error;
use super::structures::STORE_ID;
use crate::world::START;
use annals_format::{
    ArchiveCatalog, ArchivedObject, BACKUP_BYTES_MAX, BackupMark, BackupState, CleanMark, Manifest,
    ManifestSum, names, reseal,
};
use annals_types::{Position, Timestamp, Uuid};

/// The file `BACKUP`: what is decoded is bounded, comes back, and each of its states is found by its manifest.
///
/// # Panics
/// If the decoder does what it must not do.
pub fn backup(input: &[u8]) {
    let Some((mode, mut bytes)) = split(input) else { return };
    if mode == Mode::Resealed {
        reseal::backup_mark(&mut bytes);
    }
    let mark = match BackupMark::decode(&bytes) {
        Ok(mark) => mark,
        Err(error) => return check_format_error(&error, bytes.len()),
    };
    assert!(bytes.len() <= BACKUP_BYTES_MAX);
    assert_eq!(BackupMark::decode(&mark.encode()), Ok(mark.clone()));
    for state in &mark.states {
        assert!(state.position <= Position::MAX);
        let found = mark.state_of(state.manifest).expect("it has this one");
        assert_eq!(found.manifest, state.manifest);
    }
}

/// A catalog: what is decoded is bounded by the bytes and comes back, its objects are stretches with names of their own, and its
/// manifest is one or is refused.
///
/// # Panics
/// If the decoder does what it must not do.
pub fn archive(input: &[u8]) {
    let Some((mode, mut bytes)) = split(input) else { return };
    if mode == Mode::Resealed {
        reseal::catalog(&mut bytes);
    }
    let catalog = match ArchiveCatalog::decode(&bytes) {
        Ok(catalog) => catalog,
        Err(error) => return check_format_error(&error, bytes.len()),
    };
    assert_eq!(ArchiveCatalog::decode(&catalog.encode()), Ok(catalog.clone()));
    assert!(catalog.manifest.len() + catalog.objects.len() * 48 <= bytes.len());
    assert!(catalog.position <= Position::MAX);
    for object in &catalog.objects {
        let name = object.name();
        assert!(object.from < object.to && !name.contains('/') && name.len() < 128, "{object:?}");
    }
    match Manifest::decode(&catalog.manifest) {
        Ok(manifest) => assert!(manifest.sealed_end() <= Position::MAX.next()),
        Err(error) => check_format_error(&error, catalog.manifest.len()),
    }
}

/// Of a first backup that is being made, of one that is there, and of one while the next is being made.
pub(super) fn marks() -> Vec<Vec<u8>> {
    let states = [state(3), state(9)];
    let of = |states: &[BackupState]| BackupMark { store_id: STORE_ID, states: states.to_vec() }.encode();
    vec![of(&[]), of(&states[..1]), of(&states)]
}

fn state(generation: u64) -> BackupState {
    BackupState {
        manifest: ManifestSum { generation, checksum: 0x1234_5678 },
        position: Position::new(generation * 10),
        recorded_at: Timestamp::from_nanos(START),
        event_id: Uuid::from_u128(u128::from(generation)),
        taken_at: Timestamp::from_nanos(START + 1),
        tail: CleanMark { segment_id: generation, frames_end: 4096 },
    }
}

/// Of an archive with two objects of one segment, and of one without any.
pub(super) fn catalogs() -> Vec<Vec<u8>> {
    let shipper = Uuid::from_u128(5);
    let object = |from, to| ArchivedObject { segment_id: 1, salt: 7, from, to, shipper };
    let full = ArchiveCatalog {
        store_id: STORE_ID,
        sequence: 2,
        shipper,
        position: Position::new(40),
        recorded_at: Timestamp::from_nanos(START),
        event_id: Uuid::from_u128(9),
        written_at: Timestamp::from_nanos(START + 1),
        manifest: golden().closed[names::MANIFEST].clone(),
        objects: vec![object(0, 64), object(64, 5000)],
    };
    let empty = ArchiveCatalog { manifest: Vec::new(), objects: Vec::new(), ..full.clone() };
    vec![full.encode(), empty.encode()]
}
