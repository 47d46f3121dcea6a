//! File systems that are really full: a small one in memory and a small ext4 in a file, where this process may mount
//! them.

use crate::child::{count, findings, small};
use crate::recording::RecordingDisk;
use annals::vfs::{Env, MemoryDisk};
use annals::{AppendError, Expected, NewEvent, OpenError, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// A file system of its own. Unmounted when dropped.
struct Mounted {
    place: TempDir,
}

impl Mounted {
    fn new(mount: impl FnOnce(&Path, &Path) -> bool) -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("mounted")).unwrap();
        let mounted = Mounted { place };
        mount(mounted.place.path(), &mounted.path()).then_some(mounted)
    }

    fn path(&self) -> PathBuf {
        self.place.path().join("mounted")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run(Command::new("umount").arg(self.path()));
    }
}

fn run(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn tmpfs() -> Option<Mounted> {
    Mounted::new(|_, at| run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at)))
}

fn ext4() -> Option<Mounted> {
    Mounted::new(|place, at| {
        let image = place.join("image");
        fs::File::create(&image).unwrap().set_len(8 << 20).unwrap();
        // Nothing kept back for root, who runs this.
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0", "-b", "1024"]).arg(&image))
            && run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(at))
    })
}

/// Takes all the space that there is.
fn fill(path: &Path) {
    use std::io::Write;
    let mut ballast = fs::File::create(path).unwrap();
    for size in [1 << 16, 1 << 10, 1] {
        let piece = vec![0x55; size];
        while ballast.write_all(&piece).and_then(|()| ballast.sync_data()).is_ok() {}
    }
}

fn event(number: u64) -> NewEvent<'static> {
    NewEvent::new("t", format!("{number} {}", "x".repeat(1 + (number as usize * 397) % 3_000)).into_bytes())
}

/// Appends until the disk is full. Says how many were taken.
fn append_until_full(store: &Store, from: u64) -> u64 {
    for number in from.. {
        match store.append("s", Expected::Any, &[event(number)]) {
            Ok(appended) => assert_eq!(appended.last_position.get(), number + 1),
            Err(AppendError::Io { source, .. }) => {
                assert_eq!(source.kind(), std::io::ErrorKind::StorageFull, "{source:?}");
                return number;
            }
            Err(other) => panic!("after {number}: {other:?}"),
        }
        assert!(number < 10_000, "the disk is never full");
    }
    unreachable!()
}

fn check(store: &Store, events: u64) {
    let view = store.view();
    let all: Vec<_> = view
        .read(annals::Query::all())
        .unwrap()
        .map(|found| found.unwrap().data().unwrap().into_owned())
        .collect();
    assert_eq!(all.len() as u64, events);
    for (number, data) in all.iter().enumerate() {
        assert!(data.starts_with(format!("{number} ").as_bytes()));
    }
}

fn fills_and_goes_on(mounted: &Path) {
    let (path, ballast) = (mounted.join("store"), mounted.join("ballast"));
    let store = small().open(&path).unwrap();
    store.append("s", Expected::Any, &[event(0)]).unwrap();
    // Room for some segments.
    fill(&ballast);
    let all = fs::metadata(&ballast).unwrap().len();
    fs::File::options().write(true).open(&ballast).unwrap().set_len(all - 300_000).unwrap();
    let events = append_until_full(&store, 1);
    assert!(events > 50, "{events}");
    check(&store, events);
    // As soon as there is space it goes on, without being opened again.
    fs::remove_file(&ballast).unwrap();
    store.append("s", Expected::Any, &[event(events)]).unwrap();
    store.maintain().unwrap();
    check(&store, events + 1);
    store.close().unwrap();
    assert_eq!(findings(&path), Vec::<String>::new());

    // Not one byte left, and left open by somebody who was killed: it can be read, and verified.
    let left = mounted.join("left");
    let store = small().open(&path).unwrap();
    store.append("s", Expected::Any, &[event(events + 1)]).unwrap();
    crate::copies::copy(&path, &left);
    store.close().unwrap();
    fs::remove_dir_all(&path).unwrap();
    fill(&ballast);
    let reader = small().read_only(true).open(&left).unwrap();
    check(&reader, events + 2);
    assert_eq!(findings(&left), Vec::<String>::new());
    match small().open(&left) {
        Ok(store) => check(&store, events + 2),
        Err(OpenError::Io { source, .. }) => assert_eq!(source.kind(), std::io::ErrorKind::StorageFull),
        Err(other) => panic!("{other:?}"),
    }
    fs::remove_file(&ballast).unwrap();
    let store = small().open(&left).unwrap();
    store.append("s", Expected::Any, &[event(events + 2)]).unwrap();
    assert_eq!(count(&store), events + 3);
    store.close().unwrap();
    assert_eq!(findings(&left), Vec::<String>::new());

    // A store cannot be created, and can when there is space.
    fill(&ballast);
    let new = mounted.join("new");
    let refused = small().open(&new);
    assert!(matches!(refused, Err(OpenError::Io { .. })), "{refused:?}");
    fs::remove_file(&ballast).unwrap();
    small().open(&new).unwrap().close().unwrap();
    assert_eq!(findings(&new), Vec::<String>::new());
}

/// Appends wait for full segments to be sealed. When that failed, they waited for ten seconds and did not say why.
#[test]
fn an_append_that_waits_for_work_that_has_no_space_says_so_and_goes_on_later() {
    let (disk, recorder) = RecordingDisk::over(Arc::new(MemoryDisk::new()));
    let store = small().env(Env::system(disk)).open("memory").unwrap();
    store.append("s", Expected::Any, &[event(0)]).unwrap();
    recorder.no_space_for(Some("index/"));
    let events = append_until_full(&store, 1);
    check(&store, events);
    recorder.no_space_for(None);
    store.append("s", Expected::Any, &[event(events)]).unwrap();
    store.maintain().unwrap();
    // Four runs were merged.
    let stats = store.stats().unwrap();
    assert!(stats.segments >= 5 && stats.runs >= 1 && stats.runs_missing == 0, "{stats:?}");
    check(&store, events + 1);
}

#[test]
fn a_full_file_system_in_memory_refuses_appends_and_loses_nothing() {
    match tmpfs() {
        Some(mounted) => fills_and_goes_on(&mounted.path()),
        None => eprintln!("skipped: this process may not mount a file system"),
    }
}

#[test]
fn a_full_ext4_refuses_appends_and_loses_nothing() {
    match ext4() {
        Some(mounted) => fills_and_goes_on(&mounted.path()),
        None => eprintln!("skipped: this process may not make and mount an ext4"),
    }
}

/// A file system that can only be read: reading works, writing is refused, nothing changes.
#[test]
fn a_store_on_a_read_only_mount_can_be_read() {
    let Some(mounted) = tmpfs() else {
        eprintln!("skipped: this process may not mount a file system");
        return;
    };
    let path = mounted.path().join("store");
    let store = small().open(&path).unwrap();
    (0..20).for_each(|number| drop(store.append("s", Expected::Any, &[event(number)]).unwrap()));
    let left = mounted.path().join("left");
    crate::copies::copy(&path, &left);
    store.close().unwrap();
    assert!(run(Command::new("mount").args(["-o", "remount,ro"]).arg(mounted.path())));
    for path in [&path, &left] {
        check(&small().read_only(true).open(path).unwrap(), 20);
        assert_eq!(findings(path), Vec::<String>::new());
        let refused = small().open(path);
        assert!(matches!(refused, Err(OpenError::Io { .. })), "{refused:?}");
    }
}
