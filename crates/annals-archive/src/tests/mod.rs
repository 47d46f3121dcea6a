//! Archives in memory, in a directory and in S3: complete, never half, of one shipper at a time.

mod compacted;
mod erased;
mod failing;
mod faulty;
mod s3;
mod shipping;

use crate::archive::Archive;
use crate::ship::Shipment;
use annals::{
    BackupOptions, Batch, Event, NewEvent, Options, Position, Query, RestoreTo, Store, Uuid, verify,
};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// A store in a directory, with room beside it.
struct Place {
    directory: TempDir,
    store: Store,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::new().segment_bytes(16 << 10).background(false);
        let store = options.open(directory.path().join("store")).unwrap();
        Place { directory, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Appends so many batches of one to three events.
    fn append(&self, batches: u64) {
        for _ in 0..batches {
            let mut batch = Batch::new();
            let next = self.store.last_position().get() + 1;
            for position in next..=next + next % 3 {
                let data = format!("<{position}>").repeat(40 + (position % 90) as usize);
                let event = NewEvent::new("t", data.into_bytes()).with_id(Uuid::from_u128(position.into()));
                batch.push(&format!("s-{}", position % 5), &event).unwrap();
            }
            self.store.append_batch(batch).unwrap();
        }
        self.store.maintain().unwrap();
    }

    fn shipment(&self, archive: &Archive, staging: &str) -> Shipment {
        let options = BackupOptions::new().verify(false);
        Shipment::new(self.store.clone(), archive.clone(), &self.path(staging), options)
    }

    fn events(&self) -> Vec<Event> {
        events_of(&self.store)
    }

    /// What a store restored from the archive has.
    fn restored(&self, archive: &Archive, to: RestoreTo) -> Vec<Event> {
        let scratch = tempfile::tempdir_in(self.directory.path()).unwrap();
        let path = scratch.path().join("restored");
        archive.restore(&path, to, &BackupOptions::new(), &mut |_| {}).unwrap();
        assert_eq!(verify(&path, &mut |_| {}).unwrap().findings, []);
        let left: Vec<_> = std::fs::read_dir(scratch.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "what was downloaded is gone");
        events_of(&Options::new().read_only(true).open(&path).unwrap())
    }
}

fn events_of(store: &Store) -> Vec<Event> {
    store.view().read(Query::all()).unwrap().map(|event| event.unwrap().to_event()).collect()
}

fn in_memory() -> Archive {
    Archive::at("memory://").unwrap()
}

fn at(position: u64) -> RestoreTo {
    RestoreTo::Position(Position::new(position))
}

const LONG: Duration = Duration::from_secs(120);
