//! In which order files are written, synced, named and removed, from a record of every call.
//!
//! - Every acknowledged append is covered by a sync that began after its write had ended, and that had ended before
//!   the append returned.
//! - A segment is created, reserved and synced, its directory synced, and a manifest that names it durable, before
//!   anything is written to it; and everything in the segment before it was synced by then.
//! - What a manifest names is durable, with its name, before that manifest gets its name.
//! - A manifest is synced before it is renamed, and its directory after it, before anything relies on it.
//! - What is removed is named by no manifest that may come back.

mod history;

use crate::recording::{Call, Entry, Recorder, RecordingDisk};
use crate::witness::batch;
use annals::vfs::{Disk, Env, MemoryDisk, RealDisk};
use annals::{Options, Store};
use annals_format::names;
use history::{Frame, History, Written, frames, manifests};
use std::sync::Arc;

const THREADS: u64 = 4;
const BATCHES: u64 = 80;

/// What an append that returned had appended, and when it returned.
#[derive(Clone, Copy, Debug)]
struct Acknowledged {
    last_position: u64,
    moment: u64,
}

/// A whole run: opened, appended to by several threads, closed, and once more.
fn run(disk: Arc<dyn Disk>) -> (Vec<Entry>, Vec<Acknowledged>) {
    let (disk, recorder) = RecordingDisk::over(disk);
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let env = Env::system(Arc::clone(&disk));
        let store = Options::new().env(env).segment_bytes(16 << 10).open("recorded").unwrap();
        let threads = |thread| appends(&store, &recorder, thread, round);
        acknowledged.extend(std::thread::scope(|scope| {
            let handles: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || threads(thread))).collect();
            handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect::<Vec<_>>()
        }));
        store.maintain().unwrap();
        if round == 1 {
            // Index files that are lost are made again.
            for entry in disk.list("index").unwrap() {
                // The worker may have merged it meanwhile.
                if let Err(error) = disk.remove(&format!("index/{}", entry.name)) {
                    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
                }
            }
        }
        store.close().unwrap();
    }
    (recorder.entries(), acknowledged)
}

fn appends(store: &Store, recorder: &Recorder, thread: u64, round: u64) -> Vec<Acknowledged> {
    let append = |number| {
        let appended = store.append_batch(batch(thread, number)).unwrap();
        Acknowledged { last_position: appended.last_position.get(), moment: recorder.moment() }
    };
    (round * BATCHES..(round + 1) * BATCHES).map(append).collect()
}

/// Everything that is not in the order that it must have, in words.
fn wrong(entries: &[Entry], acknowledged: &[Acknowledged]) -> Vec<String> {
    let mut wrong = Vec::new();
    let history = History::of(entries);
    let manifests = manifests(entries, &history, &mut wrong);
    let frames = frames(entries, &manifests);
    check_acknowledged(&history, acknowledged, &frames, &mut wrong);
    check_beginnings(&history, &manifests, &frames, &mut wrong);
    check_named_files(&history, &manifests, &mut wrong);
    check_removed(entries, &manifests, &mut wrong);
    wrong
}

