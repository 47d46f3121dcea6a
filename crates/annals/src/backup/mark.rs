//! The file `BACKUP` of a directory.

use crate::error::OpenError;
use annals_format::{
    BACKUP_BYTES_MAX, BackupMark, BackupState, MANIFEST_HEADER_BYTES, Manifest, ManifestSum, manifest_sum,
    names,
};
use annals_vfs::{Access, Disk, read_up_to};
use std::io;

/// What the mark of a backup says of a manifest, if the directory is a backup that nobody has written since it was made. A mark
/// that cannot be decoded says nothing: the manifest does not need it.
pub(crate) fn mark_of(disk: &dyn Disk, manifest: &Manifest) -> Result<Option<BackupState>, OpenError> {
    let Some(bytes) = read_mark(disk)? else { return Ok(None) };
    let Ok(mark) = BackupMark::decode(&bytes) else { return Ok(None) };
    if mark.store_id != manifest.store_id {
        return Ok(None);
    }
    let sum = sum_on_disk(disk)?;
    let same = |sum: &ManifestSum| sum.generation == manifest.generation;
    Ok(sum.filter(same).and_then(|sum| mark.state_of(sum).cloned()))
}

/// The bytes of the mark, `None` if there is none. One that is too long is read so far that this is seen.
pub(super) fn read_mark(disk: &dyn Disk) -> Result<Option<Vec<u8>>, OpenError> {
    let file = match disk.open(names::BACKUP, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpenError::io("open BACKUP")(error)),
    };
    let mut bytes = vec![0; BACKUP_BYTES_MAX + 1];
    let read = read_up_to(&*file, &mut bytes, 0).map_err(OpenError::io("read BACKUP"))?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// What tells the manifest that is on the disk from all others.
pub(super) fn sum_on_disk(disk: &dyn Disk) -> Result<Option<ManifestSum>, OpenError> {
    let file = match disk.open(names::MANIFEST, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpenError::io("open MANIFEST")(error)),
    };
    let mut header = [0; MANIFEST_HEADER_BYTES];
    let read = read_up_to(&*file, &mut header, 0).map_err(OpenError::io("read MANIFEST"))?;
    Ok(manifest_sum(&header[..read]))
}
