//! Every call that a process makes to the system, as `strace` sees it: what it is, and being killed at each of them.

use crate::child::{Role, append, findings, in_memory, say, small};
use crate::witness::{Witness, batch, batches};
use annals::{OpenError, Options};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The role of one who creates a store, fills some segments, closes it, and all that again. It has one thread, so each
/// run makes the same calls.
pub(crate) fn steps(path: &Path) {
    for _ in 0..2 {
        let store = small().background(false).open(path).unwrap();
        let from = batches(&store.view(), 0);
        for number in from..from + 14 {
            store.append_batch(batch(0, number)).unwrap();
            say(&format!("ACK 0 {number}"));
        }
        store.maintain().unwrap();
        store.close().unwrap();
    }
}

/// The role of one who makes 200 appends around the system's cache, with nobody beside it, and tells when they begin and end.
/// Where the file system has no such way, it says that and ends.
pub(crate) fn direct_appends(path: &Path) {
    let store = Options::new().background(false).direct_io(true).open(path).unwrap();
    append(&store, "s", 256);
    if !store.stats().unwrap().direct_io {
        return say("NO WAY");
    }
    say("BEGIN");
    for _ in 0..200 {
        append(&store, "s", 256);
    }
    say("END");
}

/// A role under `strace` with these options; `None`, with a message, where there is none that may trace.
fn traced(options: &[&str], store: &Path) -> Option<Role> {
    traced_role("steps", options, store)
}

fn traced_role(role: &str, options: &[&str], store: &Path) -> Option<Role> {
    let works = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there is no strace, or it may not trace");
        return None;
    }
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq"]).args(options).arg(std::env::current_exe().unwrap());
    Some(Role::of_command(strace, role, store))
}

/// Everything that changes files or their names, or takes the lock.
const CHANGING: [&str; 10] = [
    "mkdirat",
    "openat",
    "flock",
    "fallocate",
    "ftruncate",
    "pwritev",
    "pwrite64",
    "fdatasync",
    "renameat",
    "fsync",
];

/// More calls than the role makes of any kind.
const CALLS_MAX: usize = 400;

#[test]
fn a_process_that_is_killed_at_any_of_its_calls_keeps_all_that_it_said() {
    let place = tempfile::tempdir().unwrap();
    if traced(&[], place.path()).is_none() {
        return;
    }
    let kills = |call: &str| {
        let killed = (1..CALLS_MAX).take_while(|nth| is_killed_at(call, *nth)).count();
        assert!(killed < CALLS_MAX - 1, "{call} is called more often");
        (call.to_owned(), killed)
    };
    // Some of them take long and some do not, so two threads share them.
    let (early, late) = CHANGING.split_at(3);
    let mut killed: Vec<_> = std::thread::scope(|scope| {
        let early = scope.spawn(|| early.iter().map(|call| kills(call)).collect::<Vec<_>>());
        let late = late.iter().map(|call| kills(call)).collect::<Vec<_>>();
        early.join().unwrap().into_iter().chain(late).collect()
    });
    killed.sort();
    for call in ["mkdirat", "openat", "fallocate", "pwritev", "fdatasync", "renameat", "fsync"] {
        assert!(killed.iter().any(|(name, count)| name == call && *count > 3), "{killed:?}");
    }
}

/// Kills the role when it enters the call the n-th time. Says whether it came so far.
fn is_killed_at(call: &str, nth: usize) -> bool {
    let place = in_memory();
    let path = place.path().join("deep/store");
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:signal=KILL:when={nth}"));
    let role = traced(&["-o", "/dev/null", "-e", &trace, "-e", &inject], &path).unwrap();
    let (said, status) = role.start().rest();
    let mut witness = Witness::default();
    said.iter().for_each(|line| witness.hear(line));
    let context = format!("killed at {call} {nth} after {} batches", witness.total());
    match Options::new().read_only(true).open(&path) {
        Ok(reader) => {
            witness.check(&reader);
            drop(reader);
            assert_eq!(findings(&path), Vec::<String>::new(), "{context}");
        }
        Err(OpenError::NotFound { .. }) => assert_eq!(witness.total(), 0, "{context}"),
        Err(other) => panic!("{context}: {other:?}"),
    }
    let store = small().open(&path).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    witness.check(&store);
    let next = batches(&store.view(), 0);
    store.append_batch(batch(0, next)).unwrap();
    store.close().unwrap();
    let store = small().open(&path).unwrap();
    assert_eq!(batches(&store.view(), 0), next + 1, "{context}");
    drop(store);
    assert_eq!(findings(&path), Vec::<String>::new(), "{context}");
    status.code().is_none()
}

