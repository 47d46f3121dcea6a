//! Keys of payloads: one for each data subject, in a file apart from the log.
//!
//! Who destroys a key has erased every payload under it, in the log and in all its copies, as far as nobody has a copy of the key. So the
//! key file is not to be backed up together with the log, and a backup of it is not to be kept for ever.

mod encryption;
mod error;
mod file;
mod merge;
mod parsing;

pub use encryption::Encrypt;
pub(crate) use encryption::{Encryption, open_state};
pub use error::KeyError;
pub use merge::KeysMerged;

use annals_format::keys::KEY_NAME_BYTES_MAX;
use annals_format::payload::{Key, KeyState, Keys};
use annals_types::{Timestamp, Uuid};
use annals_vfs::sync::Mutex;
use annals_vfs::{Env, RealDisk};
use file::Opened;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The keys of payloads, in a file of their own. Clones share it.
///
/// A key has a name: that of the data subject whose payloads it is for. Each key is in memory, about 200 bytes, and a file takes 96
/// bytes and the name for each that was ever created.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// use annals::KeyFile;
/// let keys = KeyFile::open(directory.path().join("keys"))?;
/// let id = keys.create("user-7")?.id;
/// assert_eq!(keys.create("user-7")?.id, id, "it is there already");
/// assert!(keys.destroy("user-7")?);
/// assert!(!keys.destroy("user-7")?);
/// assert!(keys.list().iter().all(|key| key.id == id && key.destroyed_at.is_some()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyFile(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    env: Env,
    opened: Mutex<Opened>,
}

/// What is known of a key, but for the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// Its id, which the payloads under it name.
    pub id: Uuid,
    /// Its name; `None` if it was destroyed: the name went with it.
    pub name: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was destroyed, if it was.
    pub destroyed_at: Option<Timestamp>,
}

