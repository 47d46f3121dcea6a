//! The index: at which positions a term occurs, for streams, categories, types and tags, and where an event
//! id may be.
//!
//! It has two forms. A [`MemoryIndex`] holds the newest events and grows with each append. A [`Run`] is an
//! immutable file, made of a memory index by [`write_run`] and read through a mapping: a lookup touches a
//! few cache lines of it, and verifies each page that it touches once. A [`Merge`] makes one run of several that lie
//! next to each other, in steps and in bounded memory.
//!
//! Both answer the same questions in the same words: `find` a term and get its [`Postings`], ask for the
//! `positions` of these by ordinal (the n-th position of a stream is that of its n-th version), or for the
//! `rank` of a position among them.
//!
//! It is not responsible for choosing when runs are written or merged, for the list of runs (the manifest),
//! or for what a position leads to: that an event at a position has the id that was looked for is for the
//! log to say.

mod event;
mod key;
mod memory;
mod merge;
mod postings;
mod run;
mod write;

pub use annals_format::run::TermKind;
pub use event::IndexedEvent;
pub use key::{IdKey, TermKey};
pub use memory::MemoryIndex;
pub use merge::{Merge, MergeError, MergeTarget};
pub use postings::Postings;
pub use run::{Lookup, Run, RunIdentity};
pub use write::{ScratchFiles, write_run};
