//! Files, directories, mappings, clock, randomness and the store lock: the only door through which
//! Annals reaches the operating system.
//!
//! Three disks implement [`Disk`]: [`RealDisk`] (a directory of the file system), [`MemoryDisk`] (in
//! memory, knows what has been synced, and can crash) and [`FaultyDisk`] (any disk, with the N-th call
//! failing). This is the only crate of the workspace that names `std::fs` or `memmap2`, and the only one
//! with `unsafe` code.
//!
//! # What is assumed of a disk
//! - Bytes covered by a [`File::sync_data`] that returned `Ok` survive power loss, together with the file
//!   length needed to reach them. After a `sync_data` that failed nothing is known of the bytes it covered.
//! - The same of bytes that [`DirectFile::write_durably_at`] has said it took, when it returned `Ok`.
//! - The name of a file survives power loss once [`Disk::sync_dir`] of its directory has returned `Ok`.
//! - [`Disk::rename`] replaces atomically: after a crash the target is the old or the new file.

mod disk;
mod env;
mod faulty;
mod io_ext;
mod mapping;
mod memory;
mod real;
#[doc(hidden)]
pub mod sync;

pub use disk::{Access, DIRECT_BLOCK_BYTES, DirEntry, DirectFile, Disk, EntryKind, File, Lock, Taken};
pub use env::{Clock, Env, ManualClock, Random, SeededRandom, SystemClock, SystemRandom};
pub use faulty::{Call, Fault, FaultyDisk, When};
pub use io_ext::{is_shortage, read_exact_at, read_up_to, replace_file, write_all_at, write_all_durably_at};
pub use mapping::{Mapping, Memory, prefetch_bytes, prefetch_value};
pub use memory::{Fate, Filling, MemoryDisk, Survival, Unsynced};
pub use real::RealDisk;
