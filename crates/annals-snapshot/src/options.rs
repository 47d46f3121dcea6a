//! What a store says of its snapshots.

use annals_types::limits::SNAPSHOT_BYTES_MAX;

/// Bytes of records at which a written file is full, unless told otherwise (8 MiB).
pub const FILE_BYTES_DEFAULT: u64 = 8 << 20;
/// Records at which a written file is full, unless told otherwise.
pub const FILE_RECORDS_DEFAULT: u64 = 16_384;
/// The largest file that merging makes, unless told otherwise (256 MiB).
pub const MERGED_BYTES_DEFAULT: u64 = 256 << 20;
/// The largest file that merging may be told to make (1 GiB).
pub const MERGED_BYTES_MAX: u64 = 1 << 30;

/// How snapshots are kept. Values out of bounds are brought to the nearest bound.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotOptions {
    /// Whether snapshots may be put, and files be made and removed. Only for who holds the lock of the store.
    pub writable: bool,
    /// Most bytes of a payload: at most, and by default, [`SNAPSHOT_BYTES_MAX`].
    pub payload_bytes_max: usize,
    /// How many snapshots of each pair of stream and tag are kept when files are merged, the newest ones; `None`, the
    /// default, keeps all. At least 1.
    pub keep_last: Option<u64>,
    /// Bytes of records at which a written file is full: 1 to [`MERGED_BYTES_MAX`], by default [`FILE_BYTES_DEFAULT`].
    /// Opening reads what written files there are.
    pub file_bytes: u64,
    /// Records at which a written file is full: 1 to 1,048,576, by default [`FILE_RECORDS_DEFAULT`]. Each takes about
    /// a hundred bytes of memory, in at most six files.
    pub file_records: u64,
    /// The largest file that merging makes, in bytes of its sources: at most [`MERGED_BYTES_MAX`], by default
    /// [`MERGED_BYTES_DEFAULT`]. One snapshot may be larger.
    pub merged_bytes: u64,
}

impl SnapshotOptions {
    /// For reading beside a writer, or where nothing may be written.
    #[must_use]
    pub fn reading() -> Self {
        SnapshotOptions { writable: false, ..Self::writing() }
    }

    /// For the one process that holds the lock of the store.
    #[must_use]
    pub fn writing() -> Self {
        SnapshotOptions {
            writable: true,
            payload_bytes_max: SNAPSHOT_BYTES_MAX,
            keep_last: None,
            file_bytes: FILE_BYTES_DEFAULT,
            file_records: FILE_RECORDS_DEFAULT,
            merged_bytes: MERGED_BYTES_DEFAULT,
        }
    }

    /// The same within bounds.
    pub(crate) fn bounded(mut self) -> Self {
        self.payload_bytes_max = self.payload_bytes_max.min(SNAPSHOT_BYTES_MAX);
        self.keep_last = self.keep_last.map(|keep| keep.max(1));
        self.file_bytes = self.file_bytes.clamp(1, MERGED_BYTES_MAX);
        self.file_records = self.file_records.clamp(1, 1 << 20);
        self.merged_bytes = self.merged_bytes.clamp(1, MERGED_BYTES_MAX);
        self
    }
}
