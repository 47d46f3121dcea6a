//! The manifest.

use super::input::{Mode, split};
use super::segment::check_format_error;
use annals_format::{Manifest, reseal};
use annals_types::Position;

/// A manifest: what is decoded is bounded by the bytes, is in order, and comes back.
///
/// # Panics
/// If the decoder does what it must not do.
pub fn manifest(input: &[u8]) {
    let Some((mode, mut bytes)) = split(input) else { return };
    if mode == Mode::Resealed {
        reseal::manifest(&mut bytes);
    }
    let manifest = match Manifest::decode(&bytes) {
        Ok(manifest) => manifest,
        Err(error) => return check_format_error(&error, bytes.len()),
    };
    assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest.clone()));
    let words = manifest.sealed.len() * 10 + manifest.open.len() * 2 + manifest.runs.len() * 5;
    assert!(words * 8 <= bytes.len());
    let sealed = manifest.sealed.iter().map(|segment| segment.id);
    let ids: Vec<u64> = sealed.chain(manifest.open.iter().map(|segment| segment.id)).collect();
    assert!(ids.is_sorted_by(|one, other| one < other));
    assert!(ids.iter().all(|id| (1..manifest.next_file_id).contains(id)));
    // Positions may be missing within segments and between them, but no two segments share one.
    let positions =
        manifest.sealed.iter().map(|segment| segment.first_position..segment.last_position().next());
    let positions: Vec<_> = positions.collect();
    assert!(positions.is_sorted_by(|one, other| one.end <= other.start), "{positions:?}");
    assert_eq!(manifest.sealed_end(), positions.last().map_or(Position::FIRST, |last| last.end));
    assert!(manifest.sealed_end() <= Position::MAX.next(), "positions beyond the greatest one");
}
