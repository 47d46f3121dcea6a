//! Making a store of an archive, as of a moment.

use crate::archive::{Archive, LOOKS};
use crate::error::ArchiveError;
use annals::vfs::{Disk, RealDisk, replace_file, write_all_at};
use annals::{BackupError, BackupOptions, BackupProgress, Position, RestoreReport, RestoreTo, restore};
use annals_format::{ArchiveCatalog, Manifest, names};
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

impl Archive {
    /// Makes a store of the archive in the directory `destination`, which must be empty or not exist: of everything that is there, or
    /// up to a position or a time; see [`annals::restore`], which also says what it means for who goes on with the store.
    ///
    /// What is needed is downloaded to a directory beside the destination, verified, and linked to it.
    ///
    /// # Errors
    /// As [`ArchiveError`] says. Then there is no store.
    pub fn restore(
        &self,
        destination: impl AsRef<Path>,
        to: RestoreTo,
        options: &BackupOptions,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<RestoreReport, ArchiveError> {
        let destination = destination.as_ref();
        must_be_free(destination)?;
        let beside = beside(destination);
        let mut looks = 0;
        let (catalog, scratch) = loop {
            let catalog = self.newest()?.ok_or_else(|| ArchiveError::Empty { archive: self.name() })?;
            if let RestoreTo::Position(asked) = to
                && asked > catalog.position
            {
                return Err(BackupError::Beyond { asked, last: catalog.position }.into());
            }
            let downloaded = self.download_beside(&catalog, to, &beside, progress);
            looks += 1;
            match downloaded {
                Ok(scratch) => break (catalog, scratch),
                // Stretches go when a later catalog has others in their place.
                Err(error) if error.is_corruption() && looks < LOOKS && self.has_newer(&catalog)? => {}
                Err(error) => return Err(error),
            }
        };
        let restored = restore(scratch.path(), destination, to, options, progress);
        let mut report = restored.map_err(|error| self.blamed(error))?;
        report.backup_position = catalog.position;
        Ok(report)
    }

    fn has_newer(&self, catalog: &ArchiveCatalog) -> Result<bool, ArchiveError> {
        Ok(self.catalogs()?.last().is_some_and(|last| *last > catalog.sequence))
    }

    /// Puts what is needed of a catalog into a directory that goes with the value that is returned.
    fn download_beside(
        &self,
        catalog: &ArchiveCatalog,
        to: RestoreTo,
        beside: &Path,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<TempDir, ArchiveError> {
        let manifest = Manifest::decode(&catalog.manifest)
            .map_err(|error| ArchiveError::format(&self.name(), "manifest in the catalog", error))?;
        let manifest = needed(manifest, catalog, to);
        std::fs::create_dir_all(beside).map_err(ArchiveError::io(format!("create {}", beside.display())))?;
        let scratch = tempfile::Builder::new().prefix(".annals-restore-").tempdir_in(beside);
        let scratch =
            scratch.map_err(ArchiveError::io(format!("create a directory in {}", beside.display())))?;
        self.download(catalog, &manifest, scratch.path(), progress)?;
        Ok(scratch)
    }

    /// Damage of what was downloaded is that of the archive.
    fn blamed(&self, error: BackupError) -> ArchiveError {
        match error {
            BackupError::Corrupt(corruption) => ArchiveError::Corrupt { archive: self.name(), corruption },
            other => other.into(),
        }
    }

    /// Puts the segments of a manifest together, and the manifest beside them.
    fn download(
        &self,
        catalog: &ArchiveCatalog,
        manifest: &Manifest,
        to: &Path,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<(), ArchiveError> {
        let disk = RealDisk::open(to).map_err(ArchiveError::io(format!("open {}", to.display())))?;
        for name in [names::LOG_DIR, names::INDEX_DIR, names::SNAPSHOT_DIR] {
            disk.create_dir(name).map_err(ArchiveError::io(format!("create {}/{name}", to.display())))?;
        }
        let sealed = manifest.sealed.iter().map(|entry| (entry.path(), entry.id, entry.salt));
        let open = manifest.open.iter().map(|entry| (names::segment(entry.id), entry.id, entry.salt));
        let segments: Vec<_> = sealed.chain(open).collect();
        let wanted = |id, salt| {
            let own = move |object: &&_| {
                let object: &annals_format::ArchivedObject = object;
                (object.segment_id, object.salt) == (id, salt)
            };
            catalog.objects.iter().filter(own)
        };
        let total: u64 = segments
            .iter()
            .flat_map(|(_, id, salt)| wanted(*id, *salt))
            .map(|object| object.to - object.from)
            .sum();
        let mut done = 0;
        for (name, id, salt) in segments {
            let file = disk.create(&name).map_err(ArchiveError::io(format!("create {name}")))?;
            for object in wanted(id, salt) {
                let mut at = object.from;
                self.get(object, &mut |bytes| {
                    let written = write_all_at(&*file, &mut [IoSlice::new(bytes)], at);
                    written.map_err(ArchiveError::io(format!("write {name}")))?;
                    at += bytes.len() as u64;
                    done += bytes.len() as u64;
                    // Twice: then it is verified and linked.
                    progress(BackupProgress { bytes_done: done, bytes_total: total * 2 });
                    Ok(())
                })?;
            }
            // Files are linked to the new store, so they have to be as durable as it.
            file.sync_data().map_err(ArchiveError::io(format!("sync {name}")))?;
        }
        disk.sync_dir(names::LOG_DIR).map_err(ArchiveError::io("sync the downloaded log"))?;
        let written = replace_file(&disk, names::MANIFEST, &manifest.encode());
        written.map_err(ArchiveError::io("write MANIFEST of the downloaded log"))
    }
}

/// The part of a manifest that is needed to come to a moment.
fn needed(manifest: Manifest, catalog: &ArchiveCatalog, to: RestoreTo) -> Manifest {
    let begun = match to {
        RestoreTo::End => manifest.sealed.len(),
        RestoreTo::Position(position) => {
            manifest.sealed.partition_point(|entry| entry.first_position <= position)
        }
        RestoreTo::Recorded(time) => manifest.sealed.partition_point(|entry| entry.recorded.min <= time),
    };
    // The first one is needed in any case: it says where the log begins.
    let begun = begun.max(1).min(manifest.sealed.len());
    if begun == manifest.sealed.len() {
        return Manifest { durable: catalog.position, ..manifest };
    }
    let sealed = manifest.sealed[..begun].to_vec();
    let durable = sealed.last().map_or(Position::ZERO, annals_format::SealedSegment::last_position);
    Manifest { durable, sealed, open: Vec::new(), clean: None, ..manifest }
}

/// Where the directory is that a destination lies in.
fn beside(destination: &Path) -> PathBuf {
    match destination.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Nothing is downloaded for a destination that is refused afterwards.
fn must_be_free(destination: &Path) -> Result<(), ArchiveError> {
    let taken = || BackupError::DestinationTaken { path: destination.to_owned() };
    match std::fs::read_dir(destination) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(taken().into()),
            None => Ok(()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Err(taken().into()),
        Err(error) => Err(ArchiveError::io(format!("look at {}", destination.display()))(error)),
    }
}
