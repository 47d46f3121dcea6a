//! Who may do what with the files: modes, directories that may not be written, links in the place of files.

use crate::child::{Role, append, count, findings, say, small};
use annals::{OpenError, Options, Store};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

/// Nobody in particular.
const NOBODY: u32 = 65_534;

/// The role of one who makes a store of several segments.
pub(crate) fn make(path: &Path) {
    let store = small().open(path).unwrap();
    (0..9).for_each(|_| _ = append(&store, "s", 5_000));
    store.maintain().unwrap();
    store.close().unwrap();
}

/// The role of one who tries to read and to write.
pub(crate) fn look(path: &Path) {
    let said = |opened: Result<Store, OpenError>| match opened {
        Ok(store) => format!("{} events", count(&store)),
        Err(OpenError::Io { what, source }) => format!("cannot {what}: {:?}", source.kind()),
        Err(other) => format!("{other:?}"),
    };
    say(&said(small().read_only(true).open(path)));
    say(&said(small().open(path)));
}

/// Every file and directory of a store.
fn all(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(all(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn files_are_for_their_owner_only_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let place = tempfile::tempdir().unwrap();
        let store = place.path().join("a/b/store");
        Role::limited(&format!("umask {umask}"), "make", &store).run();
        let files = all(&place.path().join("a"));
        assert!(files.len() > 10, "{files:?}");
        for file in files {
            let wanted = if file.is_dir() { 0o700 } else { 0o600 };
            let mode = fs::symlink_metadata(&file).unwrap().mode() & 0o7777;
            assert_eq!(mode, wanted, "{} with umask {umask}", file.display());
        }
    }
}

/// A role run by somebody to whom nothing belongs; `None`, with a message, if this process may not do that.
fn as_nobody(store: &Path) -> Option<Vec<String>> {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        eprintln!("skipped: only root can run a process as somebody else");
        return None;
    }
    // A program of its own: this one may lie where nobody else may look.
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = place.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut role = Role::of(&program, "look", store);
    role.command().uid(NOBODY).gid(NOBODY).current_dir("/");
    Some(role.run())
}

#[test]
fn where_nothing_may_be_written_a_store_can_be_read_and_nothing_is_created() {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let empty = place.path().join("empty");
    fs::create_dir(&empty).unwrap();
    fs::set_permissions(&empty, fs::Permissions::from_mode(0o555)).unwrap();
    let Some(said) = as_nobody(&empty) else { return };
    assert!(said[0].contains("NotFound"), "{said:?}");
    assert!(said[1].contains("PermissionDenied"), "{said:?}");
    assert_eq!(all(&empty).len(), 1);
    let missing = empty.join("deep/store");
    assert!(as_nobody(&missing).unwrap()[1].contains("PermissionDenied"));

    let store = place.path().join("store");
    make(&store);
    assert_eq!(
        as_nobody(&store).unwrap()[0],
        "cannot open ".to_owned() + store.to_str().unwrap() + ": PermissionDenied"
    );
    for path in all(&store) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let before: Vec<_> = all(&store).iter().map(|path| fs::metadata(path).unwrap().mtime_nsec()).collect();
    let said = as_nobody(&store).unwrap();
    assert_eq!(said[0], "9 events");
    assert!(said[1].contains("PermissionDenied"), "{said:?}");
    let after: Vec<_> = all(&store).iter().map(|path| fs::metadata(path).unwrap().mtime_nsec()).collect();
    assert_eq!(after, before, "somebody who may only read changes nothing");
    assert_eq!(findings(&store), Vec::<String>::new());
}

/// Each file of a store is replaced by a link to the very same bytes elsewhere. Whoever follows it would write there.
#[test]
fn links_in_the_place_of_files_are_not_followed() {
    let place = tempfile::tempdir().unwrap();
    let original = place.path().join("original");
    make(&original);
    let relative = |path: &Path| path.strip_prefix(&original).unwrap().to_owned();
    let names: Vec<_> = all(&original).iter().skip(1).map(|path| relative(path)).collect();
    for name in names {
        let (store, outside) = (place.path().join("store"), place.path().join("outside"));
        crate::copies::copy(&original, &store);
        fs::rename(store.join(&name), &outside).unwrap();
        symlink(&outside, store.join(&name)).unwrap();
        let before = contents(&outside);
        let derived = name.starts_with("index/");
        let unused = name.starts_with("snapshots");
        for read_only in [true, false] {
            let opened = Options::new().create(false).read_only(read_only).open(&store);
            match opened {
                // What can be made again is made again; what is not used yet is not looked at.
                Ok(store) if derived || unused => assert_eq!(count(&store), 9, "{}", name.display()),
                Ok(store) => {
                    // A sealed segment is looked at when it is read.
                    let view = store.view();
                    let read: Result<Vec<_>, _> = view.read(annals::Query::all()).unwrap().collect();
                    assert!(read.is_err() || name == Path::new("LOCK"), "{} was followed", name.display());
                }
                Err(error) => assert!(!format!("{error:?}").is_empty()),
            }
        }
        assert_eq!(contents(&outside), before, "{} was followed and written", name.display());
        fs::remove_dir_all(&store).unwrap();
        if outside.is_dir() {
            fs::remove_dir_all(&outside).unwrap()
        } else {
            fs::remove_file(&outside).unwrap()
        }
    }
}

fn contents(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    if path.is_dir() {
        let files = all(path).into_iter().filter(|path| path.is_file());
        files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    } else {
        vec![(path.to_owned(), fs::read(path).unwrap())]
    }
}

#[test]
fn a_link_that_leads_nowhere_is_no_way_to_create_a_file() {
    for name in ["LOCK", "MANIFEST", "MANIFEST.tmp", "log", "index", "snapshots"] {
        let place = tempfile::tempdir().unwrap();
        let (store, target) = (place.path().join("store"), place.path().join("target"));
        fs::create_dir(&store).unwrap();
        symlink(&target, store.join(name)).unwrap();
        let opened = small().open(&store);
        assert!(!target.exists(), "{name} was followed");
        if let Ok(store) = opened {
            append(&store, "s", 100);
            store.close().unwrap();
            assert!(!target.exists(), "{name} was followed");
        }
    }
}