impl KeyFile {
    /// Opens a key file, and makes it if it is not there; its directory has to be. While it is open nobody else can open it for writing.
    ///
    /// # Errors
    /// As [`KeyError`] says.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let place = Place::of(path.as_ref())?;
        let shown = place.shown();
        KeyFile::open_shown(Env::system(Arc::new(place.disk)), place.name, shown)
    }

    /// Opens a key file for reading. Keys that are created or destroyed later are not seen.
    ///
    /// # Errors
    /// As [`KeyError`] says; [`KeyError::NotFound`] if there is none.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let place = match Place::of(path) {
            Err(KeyError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(KeyError::NotFound { path: path.to_owned() });
            }
            other => other?,
        };
        let opened = Opened::read(&place.disk, place.name, place.shown())?;
        let env = Env::system(Arc::new(place.disk));
        Ok(KeyFile(Arc::new(Shared { env, opened: Mutex::new(opened) })))
    }

    /// As [`KeyFile::open`], with the surroundings given: the file `name` in the root of the disk. For tests.
    ///
    /// # Errors
    /// As [`KeyError`] says.
    pub fn open_in(env: Env, name: &str) -> Result<Self, KeyError> {
        KeyFile::open_shown(env, name, name.to_owned())
    }

    /// With the path by which its user knows it.
    fn open_shown(env: Env, name: &str, shown: String) -> Result<Self, KeyError> {
        let opened = Opened::open(&env, name, shown)?;
        Ok(KeyFile(Arc::new(Shared { env, opened: Mutex::new(opened) })))
    }

    /// The key of a name; a new one if there is none, or if it was destroyed. A new key is durable when this returns.
    ///
    /// # Errors
    /// [`KeyError::Name`], [`KeyError::ReadOnly`], or that it cannot be written.
    pub fn create(&self, name: &str) -> Result<KeyInfo, KeyError> {
        let ids = self.ids(&[name])?;
        let opened = self.0.opened.lock();
        let made = ids.first().and_then(|(id, _)| opened.info(*id));
        made.ok_or(KeyError::Name { bytes: name.len() })
    }

    /// Destroys the key of a name (all of them, see [`KeyFile::merge`]), and with it all payloads under it. When this returns, it is durably known to be destroyed, and its
    /// bytes (and the name) in the file are overwritten. Says whether there was one.
    ///
    /// That the bytes are overwritten does not mean that a medium which writes elsewhere (flash, a file system that copies on write)
    /// does not have them any more, and views of processes that opened the file before go on using the key.
    ///
    /// # Errors
    /// [`KeyError::ReadOnly`], or that it cannot be written: then the key may be destroyed or not, see [`KeyFile::list`] when it is opened again.
    pub fn destroy(&self, name: &str) -> Result<bool, KeyError> {
        let now = self.0.env.clock.now();
        self.0.opened.lock().destroy(name, now)
    }

    /// Takes in what another key file has: the keys that are not here, and that keys are destroyed. What is destroyed in one of the two
    /// is destroyed, so a copy from before a destruction can be put back without bringing the key back, and a copy can be brought up to date.
    /// Durable when this returns.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// use annals::KeyFile;
    /// let keys = KeyFile::open(directory.path().join("keys"))?;
    /// keys.create("user-7")?;
    /// KeyFile::open(directory.path().join("copy"))?.merge(&keys)?;
    ///
    /// keys.destroy("user-7")?;
    /// let copy = KeyFile::open_read_only(directory.path().join("copy"))?;
    /// assert_eq!(keys.merge(&copy)?.kept_destroyed, 1);
    /// assert!(keys.list().iter().all(|key| key.destroyed_at.is_some()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Two keys of one name may come of it, if one was created while the other was lost: both are read with, the one that was created
    /// last is encrypted with, and [`KeyFile::destroy`] destroys both.
    ///
    /// # Errors
    /// [`KeyError::Conflict`], [`KeyError::ReadOnly`], or that it cannot be written: then it is done in part, and can be done again when it is
    /// opened again.
    pub fn merge(&self, other: &KeyFile) -> Result<KeysMerged, KeyError> {
        // Not both locks at once: two may merge crosswise.
        let others = other.0.opened.lock().entries().to_vec();
        self.0.opened.lock().merge(&others)
    }

    /// How many bytes at the end of the file count for nothing, because they are no whole records, as they were when it was opened for
    /// reading. A write that a crash has cut short leaves some, under which nothing was encrypted yet; if there was no crash, the
    /// file was cut or damaged, and keys may be missing of it. Opened for writing the file is cut, and has none.
    #[must_use]
    pub fn torn_bytes(&self) -> u64 {
        self.0.opened.lock().torn
    }

    /// All keys, in the order in which they were created.
    #[must_use]
    pub fn list(&self) -> Vec<KeyInfo> {
        self.0.opened.lock().list()
    }

    /// Ids and keys of these names, created where they are not there, with one sync for all of them.
    fn ids(&self, names: &[&str]) -> Result<Vec<(Uuid, Key)>, KeyError> {
        for name in names {
            if !(1..=KEY_NAME_BYTES_MAX).contains(&name.len()) {
                return Err(KeyError::Name { bytes: name.len() });
            }
        }
        self.0.opened.lock().keys_of(names, &self.0.env)
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), KeyError> {
        self.0.env.random.fill(bytes).map_err(KeyError::io("get random bytes"))
    }
}

impl Keys for KeyFile {
    fn key(&self, id: Uuid) -> KeyState {
        self.0.opened.lock().state(id)
    }
}

/// A key file in the file system.
struct Place<'p> {
    path: &'p Path,
    /// Its directory.
    disk: RealDisk,
    /// Its name there.
    name: &'p str,
}

impl<'p> Place<'p> {
    fn of(path: &'p Path) -> Result<Self, KeyError> {
        let failed =
            |source: io::Error| KeyError::io(format!("open {} as a key file", path.display()))(source);
        let Some(name) = path.file_name() else {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        };
        let Some(name) = name.to_str() else {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "its name is not UTF-8")));
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        match RealDisk::open(folder) {
            Ok(disk) => Ok(Place { path, disk, name }),
            Err(error) => {
                Err(KeyError::io(format!("open {}, the directory of the key file", folder.display()))(error))
            }
        }
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }
}
