//! Several handles of one store, in real directories: one that writes, any number that read.

use annals::{AppendError, Expected, NewEvent, OpenError, Options, Position, Query, Store};
use std::path::Path;
use std::time::{Duration, Instant};

fn small() -> Options {
    Options::new().segment_bytes(16 << 10)
}

fn append(store: &Store, bytes: usize) -> Position {
    store.append("s", Expected::Any, &[NewEvent::new("t", vec![1; bytes])]).unwrap().last_position
}

#[test]
fn a_second_writer_is_refused_at_once_by_whatever_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = Store::open(&path).unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let (inside, doubled) = (path.join("log/.."), directory.path().join("./store/"));
    let started = Instant::now();
    for other in [path.as_path(), link.as_path(), inside.as_path(), doubled.as_path()] {
        let refused = Store::open(other);
        assert!(matches!(refused, Err(OpenError::Locked { .. })), "{other:?}: {refused:?}");
    }
    assert!(started.elapsed() < Duration::from_millis(500));
    let clone = store.clone();
    drop(store);
    assert!(matches!(Store::open(&path), Err(OpenError::Locked { .. })), "a clone still has it");
    append(&clone, 1);
    drop(clone);
    let store = Store::open(&link).unwrap();
    assert!(store.recovery().clean, "the last clone closes");
    assert_eq!(store.last_position(), Position::new(1));
}

#[test]
fn a_reader_sees_what_is_durable_and_follows_the_writer() {
    let directory = tempfile::tempdir().unwrap();
    let writer = small().open(directory.path()).unwrap();
    let last = append(&writer, 10);
    let reader = small().read_only(true).open(directory.path()).unwrap();
    assert!(reader.wait_beyond(last.previous(), Duration::from_secs(10)).unwrap());
    for round in 0..12 {
        let old = reader.view();
        let last = (0..3).fold(Position::ZERO, |_, _| append(&writer, 300 + round * 500));
        let started = Instant::now();
        while reader.last_position() < last {
            assert!(reader.last_position() <= writer.last_position());
            let _ = reader.wait_beyond(reader.last_position(), Duration::from_millis(200)).unwrap();
            assert!(started.elapsed() < Duration::from_secs(20), "the reader does not follow to {last}");
        }
        assert_eq!(reader.view().read(Query::all()).unwrap().count() as u64, last.get());
        assert_eq!(old.read(Query::all()).unwrap().count() as u64, old.position().get());
    }
    assert!(writer.stats().unwrap().segments > 3);
    assert!(matches!(
        reader.append("s", Expected::Any, &[NewEvent::json("t", "1")]),
        Err(AppendError::ReadOnly)
    ));
    reader.maintain().unwrap();
    reader.sync().unwrap();
    reader.clone().close().unwrap();
    assert_eq!(reader.view().read(Query::all()).unwrap().count() as u64, writer.last_position().get());
    assert!(!reader.wait_beyond(writer.last_position(), Duration::from_millis(60)).unwrap());
}

#[test]
fn a_writer_waits_for_its_own_appends() {
    let directory = tempfile::tempdir().unwrap();
    let store = small().open(directory.path()).unwrap();
    assert!(!store.wait_beyond(Position::ZERO, Duration::from_millis(20)).unwrap());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.wait_beyond(Position::ZERO, Duration::MAX).unwrap());
        std::thread::sleep(Duration::from_millis(20));
        append(&store, 1);
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn a_store_is_nobodys_business_but_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/store");
    let store = small().open(&path).unwrap();
    for _ in 0..9 {
        append(&store, 5000);
    }
    store.maintain().unwrap();
    store.close().unwrap();
    let mut seen = 0;
    let mut look = |path: &Path| {
        let metadata = std::fs::symlink_metadata(path).unwrap();
        let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o777, wanted, "{path:?}");
        seen += 1;
    };
    look(&path);
    for name in ["MANIFEST", "LOCK", "log", "index", "snapshots"] {
        look(&path.join(name));
    }
    for name in ["log", "index"] {
        std::fs::read_dir(path.join(name)).unwrap().for_each(|entry| look(&entry.unwrap().path()));
    }
    assert!(seen > 10);
}

#[test]
fn a_store_can_be_moved_while_it_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let (here, there) = (directory.path().join("here"), directory.path().join("there"));
    let store = small().open(&here).unwrap();
    append(&store, 5000);
    std::fs::rename(&here, &there).unwrap();
    let last = (0..9).fold(Position::ZERO, |_, _| append(&store, 5000));
    store.maintain().unwrap();
    store.close().unwrap();
    assert!(!here.exists());
    assert_eq!(small().create(false).open(&there).unwrap().last_position(), last);
}

#[test]
fn many_openings_leave_nothing_open() {
    let directory = tempfile::tempdir().unwrap();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    small().open(directory.path()).unwrap().close().unwrap();
    let before = descriptors();
    for _ in 0..100 {
        let store = small().open(directory.path()).unwrap();
        append(&store, 100);
        let view = store.view();
        store.close().unwrap();
        assert_eq!(view.read(Query::all()).unwrap().count() as u64, view.position().get());
    }
    // Other tests run beside this one.
    assert!(descriptors() < before + 200, "{before} before, {} now", descriptors());
    assert!(std::fs::read_dir(directory.path().join("log")).unwrap().count() < 6);
}

/// Files of a store that is written change between two looks at them, which was taken for damage.
#[test]
fn a_sound_store_verifies_while_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = small().open(directory.path()).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                append(&store, 3000);
            }
        });
        for _ in 0..30 {
            assert_eq!(annals::verify(directory.path(), &mut |_| {}).unwrap().findings, []);
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    });
}

#[test]
fn a_store_that_lost_its_manifest_is_damaged_for_verify_too() {
    let directory = tempfile::tempdir().unwrap();
    let store = small().open(directory.path()).unwrap();
    append(&store, 10);
    store.close().unwrap();
    std::fs::remove_file(directory.path().join("MANIFEST")).unwrap();
    let error = annals::verify(directory.path(), &mut |_| {}).unwrap_err();
    assert!(error.is_corruption(), "{error:?}");
}
