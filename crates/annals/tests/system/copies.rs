//! Copies of the directory of a store, of one that is closed and of one that is written meanwhile.

use crate::child::{Role, findings, small};
use crate::witness::{Moments, Witness, check_order};
use annals::{OpenError, Query};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// How many copies of a live store are made.
const COPIES: u64 = 24;

/// Copies a directory file by file, as `cp -a` does: in any order, each file at another moment. What goes away
/// meanwhile is left out.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            match fs::copy(&path, &target) {
                // Files of a repository may be there for reading only.
                Ok(_) => fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap(),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{}", path.display()),
            }
        }
    }
}

/// Whatever moments the copy has caught, it opens with whole batches in order, all of those that had been closed
/// before, or it is refused as damaged with the file that says so.
#[test]
fn a_copy_of_a_live_store_is_a_prefix_or_is_refused() {
    let mut moments = Moments::of_test("copies");
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store");
    let mut witness = Witness::default();
    let (mut opened, mut refused) = (0, 0);
    for round in 0..COPIES {
        // The writer closes the store from time to time; here between two writers, so that it is known when.
        small().open(&path).unwrap().close().unwrap();
        let closed = small().read_only(true).open(&path).unwrap().view();
        let mut writer = Role::new("write", &path).extra(1 + round % 3).start();
        for _ in 0..1 + moments.below(60) {
            witness.hear(&writer.said());
        }
        std::thread::sleep(Duration::from_micros(moments.below(2_000)));
        let target = place.path().join(format!("copy-{round}"));
        copy(&path, &target);
        writer.kill();
        writer.rest().0.iter().for_each(|line| witness.hear(line));
        match check_copy(&target, closed.position().get()) {
            Ok(()) => opened += 1,
            Err(error) => {
                assert!(error.is_corruption(), "{error:?}");
                refused += 1;
            }
        }
        fs::remove_dir_all(&target).unwrap();
    }
    eprintln!("{opened} copies opened, {refused} were refused");
    assert!(opened > 0, "no copy could be opened");
    let store = small().open(&path).unwrap();
    witness.check(&store);
    store.close().unwrap();
    assert_eq!(findings(&path), Vec::<String>::new(), "the copying has not touched the original");
}

fn check_copy(path: &Path, closed: u64) -> Result<(), OpenError> {
    let reader = small().read_only(true).open(path)?;
    // Sealed segments are looked at when they are read.
    let all = reader.view().read(Query::all())?.try_for_each(|event| event.map(|_| ()));
    if let Err(error) = all {
        assert_ne!(findings(path), Vec::<String>::new());
        return Err(error.into());
    }
    check_order(&reader.view());
    assert!(reader.last_position().get() >= closed, "what was closed before is missing");
    let last = reader.last_position();
    drop(reader);
    // It is a store like any other.
    let store = small().create(false).open(path)?;
    assert_eq!(store.last_position(), last);
    let next = check_order(&store.view()).get(&0).copied().unwrap_or(0);
    store.append_batch(crate::witness::batch(0, next)).unwrap();
    store.close().unwrap();
    let store = small().create(false).open(path)?;
    check_order(&store.view());
    drop(store);
    // A segment may have been copied before it got its footer, and the manifest after that. Its events are found without it,
    // and `verify` says that it is missing; nothing else may be wrong.
    let wrong: Vec<String> = findings(path).into_iter().filter(|what| !what.contains("footer")).collect();
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_copy_of_a_closed_store_is_the_store() {
    let place = tempfile::tempdir().unwrap();
    let (path, target) = (place.path().join("store"), place.path().join("copy"));
    let store = small().open(&path).unwrap();
    (0..60).for_each(|number| drop(store.append_batch(crate::witness::batch(0, number)).unwrap()));
    store.close().unwrap();
    copy(&path, &target);
    let (store, twin) = (small().open(&path).unwrap(), small().open(&target).unwrap());
    assert!(twin.recovery().clean);
    assert_eq!(check_order(&store.view()), check_order(&twin.view()));
    assert_eq!(store.stats().unwrap().store_id, twin.stats().unwrap().store_id);
}
