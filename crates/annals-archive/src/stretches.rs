//! Uploading and downloading the stretches of segments.

use crate::archive::{Archive, OBJECTS};
use crate::error::ArchiveError;
use annals::vfs::{File, read_exact_at};
use annals::{Corruption, Uuid};
use annals_format::ArchivedObject;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutPayload, WriteMultipart};

/// Larger objects are uploaded in parts of this size; more than two of them are never in memory.
const PART_BYTES: usize = 8 << 20;
/// How many parts are on their way at once.
const PARTS_AT_ONCE: usize = 1;

impl Archive {
    /// Tries whether an object is created only if there is none of its name. On a storage that does not look at the condition two shippers
    /// would write over each other's catalogs, and neither would notice.
    pub(crate) fn must_keep_conditions(&self, shipper: Uuid) -> Result<(), ArchiveError> {
        let path = self.path(OBJECTS, &format!("trial-{:032x}", shipper.as_u128()));
        let create = || {
            let payload = PutPayload::from_static(b"trial");
            self.wait(self.0.objects.put_opts(&path, payload, PutMode::Create.into()))
        };
        let unconditional = || ArchiveError::Unconditional { archive: self.name() };
        // The first of the two may be refused, too: it is there since an answer was lost.
        let refused = [create(), create()].map(|created| match created {
            Ok(_) => Ok(false),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(true)
            }
            Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) => {
                Err(unconditional())
            }
            Err(error) => Err(ArchiveError::storage(format!("create {path}"))(error)),
        });
        let _ = self.wait(self.0.objects.delete(&path));
        let [first, second] = refused;
        if first? | second? { Ok(()) } else { Err(unconditional()) }
    }

    /// Uploads a stretch of a file.
    pub(crate) fn put(&self, file: &dyn File, object: &ArchivedObject) -> Result<(), ArchiveError> {
        let path = self.path(OBJECTS, &object.name());
        let length = object.to - object.from;
        let failed = || ArchiveError::storage(format!("write {path}"));
        let read = |from: u64, bytes: usize| {
            let mut buffer = vec![0; bytes];
            let read = read_exact_at(file, &mut buffer, from);
            read.map(|()| buffer).map_err(ArchiveError::io(format!("read segment {}", object.segment_id)))
        };
        if length <= PART_BYTES as u64 {
            let bytes = read(object.from, usize::try_from(length).unwrap_or(PART_BYTES))?;
            return self.wait(self.0.objects.put(&path, bytes.into())).map(|_| ()).map_err(failed());
        }
        self.wait(async {
            let upload = self.0.objects.put_multipart(&path).await.map_err(failed())?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
            let mut at = object.from;
            while at < object.to {
                let most = usize::try_from(object.to - at).unwrap_or(PART_BYTES).min(PART_BYTES);
                upload.wait_for_capacity(PARTS_AT_ONCE).await.map_err(failed())?;
                match read(at, most) {
                    Ok(bytes) => upload.put(bytes.into()),
                    Err(error) => {
                        let _ = upload.abort().await;
                        return Err(error);
                    }
                }
                at += most as u64;
            }
            upload.finish().await.map(|_| ()).map_err(failed())
        })
    }

    /// Hands over a stretch, piece by piece. One that is shorter than it should be is damage.
    pub(crate) fn get(
        &self,
        object: &ArchivedObject,
        piece: &mut dyn FnMut(&[u8]) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let path = self.path(OBJECTS, &object.name());
        let length = object.to - object.from;
        let head = self.wait(self.0.objects.head(&path)).map_err(|error| self.missing(&path, error))?;
        if head.size != length {
            let what = "length of the object".into();
            let corruption =
                Corruption { file: path.to_string(), offset: 0, what, found: head.size, expected: length };
            return Err(ArchiveError::Corrupt { archive: self.name(), corruption });
        }
        let mut at = 0;
        while at < length {
            let end = length.min(at + PART_BYTES as u64);
            let bytes = self.wait(self.0.objects.get_range(&path, at..end));
            piece(&bytes.map_err(|error| self.missing(&path, error))?)?;
            at = end;
        }
        Ok(())
    }

    /// An object that the catalog names is there.
    fn missing(&self, path: &Path, error: object_store::Error) -> ArchiveError {
        match error {
            object_store::Error::NotFound { .. } => {
                let what = "object that is not there".into();
                let corruption =
                    Corruption { file: path.to_string(), offset: 0, what, found: 0, expected: 0 };
                ArchiveError::Corrupt { archive: self.name(), corruption }
            }
            error => ArchiveError::storage(format!("read {path}"))(error),
        }
    }
}
