//! Continuous copies of an Annals store in object storage, and stores made of these as of any moment.
//!
//! A [`Shipper`] brings the log of a store that is in use to an [`Archive`]: each sealed segment once, and the open one in
//! stretches, as it grows, seconds behind the store. [`Archive::restore`] makes a store of what is there, up to the end, a
//! position or a time.
//!
//! ```
//! # let directory = tempfile::tempdir()?;
//! # let [path, staging, objects, restored] =
//! #     ["store", "staging", "objects", "restored"].map(|name| directory.path().join(name));
//! use annals::{BackupOptions, Expected, NewEvent, RestoreTo, Store};
//! use annals_archive::{Archive, Shipper, ShipperOptions};
//! use std::time::Duration;
//!
//! let store = Store::open(&path)?;
//! let archive = Archive::at(&format!("file://{}", objects.display()))?;
//! let shipper = Shipper::start(store.clone(), archive.clone(), &staging, ShipperOptions::new())?;
//! store.append("account-7", Expected::Any, &[NewEvent::json("opened", "{}")])?;
//! assert!(shipper.flush(Duration::from_secs(60)));
//! shipper.stop()?;
//!
//! archive.restore(&restored, RestoreTo::End, &BackupOptions::new(), &mut |_| {})?;
//! assert_eq!(Store::open(&restored)?.last_position(), store.last_position());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What an archive is
//! Objects with the bytes of segments, which are written once under names that nobody else gives, and catalogs with ascending
//! numbers, of which the highest counts. A catalog names the objects that make up the log up to a position. It is created only if
//! there is none of its number, so two who ship to one archive cannot come between each other: the later one takes over, and the
//! earlier one is told that it is [fenced off](ArchiveError::Fenced). `docs/format.md` has the bytes.
//!
//! The index and the snapshots are not shipped: they are derived, and a restored store makes its index again.

mod archive;
mod error;
mod progress;
mod restore;
#[cfg(any(feature = "s3", test))]
mod s3;
mod ship;
mod shipper;
mod stretches;
#[cfg(test)]
mod tests;

pub use archive::{Archive, ArchiveStatus};
pub use error::ArchiveError;
pub use object_store;
pub use progress::{Lag, ShipperOptions, ShipperProgress};
pub use ship::Shipped;
pub use shipper::Shipper;
