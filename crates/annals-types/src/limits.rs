//! Every limit of the engine, in one place, tied together at compile time.

/// Longest stream name, in bytes of UTF-8. The shortest has one byte.
pub const STREAM_NAME_BYTES_MAX: usize = 1024;
/// Longest event type, in bytes of UTF-8. The shortest has one byte.
pub const EVENT_TYPE_BYTES_MAX: usize = 512;
/// Longest tag, in bytes of UTF-8. The shortest has one byte.
pub const TAG_BYTES_MAX: usize = 512;
/// Most tags that one event may carry.
pub const TAGS_MAX: usize = 256;
/// Most bytes of data in one event (64 MiB).
pub const DATA_BYTES_MAX: usize = 64 << 20;
/// Most bytes of metadata in one event (16 MiB).
pub const METADATA_BYTES_MAX: usize = 16 << 20;
/// Most bytes that one batch may take in the log (128 MiB), whatever the segment size: a batch that is
/// larger than a segment gets a segment of its own.
pub const BATCH_BYTES_MAX: usize = 128 << 20;
/// Most events in one batch.
pub const BATCH_EVENTS_MAX: usize = 1 << 20;
/// Most event types and tags that criteria, or all conditions of one batch, may name together.
pub const CRITERIA_TERMS_MAX: usize = 1 << 16;
/// Smallest segment size that can be asked for (16 KiB).
pub const SEGMENT_BYTES_MIN: u64 = 16 << 10;
/// Largest segment size that can be asked for (4 GiB).
pub const SEGMENT_BYTES_MAX: u64 = 4 << 30;
/// Segment size of a new store unless told otherwise (64 MiB).
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 << 20;
/// Least memory that an index can be given (4 MiB).
pub const INDEX_MEMORY_BYTES_MIN: u64 = 4 << 20;
/// Memory of an index unless told otherwise (64 MiB).
pub const INDEX_MEMORY_BYTES_DEFAULT: u64 = 64 << 20;
/// Most bytes in the payload of one snapshot (64 MiB), also the most that a store allows unless told otherwise.
pub const SNAPSHOT_BYTES_MAX: usize = 64 << 20;
/// Longest schema tag of a snapshot, in bytes of UTF-8. The shortest has one byte.
pub const SCHEMA_TAG_BYTES_MAX: usize = 128;

const _: () = {
    assert!(DATA_BYTES_MAX + METADATA_BYTES_MAX + TAGS_MAX * (TAG_BYTES_MAX + 2) < BATCH_BYTES_MAX);
    assert!(SCHEMA_TAG_BYTES_MAX <= u8::MAX as usize && SNAPSHOT_BYTES_MAX <= 1 << 30);
    assert!(SEGMENT_BYTES_DEFAULT >= SEGMENT_BYTES_MIN && SEGMENT_BYTES_DEFAULT <= SEGMENT_BYTES_MAX);
};
