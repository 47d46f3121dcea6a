//! Bringing what is new of a store to its archive, once.
//!
//! 1. A backup of the store is brought up to date in a staging directory, which costs hardly any room where files can be linked. It
//!    is consistent and stays as it is while it is uploaded.
//! 2. What of its log is not in the archive is uploaded: sealed segments whole, open ones from where the last stretch ended.
//! 3. A catalog with the next number is created. From then on this is what the archive has.
//! 4. Objects that it does not name any more are removed.
//!
//! Whoever begins to ship tries whether the storage keeps conditions, and then creates a catalog, with what was there. So everybody who shipped before is fenced off, and what they
//! have left is nobody's: it can be removed.

use crate::archive::Archive;
use crate::error::ArchiveError;
use annals::vfs::{Access, Disk, Env, RealDisk, read_exact_at};
use annals::{BackupOptions, BackupReport, OpenError, Position, Store, Timestamp, Uuid};
use annals_format::{ArchiveCatalog, ArchivedObject, Manifest, SealedSegment, names};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open segment in more stretches than this is uploaded again in one.
const STRETCHES_MAX: usize = 64;
/// So many catalogs are kept behind the newest one, for whoever reads one of them at the moment.
const CATALOGS_KEPT: u64 = 3;

/// What was shipped at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shipped {
    /// The archive has everything up to here.
    pub position: Position,
    /// Objects that were written for it.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A store on its way to an archive.
pub(crate) struct Shipment {
    store: Store,
    archive: Archive,
    staging: PathBuf,
    options: BackupOptions,
    /// Who this is.
    shipper: Uuid,
    /// The newest catalog, if it is this shipper's.
    own: Option<ArchiveCatalog>,
    /// Whether it has taken over before: then it does not do so again.
    has_shipped: bool,
}

impl Shipment {
    pub(crate) fn new(store: Store, archive: Archive, staging: &Path, options: BackupOptions) -> Self {
        let (staging, shipper) = (staging.to_owned(), Uuid::new_v4());
        Shipment { store, archive, staging, options, shipper, own: None, has_shipped: false }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Ships what is new.
    pub(crate) fn ship(&mut self) -> Result<Shipped, ArchiveError> {
        let report = self.store.backup(&self.staging, &self.options, &mut |_| {})?;
        let staged = Staged::read(&self.staging)?;
        let base = match self.own.clone() {
            Some(own) => own,
            None => self.take_over(&staged, &report)?,
        };
        self.has_shipped = true;
        self.own = Some(base.clone());
        let (catalog, shipped) = self.upload(&staged, &report, &base)?;
        if let Some(catalog) = catalog {
            // If this fails nothing is known of the catalog, so the next attempt looks what there is.
            self.own = None;
            self.archive.publish(&catalog)?;
            self.tidy(&base, &catalog);
            self.own = Some(catalog);
        }
        Ok(shipped)
    }

    /// Creates a catalog with what is there, so that nobody else goes on, and removes what was left by others.
    fn take_over(&self, staged: &Staged, report: &BackupReport) -> Result<ArchiveCatalog, ArchiveError> {
        let archive = self.archive.name();
        let left = self.archive.objects()?;
        if !self.has_shipped {
            self.archive.must_keep_conditions(self.shipper)?;
        }
        let catalog = match self.archive.newest()? {
            Some(there) if there.store_id != staged.manifest.store_id => {
                return Err(ArchiveError::OtherStore { archive });
            }
            Some(there) if self.has_shipped && there.shipper != self.shipper => {
                return Err(ArchiveError::Fenced { archive });
            }
            Some(there) => {
                self.must_go_on_from(&there, report)?;
                let sequence = there.sequence.saturating_add(1);
                ArchiveCatalog { sequence, shipper: self.shipper, ..there }
            }
            None => self.empty(staged),
        };
        self.archive.publish(&catalog)?;
        let named: BTreeSet<String> = catalog.objects.iter().map(ArchivedObject::name).collect();
        left.iter().filter(|name| !named.contains(*name)).for_each(|name| self.archive.forget_object(name));
        Ok(catalog)
    }

    fn empty(&self, staged: &Staged) -> ArchiveCatalog {
        let manifest = Manifest {
            durable: Position::ZERO,
            sealed: Vec::new(),
            open: Vec::new(),
            clean: None,
            ..staged.manifest.clone()
        };
        ArchiveCatalog {
            store_id: manifest.store_id,
            sequence: 1,
            shipper: self.shipper,
            position: Position::ZERO,
            recorded_at: Timestamp::MIN,
            event_id: Uuid::nil(),
            written_at: staged.env.clock.now(),
            manifest: manifest.encode(),
            objects: Vec::new(),
        }
    }

    /// The store has what the archive has: the same event at its end.
    fn must_go_on_from(&self, there: &ArchiveCatalog, report: &BackupReport) -> Result<(), ArchiveError> {
        let diverged = || ArchiveError::Diverged { archive: self.archive.name(), archived: there.position };
        if there.position > report.position {
            return Err(diverged());
        }
        if there.position == Position::ZERO || there.event_id.is_nil() {
            return Ok(());
        }
        match self.store.view().event_at(there.position) {
            Ok(Some(event)) if event.id != there.event_id || event.recorded_at != there.recorded_at => {
                Err(diverged())
            }
            // What retention has removed since cannot be compared.
            _ => Ok(()),
        }
    }

    /// Uploads what `base` does not have, and gives the catalog that has it; none if there is nothing new.
    fn upload(
        &self,
        staged: &Staged,
        report: &BackupReport,
        base: &ArchiveCatalog,
    ) -> Result<(Option<ArchiveCatalog>, Shipped), ArchiveError> {
        let mut shipped = Shipped { position: report.position, ..Shipped::default() };
        let mut objects = Vec::new();
        let named = BTreeSet::from_iter(&base.objects);
        for wanted in staged.wanted(base, self.shipper)? {
            if !named.contains(&wanted) {
                let name = staged.path_of(&wanted);
                let file = staged.env.disk.open(&name, Access::Read);
                let file = file.map_err(ArchiveError::io(format!("open {name} of the staging directory")))?;
                self.archive.put(&*file, &wanted)?;
                shipped.objects += 1;
                shipped.bytes += wanted.to - wanted.from;
            }
            objects.push(wanted);
        }
        if objects == base.objects && report.position == base.position {
            return Ok((None, shipped));
        }
        let view = self.store.view();
        let event = view.event_at(report.position).ok().flatten();
        let catalog = ArchiveCatalog {
            store_id: base.store_id,
            sequence: base.sequence.saturating_add(1),
            shipper: self.shipper,
            position: report.position,
            recorded_at: report.recorded_at.unwrap_or(Timestamp::MIN),
            event_id: event.map_or(Uuid::nil(), |event| event.id),
            written_at: staged.env.clock.now(),
            manifest: staged.manifest.encode(),
            objects,
        };
        Ok((Some(catalog), shipped))
    }

    /// Removes what the catalog before had and this one has not. Nobody else's: who has taken over meanwhile builds on this one.
    fn tidy(&self, base: &ArchiveCatalog, catalog: &ArchiveCatalog) {
        let named = BTreeSet::from_iter(&catalog.objects);
        let gone = base.objects.iter().filter(|object| !named.contains(object));
        gone.for_each(|object| self.archive.forget_object(&object.name()));
        let old = catalog.sequence.saturating_sub(CATALOGS_KEPT + 1);
        if old > 0 {
            self.archive.forget_catalog(old);
        }
    }
}

/// The staging directory.
struct Staged {
    env: Env,
    /// Without runs.
    manifest: Manifest,
}

impl Staged {
    fn read(path: &Path) -> Result<Self, ArchiveError> {
        let failed = |what: &str| ArchiveError::io(format!("{what} MANIFEST of the staging directory"));
        let disk = RealDisk::open(path).map_err(ArchiveError::io(format!("open {}", path.display())))?;
        let file = disk.open(names::MANIFEST, Access::Read).map_err(failed("open"))?;
        let length = file.length().map_err(failed("look at"))?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        read_exact_at(&*file, &mut bytes, 0).map_err(failed("read"))?;
        let manifest = Manifest::decode(&bytes).map_err(|error| OpenError::Io {
            what: "read MANIFEST".into(),
            source: std::io::Error::other(error),
        })?;
        let env = Env::system(Arc::new(disk));
        Ok(Staged { env, manifest: Manifest { runs: Vec::new(), ..manifest } })
    }

