//! The store as its users meet it: against a model, crashes, failing disks, many threads and bad input.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should end it")]

mod aggregate_crashes;
mod aggregate_moments;
mod aggregates;
mod backup;
mod closing;
mod common;
mod compaction;
mod concurrency;
mod conditions;
mod crash_threads;
mod criteria;
mod decide;
mod derived;
mod direct;
mod encryption;
mod erased;
mod erasure;
mod expectations;
mod faults;
mod full_disk;
mod history;
mod inspect;
mod keys;
mod limits;
mod made_up_files;
mod merging;
mod opening;
mod processes;
mod regressions;
mod repair;
mod replay;
mod retention;
mod said;
mod schema;
mod slow;
mod tickets;
mod time_travel;
mod times;
mod typed_events;
mod upcast;
mod verify;
mod views;
mod workload;
