//! Annals: a durable, log-structured event store, embedded in an application.
//!
//! Events go into streams, never change, are on disk when `append` returns, and can be read back per stream,
//! globally, and as they stood at any earlier moment.
//!
//! ```
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("store");
//! use annals::{AsOf, Expected, NewEvent, Position, Query, Store, Version};
//!
//! let store = Store::open(&path)?;
//! store.append("account-1", Expected::NoStream, &[NewEvent::json("opened", r#"{"owner":"Ada"}"#)])?;
//! store.append("account-1", Expected::Exact(Version::new(1)), &[NewEvent::json("deposited", "500")])?;
//!
//! // Somebody who has not seen the deposit is told so.
//! let late = store.append("account-1", Expected::Exact(Version::new(1)), &[NewEvent::json("closed", "{}")]);
//! assert!(matches!(late, Err(annals::AppendError::Conflict(conflict)) if conflict.actual == Version::new(2)));
//!
//! let view = store.view();
//! for event in view.read(Query::stream("account-1"))? {
//!     let event = event?;
//!     println!("{} {}", event.version, event.event_type);
//! }
//! let before = view.as_of(AsOf::Position(Position::new(1)))?;
//! assert_eq!(before.read(Query::all())?.count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to go on
//! - [`Store`]: open, append, wait, close. [`Options`]: how to open. [`Batch`]: several streams at once.
//! - [`View`]: read, as of any moment. [`Query`]: which events.
//! - [`View::document`], [`View::history`], [`View::replay`]: states at any moment, how they came to be, and events at
//!   their old pace. `docs/time-travel.md` tells which question is which.
//! - [`Store::retention`]: what may go, and is hidden from then on; `docs/retention.md` tells more.
//! - [`Batch::expect`], [`Batch::fail_if`], [`Store::decide`]: three ways to let nobody come between reading and appending:
//!   by the versions of streams, by criteria over all streams, and in the writer's own order.
//! - [`Store::backup`] and [`restore`]: copies of a store in use, and stores made of them as of a moment.
//! - [`verify`] and [`inspect`]: look at the files themselves. [`repair`]: copy what is sound of a damaged store.
//!
//! # What it is not
//! Not a server, not a message broker, not a database of states. One process writes a store at a time; any number
//! read it.

mod aggregate;
mod ahead;
mod backup;
mod batch;
mod budget;
mod catalog;
mod committer;
mod compaction;
mod condition;
mod core;
mod count;
mod criteria;
mod cursor;
mod decide;
mod document;
mod erasure;
mod error;
mod events;
mod follow;
mod guards;
mod heads;
mod inspect;
mod keys;
mod lists;
mod maintenance;
mod merging;
mod occurred;
mod open;
mod options;
mod paged;
mod part;
mod parts;
mod query;
mod range;
mod recovery;
mod repair;
mod replay;
mod retention;
mod room;
mod run_file;
mod schema;
mod sealing;
mod serving;
mod snapshots;
mod staged;
mod stats;
mod store;
mod surroundings;
mod system_event;
mod tally;
pub mod testing;
mod ticket;
mod times;
mod upcast;
mod verify;
mod view;

pub use aggregate::{
    Aggregate, Aggregates, Codec, CommandContext, DomainEvent, EventError, ExecuteError, Executed, Handle,
    IgnoredSnapshot, LoadError, Loaded, SaveError, SnapshotOutcome, SnapshotPolicy, TruncateError,
};
pub use annals_compaction::{
    Action, Effective, Guard, InScope, Kept, MaxAge, Plan, PlanOptions, PlannedSegment, RetentionRule,
    RetentionScope, RuleError, ScopeKind, SegmentFigures, Setting, Share, ShareOutOfRange,
};
pub use annals_format::Corruption;
pub use annals_snapshot::{
    Infos as SnapshotInfos, Pruned, SnapshotError, SnapshotInfo, Unusable as UnusableSnapshot,
};
pub use annals_types::{
    Compression, Conflict, ContentType, Erasure, Event, EventRef, Expected, Invalid, NewEvent, PayloadBuffer,
    PayloadError, PayloadRef, PlainPayload, Position, StreamName, Tags, Timestamp, TimestampOutOfRange, Uuid,
    Version, category_of, check_stream_name, limits,
};
pub use annals_vfs as vfs;
pub use backup::{
    BackupError, BackupOptions, BackupProgress, BackupReport, FileCount, FilesTaken, RestoreReport,
    RestoreTo, restore, restore_in,
};
pub use batch::{Appended, AppendedStream, Batch};
pub use compaction::{
    CompactError, Compaction, CompactionControl, CompactionOptions, CompactionProgress, CompactionReport,
    CompactionState, ErasedEvent, ErasedEvents, LedgerEntry, RemovedEvents,
};
pub use criteria::{Clause, Criteria};
pub use decide::{DecideError, Decided, Situation};
pub use document::{Change, Document, DocumentError, History, HistoryEntry, JsonEvent, changes};
pub use erasure::{Erase, EraseError, ErasePlan, EraseReport, EraseSegment, EraseTarget, Interrupted};
pub use error::{AppendError, OpenError, ReadError};
pub use events::Events;
pub use guards::{GuardError, GuardInfo, Guards};
pub use inspect::{Fact, InspectedFrame, InspectedRecord, Inspection, inspect, inspect_frame, inspect_in};
pub use keys::{Encrypt, KeyError, KeyFile, KeyInfo, KeysMerged};
pub use lists::{StreamInfo, Streams, TypeInfo};
pub use maintenance::MaintainError;
pub use options::{Durability, Options};
pub use query::{AsOf, Clock, Query};
pub use recovery::{RecoveryReport, TornTail};
pub use repair::{LostRange, RepairProgress, RepairReport, TornBytes, repair, repair_in};
pub use replay::{Replay, ReplayControl, Speed};
pub use retention::{
    Retention, RetentionChange, RetentionEntries, RetentionEntry, RetentionError, RetentionRound,
    StreamRetention,
};
pub use schema::{
    Compatibility, Difference, DryRun, DryRunFailure, Registered, RegisteredSchema, Registration,
    SchemaError, SchemaViolation,
};
/// The JSON of upcasters, rules, schemas and documents.
pub use serde_json;
pub use stats::Stats;
pub use store::Store;
pub use ticket::Ticket;
pub use upcast::{
    ChainError, FieldType, NotJson, Outcome, Payload, Rule, UpcastData, UpcastError, UpcastEvent,
    UpcastEvents, UpcastStep, Upcasters, UpcastersBuilder,
};
pub use verify::{Finding, Verification, VerifyProgress, verify, verify_in};
pub use view::View;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The examples of the guides are tests, too.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/aggregates.md")]
struct AggregatesGuide;

/// And those of the page about retention.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/retention.md")]
struct RetentionGuide;

/// So are those of the page about time travel.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/time-travel.md")]
struct TimeTravel;

/// So are those of the page about backups.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/backup.md")]
struct BackupGuide;
