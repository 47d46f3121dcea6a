//! The fates leave what they say.

use super::*;
use annals::vfs::{Disk, File, write_all_at};
use std::collections::BTreeSet;
use std::io::IoSlice;
use std::sync::Arc;

fn write(file: &dyn File, offset: u64, bytes: &[u8]) {
    write_all_at(file, &mut [IoSlice::new(bytes)], offset).unwrap();
}

/// A synced file of zeros with two unsynced writes, and two unsynced names.
fn disk() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let file: Arc<dyn File> = disk.create("log").unwrap();
    disk.sync_dir("").unwrap();
    file.set_len(8192).unwrap();
    file.sync_data().unwrap();
    write(&*file, 0, &[1; 600]);
    write(&*file, 600, &[2; 2000]);
    disk.create("a").unwrap();
    disk.create("b").unwrap();
    disk
}

fn names(left: Left) -> Vec<String> {
    left.of(&disk()).image().into_keys().collect()
}

fn log(left: Left) -> Vec<u8> {
    left.of(&disk()).image().remove("log").unwrap()
}

#[test]
fn each_name_can_be_lost_alone_and_kept_alone() {
    let census = Census::of(&disk());
    assert_eq!((census.names, census.changes), (2, 2));
    assert_eq!(census.writes, [(0, 600), (600, 2000)]);
    for bytes in [false, true] {
        assert_eq!(names(Left::NameLost { nth: 0, bytes }), ["b", "log"]);
        assert_eq!(names(Left::NameLost { nth: 1, bytes }), ["a", "log"]);
        assert_eq!(names(Left::NameKept { nth: 0, bytes }), ["a", "log"]);
        assert_eq!(names(Left::NameKept { nth: 1, bytes }), ["b", "log"]);
        assert_eq!(log(Left::NameKept { nth: 1, bytes })[0], u8::from(bytes));
    }
    assert_eq!(names(Left::Journal { changes: 1, seed: 5 }), ["a", "log"]);
}

#[test]
fn a_write_is_torn_at_sectors_of_the_file_and_the_others_are_kept() {
    let tear = |kept, with| Tear { size: 512, kept, with };
    // The last write touches the sectors 1 to 5; only its second is kept.
    let left = log(Left::Torn { back: 0, tear: tear(0b10, None) });
    assert!(left[..600].iter().all(|byte| *byte == 1) && left[600..1024].iter().all(|byte| *byte == 0));
    assert!(left[1024..1536].iter().all(|byte| *byte == 2) && left[1536..].iter().all(|byte| *byte == 0));
    let ones = log(Left::Torn { back: 1, tear: tear(0b10, Some(Filling::Ones)) });
    assert!(ones[..512].iter().all(|byte| *byte == 0xFF) && ones[512..600].iter().all(|byte| *byte == 1));
    assert!(ones[600..2600].iter().all(|byte| *byte == 2));
}

#[test]
fn what_was_killed_can_still_lose_power_and_what_was_written_cannot() {
    assert_eq!(Left::Synced.of(&Left::Killed.of(&disk())).image().len(), 1);
    assert_eq!(Left::Synced.of(&Left::Written.of(&disk())).image().len(), 3);
}

#[test]
fn chosen_by_dice_every_kind_of_fate_comes_and_every_byte_finds_every_end() {
    let (mut kinds, mut bytes) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..400 {
        let left = Left::any(&mut Dice::new(seed));
        let again = left.of(&disk()).image();
        assert_eq!(left.of(&disk()).image(), again, "{left}: the same every time");
        kinds.insert(left.to_string().split(['0', '1', '2', '3', '4', '5', ':']).next().unwrap().to_owned());
        bytes.insert(log(left)[700]);
    }
    assert!(kinds.len() >= 8, "{kinds:?}");
    assert!(
        bytes.contains(&0) && bytes.contains(&2) && bytes.contains(&0xFF) && bytes.len() > 6,
        "{bytes:?}"
    );
}
