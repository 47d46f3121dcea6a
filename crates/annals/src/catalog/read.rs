//! Reading the manifest: its length and its sizes are not believed only because it says so.

use crate::error::OpenError;
use annals_format::{Damage, MANIFEST_HEADER_BYTES, Manifest, RECORD_HEADER_BYTES, manifest_length, names};
use annals_types::limits::{BATCH_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use annals_vfs::{Access, Disk, File, read_exact_at, read_up_to};
use std::io;

/// Most bytes of a manifest that are read: a hundred million segments' worth is no manifest.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 1 << 30;

/// Reads the manifest. `Ok(None)` if there is none.
pub(crate) fn read_manifest(disk: &dyn Disk) -> Result<Option<Manifest>, OpenError> {
    let file = match disk.open(names::MANIFEST, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpenError::io("open MANIFEST")(error)),
    };
    let length = file.length().map_err(OpenError::io("look at MANIFEST"))?;
    if length > MANIFEST_BYTES_MAX {
        let damage = Damage::new(0, "length of the manifest", length, MANIFEST_BYTES_MAX);
        return Err(OpenError::Corrupt(damage.in_file(names::MANIFEST)));
    }
    check_length(&*file, length)?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    read_exact_at(&*file, &mut bytes, 0).map_err(OpenError::io("read MANIFEST"))?;
    let manifest = Manifest::decode(&bytes).map_err(|error| OpenError::format(names::MANIFEST, error))?;
    check_sizes(&manifest).map_err(|damage| OpenError::Corrupt(damage.in_file(names::MANIFEST)))?;
    Ok(Some(manifest))
}

/// Sizes beyond the limits that every writer keeps to. They say how much space is laid out, how far segments are read, and
/// how much memory that takes, so they are not believed only because a checksum holds.
fn check_sizes(manifest: &Manifest) -> Result<(), Damage> {
    if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&manifest.segment_bytes) {
        return Err(Damage::new(
            56,
            "segment size of the manifest",
            manifest.segment_bytes,
            SEGMENT_BYTES_MAX,
        ));
    }
    for segment in &manifest.sealed {
        let most = segment.length.min(SEGMENT_BYTES_MAX + BATCH_BYTES_MAX as u64);
        let least = segment.count.saturating_mul(RECORD_HEADER_BYTES as u64);
        if !(least..=most).contains(&segment.frames_end) {
            return Err(Damage::new(0, "end of the frames of a sealed segment", segment.frames_end, most));
        }
    }
    Ok(())
}

/// A file that is longer than its header says is not read into memory: it may be sparse, and claim to be as long as a
/// manifest can be.
fn check_length(file: &dyn File, length: u64) -> Result<(), OpenError> {
    let mut header = [0; MANIFEST_HEADER_BYTES];
    let read = read_up_to(file, &mut header, 0).map_err(OpenError::io("read MANIFEST"))?;
    match manifest_length(&header[..read]) {
        Some(told) if told < length => {
            let damage = Damage::new(told, "length of the manifest", length, told);
            Err(OpenError::Corrupt(damage.in_file(names::MANIFEST)))
        }
        // What else is wrong with it the decoder says, but nothing is a manifest that does not begin as one.
        None if length > MANIFEST_HEADER_BYTES as u64 => Manifest::decode(&header[..read])
            .map(|_| ())
            .map_err(|error| OpenError::format(names::MANIFEST, error)),
        _ => Ok(()),
    }
}
