//! An archive: where its objects lie, and the few things that are done with them.

use crate::error::ArchiveError;
use annals::{Corruption, Position, Timestamp, Uuid};
use annals_format::ArchiveCatalog;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use tokio::runtime::{Builder, Handle, Runtime};

/// How often it is looked again at what changes meanwhile.
pub(crate) const LOOKS: usize = 10;
/// The directory of catalogs, and that of the stretches of segments.
const CATALOGS: &str = "catalog";
pub(crate) const OBJECTS: &str = "objects";

/// A place in an object storage where the log of one store is kept. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Archive(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) objects: Arc<dyn ObjectStore>,
    prefix: Path,
    name: String,
    runtime: Runtime,
}

/// What an archive has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveStatus {
    /// The store whose log it is.
    pub store_id: Uuid,
    /// The last position.
    pub position: Position,
    /// When the store took the event at that position; `None` if there is none.
    pub recorded_at: Option<Timestamp>,
    /// When that was shipped.
    pub shipped_at: Timestamp,
    /// The number of the catalog: one more each time something is shipped.
    pub sequence: u64,
    /// How many objects it consists of.
    pub objects: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Archive").field(&self.0.name).finish()
    }
}

impl Archive {
    /// The archive at an address: `file:///absolute/path` (created if it is not there), `memory://` (a new one that is gone with
    /// its last handle, for tests) or, with the feature `s3`, `s3://bucket/prefix`, for which the environment names endpoint, region
    /// and credentials, as `AWS_ENDPOINT`, `AWS_REGION`, `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (and `AWS_ALLOW_HTTP=true` for an
    /// endpoint without TLS).
    ///
    /// # Errors
    /// [`ArchiveError::Address`], and what the system says.
    pub fn at(url: &str) -> Result<Archive, ArchiveError> {
        let refused = |reason: &str| ArchiveError::Address { url: url.to_owned(), reason: reason.to_owned() };
        if url == "memory://" {
            return Archive::new(Arc::new(InMemory::new()), "", url);
        }
        if let Some(path) = url.strip_prefix("file://") {
            if !path.starts_with('/') {
                return Err(refused("a path behind file:// begins with a slash"));
            }
            std::fs::create_dir_all(path).map_err(ArchiveError::io(format!("create {path}")))?;
            let opened = LocalFileSystem::new_with_prefix(path);
            let local = opened.map_err(ArchiveError::storage(format!("open {path}")))?.with_fsync(true);
            return Archive::new(Arc::new(local), "", url);
        }
        if let Some(rest) = url.strip_prefix("s3://") {
            return s3(url, rest);
        }
        Err(refused("it begins with file://, s3:// or memory://"))
    }

    /// The archive in an object storage of the caller's own, below a prefix; `name` is what messages call it.
    ///
    /// The storage has to create an object only if there is none of its name ([`PutMode::Create`]), and to show what was created
    /// to whoever lists or gets it afterwards. Whether it does the first is tried before anything is shipped there.
    ///
    /// # Errors
    /// [`ArchiveError::Address`] if the prefix is no path, and what the system says.
    pub fn new(objects: Arc<dyn ObjectStore>, prefix: &str, name: &str) -> Result<Archive, ArchiveError> {
        let prefix = Path::parse(prefix)
            .map_err(|error| ArchiveError::Address { url: name.to_owned(), reason: error.to_string() })?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(ArchiveError::io("start what runs the object storage"))?;
        Ok(Archive(Arc::new(Inner { objects, prefix, name: name.to_owned(), runtime })))
    }

    /// What is in the archive.
    ///
    /// # Errors
    /// [`ArchiveError::Empty`], and as [`ArchiveError`] says.
    pub fn status(&self) -> Result<ArchiveStatus, ArchiveError> {
        let catalog = self.newest()?.ok_or_else(|| ArchiveError::Empty { archive: self.name() })?;
        Ok(ArchiveStatus {
            store_id: Uuid::from_bytes(catalog.store_id),
            position: catalog.position,
            recorded_at: Some(catalog.recorded_at).filter(|time| *time != Timestamp::MIN),
            shipped_at: catalog.written_at,
            sequence: catalog.sequence,
            objects: catalog.objects.len() as u64,
            bytes: catalog.objects.iter().map(|object| object.to - object.from).sum(),
        })
    }

    pub(crate) fn name(&self) -> String {
        self.0.name.clone()
    }