fn check_acknowledged(
    history: &History<'_>,
    acknowledged: &[Acknowledged],
    frames: &[Frame<'_>],
    wrong: &mut Vec<String>,
) {
    for ack in acknowledged {
        // Frames come in order: the first that reaches so far is the one that holds the position.
        let frame = frames.iter().find(|frame| frame.last_position >= ack.last_position);
        let covered = frame.is_some_and(|frame| history.synced(frame.path, frame.ended, ack.moment));
        if !covered {
            wrong.push(format!("position {} is acknowledged without a sync", ack.last_position));
        }
    }
}

fn check_beginnings(
    history: &History<'_>,
    manifests: &[Written],
    frames: &[Frame<'_>],
    wrong: &mut Vec<String>,
) {
    let mut before: Option<&Frame<'_>> = None;
    for frame in frames {
        if let Some(last) = before.filter(|last| last.path != frame.path)
            && !history.synced(last.path, last.ended, frame.begun)
        {
            wrong.push(format!("{} is begun before {} is synced", frame.path, last.path));
        }
        if before.is_none_or(|last| last.path != frame.path) {
            let names = |written: &&Written| {
                written.manifest.open.iter().any(|open| names::segment(open.id) == frame.path)
            };
            if !manifests.iter().filter(names).any(|written| written.durable < frame.begun) {
                wrong.push(format!("{} is begun before a manifest names it durably", frame.path));
            }
        }
        before = Some(frame);
    }
}

/// What each manifest names was written, synced and had its name made durable before.
fn check_named_files(history: &History<'_>, manifests: &[Written], wrong: &mut Vec<String>) {
    for Written { manifest, renamed, written, .. } in manifests {
        let open = manifest.open.iter().map(|open| (names::segment(open.id), names::LOG_DIR, false));
        let sealed = manifest.sealed.iter().map(|sealed| (names::segment(sealed.id), names::LOG_DIR, true));
        let runs = manifest.runs.iter().map(|run| (names::run(run.id), names::INDEX_DIR, true));
        for (path, directory, complete) in open.chain(sealed).chain(runs) {
            let Some(created) = history.created.get(path.as_str()).copied() else {
                wrong.push(format!("{path} is named and was never created"));
                continue;
            };
            if !history.directory_synced(directory, created, renamed.0) {
                wrong.push(format!("{path} is named before {directory} is synced"));
            }
            if !history.synced(&path, created, renamed.0) {
                wrong.push(format!("{path} is named before it is synced"));
            }
            if complete {
                let last = history.changed.get(path.as_str()).and_then(|changes| changes.last());
                let last = last.map_or(created, |(_, ended)| *ended);
                if last > *written {
                    wrong.push(format!("{path} is named as complete and changes afterwards"));
                }
                if !history.synced(&path, last, renamed.0) {
                    wrong.push(format!("{path} is named as complete before it is synced as a whole"));
                }
            }
        }
    }
}

/// What is removed by the store is in no manifest that a loss of power at that moment could bring back.
fn check_removed(entries: &[Entry], manifests: &[Written], wrong: &mut Vec<String>) {
    for entry in entries {
        let Call::Remove(path) = &entry.call else { continue };
        let current = manifests.iter().rposition(|written| written.durable < entry.begun).unwrap_or(0);
        let may_come = manifests[current..].iter().filter(|written| written.renamed.0 < entry.begun);
        for Written { manifest, .. } in may_come {
            let open = manifest.open.iter().map(|open| names::segment(open.id));
            let sealed = manifest.sealed.iter().map(|sealed| names::segment(sealed.id));
            let runs = manifest.runs.iter().map(|run| names::run(run.id));
            if open.chain(sealed).chain(runs).any(|named| named == *path) {
                wrong.push(format!("{path} is removed, and manifest {} names it", manifest.generation));
            }
        }
    }
}

/// The run removes index files behind the store's back, which is the one thing that is not in order there.
fn without_lost_index(wrong: Vec<String>) -> Vec<String> {
    wrong.into_iter().filter(|what| !what.starts_with("index/") || !what.contains("is removed")).collect()
}

/// Whether a call is of a kind.
type Kind = fn(&Call) -> bool;

fn check(disk: Arc<dyn Disk>) {
    let (entries, acknowledged) = run(disk);
    assert_eq!(acknowledged.len() as u64, 3 * THREADS * BATCHES);
    let created =
        entries.iter().filter(|entry| matches!(&entry.call, Call::Create(path) if path.starts_with("log/")));
    assert!(created.count() > 20, "the run rolls over often");
    assert_eq!(without_lost_index(wrong(&entries, &acknowledged)), Vec::<String>::new());
    // Each kind of sync is missed where it is left out.
    let kinds: [(&str, Kind); 6] = [
        ("segments", |call| matches!(call, Call::SyncData(path) if path.starts_with("log/"))),
        ("runs", |call| matches!(call, Call::SyncData(path) if path.starts_with("index/"))),
        ("manifests", |call| matches!(call, Call::SyncData(path) if path == names::MANIFEST_TEMPORARY)),
        ("log/", |call| matches!(call, Call::SyncDir(path) if path == names::LOG_DIR)),
        ("index/", |call| matches!(call, Call::SyncDir(path) if path == names::INDEX_DIR)),
        ("the root", |call| matches!(call, Call::SyncDir(path) if path.is_empty())),
    ];
    for (kind, is) in kinds {
        let without: Vec<_> = entries.iter().filter(|entry| !is(&entry.call)).cloned().collect();
        assert!(without.len() < entries.len(), "there is no sync of {kind}");
        assert_ne!(without_lost_index(wrong(&without, &acknowledged)), Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn on_a_real_disk_everything_is_synced_before_anything_relies_on_it() {
    let place = tempfile::tempdir().unwrap();
    check(Arc::new(RealDisk::open(place.path()).unwrap()));
}

#[test]
fn on_a_disk_in_memory_everything_is_synced_before_anything_relies_on_it() {
    check(Arc::new(MemoryDisk::new()));
}

/// Names of streams, types and tags reach no path: whatever they are, the files are the same few.
#[test]
fn no_name_of_a_stream_becomes_part_of_a_path() {
    let (disk, recorder) = RecordingDisk::over(Arc::new(MemoryDisk::new()));
    let store = Options::new().env(Env::system(disk)).segment_bytes(16 << 10).open("recorded").unwrap();
    for name in
        ["..", "/etc/x", "a\0b", "a/b", "a_b", "MANIFEST", "log/000000000001.seg", "../MANIFEST", "\u{202e}"]
    {
        let event = annals::NewEvent::new(name, vec![0; 3000]).with_tag(name);
        store.append(name, annals::Expected::Any, &[event]).unwrap();
    }
    store.maintain().unwrap();
    store.close().unwrap();
    for Entry { call, .. } in recorder.entries() {
        let paths = match call {
            Call::Rename { from, to } => vec![from, to],
            Call::Create(path) | Call::CreateDir(path) | Call::SetLength(path) | Call::SyncData(path) => {
                vec![path]
            }
            Call::Write { path, .. } | Call::SyncDir(path) | Call::Remove(path) => vec![path],
        };
        for path in paths {
            let (directory, file) = path.split_once('/').unwrap_or(("", &path));
            let known = match directory {
                "" => ["", "MANIFEST", "MANIFEST.tmp", "log", "index", "snapshots"].contains(&file),
                "log" => names::parse_segment(file).is_some(),
                "index" => names::parse_run(file).is_some(),
                _ => false,
            };
            assert!(known, "{path:?}");
        }
    }
}