    /// The file that an object is a piece of.
    fn path_of(&self, object: &ArchivedObject) -> String {
        let own = |entry: &&SealedSegment| (entry.id, entry.salt) == (object.segment_id, object.salt);
        let sealed = self.manifest.sealed.iter().find(own);
        sealed.map_or_else(|| names::segment(object.segment_id), SealedSegment::path)
    }

    /// The objects that the log consists of: those of `base`, as far as they are of use, and new ones.
    fn wanted(&self, base: &ArchiveCatalog, shipper: Uuid) -> Result<Vec<ArchivedObject>, ArchiveError> {
        let mut wanted = Vec::new();
        for entry in &self.manifest.sealed {
            let (segment_id, salt, to) = (entry.id, entry.salt, entry.length);
            let new = ArchivedObject { segment_id, salt, from: 0, to, shipper };
            let whole = |there: &&ArchivedObject| ArchivedObject { shipper, ..**there } == new;
            wanted.push(base.objects.iter().find(whole).copied().unwrap_or(new));
        }
        for entry in &self.manifest.open {
            let name = names::segment(entry.id);
            let file = self.env.disk.open(&name, Access::Read);
            let length = file.and_then(|file| file.length());
            let length =
                length.map_err(ArchiveError::io(format!("look at {name} of the staging directory")))?;
            let (segment_id, salt) = (entry.id, entry.salt);
            let mut stretches = Vec::new();
            let mut end = 0;
            for there in &base.objects {
                if (there.segment_id, there.salt, there.from) == (segment_id, salt, end) && there.to <= length
                {
                    stretches.push(*there);
                    end = there.to;
                }
            }
            if stretches.len() >= STRETCHES_MAX {
                (stretches, end) = (Vec::new(), 0);
            }
            if end < length {
                stretches.push(ArchivedObject { segment_id, salt, from: end, to: length, shipper });
            }
            wanted.extend(stretches);
        }
        Ok(wanted)
    }
}