    /// The catalog with the highest number.
    pub(crate) fn newest(&self) -> Result<Option<ArchiveCatalog>, ArchiveError> {
        let mut looks = 0;
        loop {
            let Some(sequence) = self.catalogs()?.last().copied() else { return Ok(None) };
            looks += 1;
            match self.catalog(sequence) {
                // Several have followed it since, and it was removed.
                Err(ArchiveError::Storage { source: object_store::Error::NotFound { .. }, .. })
                    if looks < LOOKS => {}
                other => return other.map(Some),
            }
        }
    }

    /// The numbers of all catalogs, ascending.
    pub(crate) fn catalogs(&self) -> Result<Vec<u64>, ArchiveError> {
        let names = self.list(CATALOGS)?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn catalog(&self, sequence: u64) -> Result<ArchiveCatalog, ArchiveError> {
        let path = self.catalog_path(sequence);
        let bytes = self.get_all(&path)?;
        let catalog = ArchiveCatalog::decode(&bytes);
        let catalog = catalog.map_err(|error| ArchiveError::format(&self.name(), path.as_ref(), error))?;
        if catalog.sequence != sequence {
            let corruption = Corruption {
                file: path.to_string(),
                offset: 32,
                what: "number of the catalog".into(),
                found: catalog.sequence,
                expected: sequence,
            };
            return Err(ArchiveError::Corrupt { archive: self.name(), corruption });
        }
        Ok(catalog)
    }

    /// Writes a catalog, unless there is one of its number, or a later one: then somebody else has taken over.
    pub(crate) fn publish(&self, catalog: &ArchiveCatalog) -> Result<(), ArchiveError> {
        let path = self.catalog_path(catalog.sequence);
        let bytes = catalog.encode();
        let payload = PutPayload::from(bytes.clone());
        let created = self.wait(self.0.objects.put_opts(&path, payload, PutMode::Create.into()));
        let fenced = || ArchiveError::Fenced { archive: self.name() };
        match created {
            Ok(_) => {}
            // It may have been this one, before an answer was lost.
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                if self.get_all(&path)? != bytes {
                    return Err(fenced());
                }
            }
            Err(error) => return Err(ArchiveError::storage(format!("create {path}"))(error)),
        }
        // Catalogs are removed some time after others have followed, and their numbers must not be used again.
        match self.catalogs()?.last() {
            Some(last) if *last > catalog.sequence => Err(fenced()),
            _ => Ok(()),
        }
    }

    /// Removes a catalog. What stays costs a name.
    pub(crate) fn forget_catalog(&self, sequence: u64) {
        let _ = self.wait(self.0.objects.delete(&self.catalog_path(sequence)));
    }

    /// The names of all stretches.
    pub(crate) fn objects(&self) -> Result<Vec<String>, ArchiveError> {
        self.list(OBJECTS)
    }

    /// Removes a stretch. What stays takes room until the next shipper begins.
    pub(crate) fn forget_object(&self, name: &str) {
        let _ = self.wait(self.0.objects.delete(&self.path(OBJECTS, name)));
    }

    pub(crate) fn get_all(&self, path: &Path) -> Result<Vec<u8>, ArchiveError> {
        let objects = &self.0.objects;
        let read = self.wait(async { objects.get(path).await?.bytes().await });
        read.map(|bytes| bytes.to_vec()).map_err(ArchiveError::storage(format!("read {path}")))
    }

    /// The names in a directory.
    fn list(&self, directory: &str) -> Result<Vec<String>, ArchiveError> {
        let path = self.0.prefix.clone().join(directory);
        let listed = self.wait(self.0.objects.list_with_delimiter(Some(&path)));
        let listed = listed.map_err(ArchiveError::storage(format!("list {path}")))?;
        let names = listed.objects.iter().filter_map(|object| object.location.filename());
        Ok(names.map(str::to_owned).collect())
    }

    fn catalog_path(&self, sequence: u64) -> Path {
        self.path(CATALOGS, &format!("{sequence:020}"))
    }

    pub(crate) fn path(&self, directory: &str, name: &str) -> Path {
        self.0.prefix.clone().join(directory).join(name)
    }

    /// Runs what the object storage does to its end. Also from within an asynchronous program, whose thread waits.
    pub(crate) fn wait<F: Future<Output: Send> + Send>(&self, work: F) -> F::Output {
        let runtime = &self.0.runtime;
        if Handle::try_current().is_err() {
            return runtime.block_on(work);
        }
        std::thread::scope(|threads| {
            let worker = threads.spawn(|| runtime.block_on(work));
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

#[cfg(any(feature = "s3", test))]
use crate::s3::from_environment as s3;

#[cfg(not(any(feature = "s3", test)))]
fn s3(url: &str, _rest: &str) -> Result<Archive, ArchiveError> {
    let reason = "this program was built without the feature `s3`".to_owned();
    Err(ArchiveError::Address { url: url.to_owned(), reason })
}
