//! How a store is opened.

mod durability;
mod opening;

pub use durability::Durability;

use crate::compaction::CompactionOptions;
use crate::keys::{Encrypt, KeyFile};
use crate::upcast::Upcasters;
use annals_types::Compression;
use annals_types::limits::{INDEX_MEMORY_BYTES_DEFAULT, SNAPSHOT_BYTES_MAX};
use annals_vfs::Env;

/// How to open a store; made by [`Store::options`](crate::Store::options).
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("store");
/// use annals::{Durability, Store};
/// let store = Store::options().segment_bytes(1 << 20).durability(Durability::Os).open(&path)?;
/// assert_eq!(store.stats()?.segment_bytes, 1 << 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) create: bool,
    pub(crate) read_only: bool,
    pub(crate) segment_bytes: Option<u64>,
    pub(crate) compression: Compression,
    pub(crate) durability: Option<Durability>,
    pub(crate) direct_io: bool,
    pub(crate) env: Option<Env>,
    pub(crate) background: bool,
    pub(crate) compaction: CompactionOptions,
    pub(crate) index_memory: u64,
    pub(crate) index_ids: Option<bool>,
    pub(crate) snapshots_kept: Option<u64>,
    pub(crate) snapshot_bytes: usize,
    pub(crate) upcasters: Upcasters,
    pub(crate) keys: Option<KeyFile>,
    pub(crate) encrypt: Vec<Encrypt>,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Create if missing, read and write, the store's own durability.
    #[must_use]
    pub fn new() -> Self {
        Options {
            create: true,
            read_only: false,
            segment_bytes: None,
            compression: Compression::default(),
            durability: None,
            direct_io: false,
            env: None,
            background: true,
            compaction: CompactionOptions::new(),
            index_memory: INDEX_MEMORY_BYTES_DEFAULT,
            index_ids: None,
            snapshots_kept: None,
            snapshot_bytes: SNAPSHOT_BYTES_MAX,
            upcasters: Upcasters::default(),
            keys: None,
            encrypt: Vec::new(),
        }
    }

    /// Whether to create the store if there is none. Default: yes. Never with [`Options::read_only`].
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether to open for reading only. Default: no. Works while another process has the store open for
    /// writing, and on a disk that cannot be written.
    ///
    /// If nobody has the store open for writing and the last writer died, the log's tail is made durable first
    /// (cut, written again, synced), as a writer would, where the disk allows it. With a living writer, what is
    /// seen is what is known to be durable: the last batch appears with the next one, or after a tenth of a second.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// How payloads are stored in segments that are written anew, by [compaction](crate::Store::compaction) and by erasing. Default:
    /// [`Compression::Lz4`]. Appended events are never compressed, and a store may have segments of both kinds.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// At which size a segment of the log is full: 16 KiB to 4 GiB, default 64 MiB. For a new store; an existing
    /// one keeps its own.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = Some(bytes);
        self
    }

    /// What appends survive. A new store keeps it as its default; for an existing one it counts until it is closed.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Whether to write the log around the operating system's cache, a group with one call that returns when it is durable
    /// (`O_DIRECT | O_DSYNC`), instead of a write and a sync. Default: no. Counts until the store is closed; the files are the
    /// same, and a store may be opened with it at one time and without it at another.
    ///
    /// A single append then waits for less. It costs memory of up to the size of a segment, as far as it is written, for each
    /// one that has not got its footer yet; and a segment that has got it is read from the disk the first time, since nothing
    /// of it was in the cache.
    ///
    /// Without effect with [`Durability::Os`], and where the file system or the device has no such way:
    /// [`Stats::direct_io`](crate::Stats::direct_io) says whether it is done.
    #[must_use]
    pub fn direct_io(mut self, direct: bool) -> Self {
        self.direct_io = direct;
        self
    }

    /// How much memory the index may take, in bytes: at least 4 MiB, default 64 MiB.
    ///
    /// It holds what is known of the newest events until that is written to files, the heads of hot streams, and the
    /// buffers of merging. With less, segments end earlier and more files are merged; nothing else changes. A single
    /// batch may exceed it, and so may what stands in for a damaged file of the index until that is written again. What
    /// is mapped of files is not part of it: the system takes that memory back when it needs it.
    #[must_use]
    pub fn index_memory(mut self, bytes: u64) -> Self {
        self.index_memory = bytes;
        self
    }

    /// Whether events can be looked up by the ids that their producers gave. Default: yes. For a new store; an existing
    /// one keeps what it was created with.
    ///
    /// It costs about ten bytes of disk per event that has such an id. Without it [`View::event`](crate::View::event)
    /// finds only events whose id the store made, and an append that is repeated is not recognized by its ids: expect
    /// versions to make repetitions safe.
    #[must_use]
    pub fn index_ids(mut self, index: bool) -> Self {
        self.index_ids = Some(index);
        self
    }

    /// How events of older schema versions become events of the newest when they are read with
    /// [`View::read_upcast`](crate::View::read_upcast). Default: by what is registered in the store
    /// ([`Store::register_schema`](crate::Store::register_schema)), and nothing else; what is registered and these make one chain together.
    #[must_use]
    pub fn upcasters(mut self, upcasters: Upcasters) -> Self {
        self.upcasters = upcasters;
        self
    }

    /// Where the keys of encrypted payloads are. Without it, and without the key of a payload, [`EventRef::data`](crate::EventRef::data)
    /// gives [`PayloadError::KeyMissing`](crate::PayloadError::KeyMissing), and everything else goes on.
    #[must_use]
    pub fn keys(mut self, keys: KeyFile) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Encrypts the payloads of these events as they are appended, each under the key of its subject, which is created if there is none
    /// (that takes a sync of the key file). Said several times, the first rule that fits counts. Needs [`Options::keys`]. Counts
    /// until the store is closed: what is stored already stays as it is, and who opens the store without this rule appends in plain.
    ///
    /// Stream names, types, tags, ids and times are never encrypted: what must be erasable does not belong there. States that
    /// are folded from encrypted events are not saved as snapshots.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// use annals::{Encrypt, Expected, KeyFile, NewEvent, Options, Position};
    /// let keys = KeyFile::open(directory.path().join("keys"))?;
    /// let options = Options::new().keys(keys.clone()).encrypt(Encrypt::Category("user".into()));
    /// let store = options.open(directory.path().join("store"))?;
    /// store.append("user-7", Expected::NoStream, &[NewEvent::json("registered", r#"{"name":"Ada"}"#)])?;
    /// let view = store.view();
    /// let event = view.event_at(Position::FIRST)?.ok_or("no event")?;
    /// assert_eq!(&*event.data()?, br#"{"name":"Ada"}"#);
    /// keys.destroy("user-7")?;
    /// assert!(event.data().unwrap_err().is_erased());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn encrypt(mut self, rule: Encrypt) -> Self {
        self.encrypt.push(rule);
        self
    }

    /// How many snapshots of each stream and schema tag are kept, the newest ones. Default: all. Counts until the store is closed.
    /// Older ones go when files are merged in the background; [`Store::prune_snapshots`](crate::Store::prune_snapshots) does it at once.
    ///
    /// A state as of a moment before the oldest snapshot that is kept is folded from the first event on.
    #[must_use]
    pub fn snapshots_kept(mut self, newest: u64) -> Self {
        self.snapshots_kept = Some(newest);
        self
    }

    /// How many bytes a snapshot may have: at most, and by default, 64 MiB. Counts until the store is closed. A larger one is
    /// refused with [`SnapshotError::TooLarge`](crate::SnapshotError::TooLarge), and the state is folded from events as before.
    #[must_use]
    pub fn snapshot_bytes(mut self, bytes: usize) -> Self {
        self.snapshot_bytes = bytes;
        self
    }

    /// The disk, the clock and the randomness to use, instead of the operating system's. The path given to
    /// [`Options::open`] is then only a name for messages.
    #[must_use]
    pub fn env(mut self, env: Env) -> Self {
        self.env = Some(env);
        self
    }

    /// Whether a background thread lays out segments and seals full ones. Default: yes. Without it the same work
    /// is done by [`Store::maintain`](crate::Store::maintain) and, when there is no other way, by an append: what a simulation needs to
    /// be the same every time.
    #[must_use]
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }

    /// How what rules of retention let go is removed in the background: by a thread that is started once there are rules. Default: as
    /// [`CompactionOptions::new`] says. Nothing of it happens with [`Options::background`] switched off.
    #[must_use]
    pub fn compaction(mut self, options: CompactionOptions) -> Self {
        self.compaction = options;
        self
    }
}
