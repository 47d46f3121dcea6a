//! A key file.

use super::input::{Mode, split};
use crate::world::START;
use annals::vfs::{Env, ManualClock, MemoryDisk, SeededRandom};
use annals::{KeyFile, Timestamp};
use annals_format::reseal;
use std::sync::Arc;

const FILE: &str = "keys";

/// Any bytes as a key file: it is refused, or its keys are there, and are the same when it is opened again, with a new one among
/// them.
///
/// # Panics
/// If the key file does what it must not do.
pub fn keys(input: &[u8]) {
    let Some((mode, mut bytes)) = split(input) else { return };
    if mode == Mode::Resealed {
        reseal::key_file(&mut bytes);
    }
    let disk = MemoryDisk::new();
    disk.set_content(FILE, &bytes).expect("a file in memory");
    let open = || KeyFile::open_in(env(&disk), FILE);
    let Ok(keys) = open() else { return };
    let mut before = keys.list();
    before.push(keys.create("a new subject").expect("a sound file takes a key"));
    assert!(keys.destroy("a new subject").expect("a sound file destroys a key"));
    let after = keys.list();
    assert!(after.len() == before.len() || after.len() + 1 == before.len());
    drop(keys);
    assert_eq!(open().expect("it was sound").list(), after);
}

fn env(disk: &MemoryDisk) -> Env {
    Env {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(ManualClock::new(Timestamp::from_nanos(START))),
        random: Arc::new(SeededRandom::new(7)),
    }
}

/// A file with a key and a destroyed one.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let disk = MemoryDisk::new();
    let keys = KeyFile::open_in(env(&disk), FILE).expect("a new file");
    for name in ["user-1", "user-2"] {
        keys.create(name).expect("created");
    }
    keys.destroy("user-1").expect("destroyed");
    vec![disk.image().remove(FILE).expect("the file")]
}