/// One line of the trace: the call, its arguments, and whether it succeeded.
struct Line<'a> {
    call: &'a str,
    arguments: &'a str,
    succeeded: bool,
}

fn lines(trace: &str) -> impl Iterator<Item = Line<'_>> {
    trace.lines().filter_map(|line| {
        let (_pid, line) = line.split_once(' ')?;
        let (call, rest) = line.trim_start().split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        Some(Line { call, arguments, succeeded: !result.starts_with('-') })
    })
}

impl Line<'_> {
    /// The path of the descriptor that is the first argument.
    fn descriptor(&self) -> PathBuf {
        let path = self.arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        PathBuf::from(path.unwrap_or_else(|| panic!("no descriptor in {}", self.arguments)).0)
    }

    /// The first text among the arguments.
    fn text(&self) -> &str {
        self.arguments.split('"').nth(1).unwrap_or_default()
    }
}

/// A new directory is in its parent, durably, before anything in it is acknowledged; and no file but those of the
/// store is ever written.
#[test]
fn new_directories_are_synced_into_their_parents_and_nothing_else_is_touched() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    let (path, trace) = (root.join("a/b/store"), root.join("trace"));
    let calls =
        "trace=open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,fsync,pwritev";
    let Some(role) = traced(&["-y", "-o", trace.to_str().unwrap(), "-e", calls], &path) else { return };
    assert!(!role.run().is_empty());
    let trace = std::fs::read_to_string(trace).unwrap();
    let mut unsynced: Vec<PathBuf> = Vec::new();
    let (mut created, mut frames) = (0, 0);
    for line in lines(&trace).filter(|line| line.succeeded) {
        match line.call {
            "mkdirat" => {
                assert!(line.descriptor().starts_with(&root), "{}", line.arguments);
                unsynced.push(line.descriptor());
                created += 1;
            }
            "fsync" => unsynced.retain(|parent| *parent != line.descriptor()),
            "openat" if line.arguments.contains("O_RDWR") || line.arguments.contains("O_WRONLY") => {
                let own = line.descriptor().starts_with(&path) && !line.text().contains('/');
                assert!(own && line.arguments.contains("O_NOFOLLOW"), "{}", line.arguments);
            }
            "renameat" | "unlinkat" => assert_eq!(line.descriptor(), path, "{}", line.arguments),
            "pwritev" if line.descriptor().starts_with(path.join("log")) => {
                assert_eq!(
                    unsynced,
                    Vec::<PathBuf>::new(),
                    "a frame is written before a directory is durable"
                );
                frames += 1;
            }
            "open" => assert!(line.arguments.contains("O_RDONLY"), "{}", line.arguments),
            "openat" | "pwritev" => {}
            other => panic!("{other}({})", line.arguments),
        }
    }
    assert!(created >= 6 && frames >= 14, "{created} directories, {frames} writes");
}

/// With the log written around the system's cache an append is one write, through a descriptor whose writes are durable when they
/// return, and no sync.
#[test]
fn a_direct_append_is_one_write_of_a_descriptor_that_syncs_and_nothing_else() {
    // Not in memory, where there is no such way.
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    let (path, trace) = (root.join("store"), root.join("trace"));
    let options =
        ["-y", "-s", "8", "-o", trace.to_str().unwrap(), "-e", "trace=write,openat,pwritev,fdatasync,fsync"];
    let Some(role) = traced_role("direct appends", &options, &path) else { return };
    if role.run().contains(&"NO WAY".to_owned()) {
        eprintln!("skipped: the file system has no direct writes");
        return;
    }
    let trace = std::fs::read_to_string(trace).unwrap();
    let opened = lines(&trace).filter(|line| line.call == "openat" && line.succeeded);
    let direct = opened.filter(|line| line.text().ends_with(".seg") && line.arguments.contains("O_DIRECT"));
    assert!(direct.map(|line| assert!(line.arguments.contains("O_DSYNC"), "{}", line.arguments)).count() > 0);
    let from = lines(&trace).skip_while(|line| !line.arguments.contains("BEGIN")).skip(1);
    let appends: Vec<_> = from.take_while(|line| !line.arguments.contains("END")).collect();
    assert_eq!(appends.len(), 200);
    for line in appends {
        assert!(line.call == "pwritev" && line.descriptor().starts_with(path.join("log")), "{}", line.call);
    }
}
