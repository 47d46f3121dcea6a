//! The segmented write-ahead log of Annals: append, group commit, seal, recover.
//!
//! - [`CommitQueue`] makes one group of the batches of many callers, with a leader and no thread of its own; callers that do
//!   not wait need a thread that serves. A group is handed to the sink and then synced without it, beside others.
//! - [`LogWriter`] gives batches their place in the active segment and writes them, through the system's cache or around it.
//! - [`Segment`] reads events of a live or a sealed segment, through a mapping and without copying.
//! - [`Rewrite`] writes sealed segments anew without some of their events, or of their payloads.
//! - [`KeptSegment`] writes such a segment of records that a repair has found.
//! - [`recover`] decides after a crash what is a torn tail and what is damage.
//!
//! It knows positions and bytes. It does not know streams' versions, indexes or the manifest's file: what
//! an append expects of a stream is looked at by the store, which also keeps the list of live files.

mod active;
mod commit;
mod direct;
mod error;
mod occurred;
mod offsets;
mod output;
mod prepare;
mod recovery;
mod rewrite;
mod room;
mod scan;
mod seal;
mod segment;
mod syncs;
mod watermark;
mod window;
mod writer;
mod zeros;

pub use commit::{CommitQueue, Flight, GroupSink, LANES, Pending, SyncGroup};
pub use error::LogError;
pub use prepare::{PreparedSegment, prepare_segment};
pub use recovery::{Case, Finding, Mode, Recovered, RecoveryInput, Visit, recover};
pub use rewrite::{Choice, Choose, KeptSegment, Rewrite, RewriteStep, RewriteTarget};
pub use room::Room;
pub use scan::{Step, find_frame_after, find_frame_in_window, scan_mapped, scan_window};
pub use seal::seal_segment;
pub use segment::{Place, Segment, Walk};
pub use syncs::{Landing, SyncJob};
pub use watermark::Watermark;
pub use window::Window;
pub use writer::{LogWriter, WriteFailed};
