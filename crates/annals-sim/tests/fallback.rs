//! The index is derived: where its files cannot be read, the log answers.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should end it")]

use annals::vfs::{Access, DirEntry, Disk, File, Lock, MemoryDisk};
use annals::{Event, Expected, NewEvent, Query, Store};
use annals_sim::World;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A disk that gives no file of the index.
#[derive(Debug)]
struct WithoutIndex {
    inner: MemoryDisk,
    refused: AtomicU64,
}

impl Disk for WithoutIndex {
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        self.inner.create(path)
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        if path.starts_with("index/") {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(io::Error::from_raw_os_error(5));
        }
        self.inner.open(path, access)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.inner.create_dir(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<DirEntry>> {
        self.inner.list(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.inner.sync_dir(path)
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        self.inner.try_lock(path)
    }

    fn is_locked(&self, path: &str) -> io::Result<bool> {
        self.inner.is_locked(path)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

fn read(store: &Store, query: Query) -> Vec<Event> {
    store.view().read(query).unwrap().map(|event| event.unwrap().to_event()).collect()
}

#[test]
fn where_no_file_of_the_index_can_be_read_every_answer_is_the_same() {
    let world = World::new(1, 16 << 10);
    let store = world.open().unwrap();
    for number in 0..40_usize {
        let event = NewEvent::new(["opened", "moved"][number % 2], vec![7; 1_000]).with_tag("every");
        store.append(&format!("account-{}", number % 3), Expected::Any, &[event]).unwrap();
        store.maintain().unwrap();
    }
    store.close().unwrap();
    let store = world.open().unwrap();
    assert!(store.stats().unwrap().runs > 1);
    let queries = [
        Query::all(),
        Query::stream("account-1"),
        Query::stream("account-2").backwards(),
        Query::all().of_type("moved"),
        Query::all().tagged("every"),
        Query::all().category("account"),
    ];
    let wanted: Vec<Vec<Event>> = queries.iter().map(|query| read(&store, query.clone())).collect();
    drop(store);

    let disk = Arc::new(WithoutIndex { inner: world.disk.clone(), refused: AtomicU64::new(0) });
    let store = world.options_over(disk.clone()).read_only(true).open("simulated").unwrap();
    for (query, wanted) in queries.into_iter().zip(wanted) {
        assert!(!wanted.is_empty());
        assert_eq!(read(&store, query), wanted);
    }
    let event = read(&store, Query::all()).remove(3);
    assert_eq!(store.view().event(event.id).unwrap().unwrap().to_event(), event);
    assert_eq!(store.view().streams("").count(), 3);
    assert!(disk.refused.load(Ordering::SeqCst) > 1, "the index was never asked");
}
