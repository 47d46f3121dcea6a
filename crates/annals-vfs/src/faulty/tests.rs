//! Tests of the faulty disk: the right call fails, and only that.

use super::*;
use crate::io_ext::{read_exact_at, read_up_to, write_all_at};
use crate::memory::MemoryDisk;
use std::io::ErrorKind;

fn disk() -> (FaultyDisk, Arc<dyn File>) {
    let disk = FaultyDisk::new(Arc::new(MemoryDisk::new()));
    let file = disk.create("file").unwrap();
    (disk, file)
}

fn write(file: &dyn File, bytes: &[u8]) -> io::Result<()> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    write_all_at(file, &mut [IoSlice::new(first), IoSlice::new(second)], 0)
}

fn read(file: &dyn File) -> Vec<u8> {
    let mut bytes = vec![0; 100];
    let length = read_up_to(file, &mut bytes, 0).unwrap();
    bytes.truncate(length);
    bytes
}

#[test]
fn the_kinds_of_calls_are_all_listed_in_their_order() {
    for (index, call) in Call::ALL.iter().enumerate() {
        assert_eq!(*call as usize, index);
        assert_eq!(call.only(), [*call]);
    }
    assert_eq!(Call::Take as usize + 1, Call::ALL.len());
}

#[test]
fn every_call_is_counted() {
    let (disk, file) = disk();
    disk.create_dir("log").unwrap();
    disk.open("file", Access::Read).unwrap();
    disk.open("file", Access::ReadWrite).unwrap();
    disk.rename("file", "renamed").unwrap();
    disk.list("").unwrap();
    disk.sync_dir("").unwrap();
    disk.remove("renamed").unwrap();
    drop(disk.try_lock("LOCK").unwrap().unwrap());
    write(&*file, b"bytes").unwrap();
    read_exact_at(&*file, &mut [0; 5], 0).unwrap();
    file.sync_data().unwrap();
    file.set_len(2).unwrap();
    file.preallocate(9).unwrap();
    file.length().unwrap();
    file.map(9).unwrap();
    let other = MemoryDisk::from_image([("there".to_owned(), b"x".to_vec())].into()).unwrap();
    disk.take_from(&other, "there", "here", true).unwrap();
    for call in Call::ALL {
        assert_eq!(disk.calls(*call), 1, "{call:?}");
    }
    assert_eq!(disk.total_calls(), Call::ALL.len() as u64);
    assert!(!disk.fired());
}

#[test]
fn only_the_nth_call_fails_and_does_nothing() {
    let (disk, file) = disk();
    disk.arm(When::nth(Call::Write, 2), Fault::Error(ErrorKind::StorageFull));
    write(&*file, b"one").unwrap();
    assert!(!disk.fired());
    assert_eq!(write(&*file, b"two").unwrap_err().kind(), ErrorKind::StorageFull);
    assert!(disk.fired());
    assert_eq!(read(&*file), b"one");
    write(&*file, b"two").unwrap();
    assert_eq!(read(&*file), b"two");
}

#[test]
fn calls_fail_from_then_on_until_disarmed() {
    let (disk, file) = disk();
    disk.arm(When { calls: Call::CHANGING, nth: 1, from_then_on: true }, Fault::Os(5));
    assert_eq!(write(&*file, b"x").unwrap_err().raw_os_error(), Some(5));
    assert_eq!(disk.create("other").unwrap_err().raw_os_error(), Some(5));
    assert_eq!(disk.clone().sync_dir("").unwrap_err().raw_os_error(), Some(5));
    assert_eq!(file.length().unwrap(), 0);
    disk.disarm();
    write(&*file, b"x").unwrap();
}

#[test]
fn short_and_interrupted_calls_are_continued_by_the_loops() {
    let (disk, file) = disk();
    disk.arm(When::nth(Call::Write, 1).from_then_on(), Fault::Short(1));
    disk.arm(When::nth(Call::Read, 1).from_then_on(), Fault::Short(2));
    disk.arm(When::nth(Call::Length, 1), Fault::Short(0));
    write(&*file, b"12345").unwrap();
    assert_eq!(read(&*file), b"12345");
    assert_eq!(file.length().unwrap(), 5);
    assert_eq!((disk.calls(Call::Write), disk.calls(Call::Read)), (5, 4));
    disk.disarm();
    disk.arm(When::nth(Call::Write, 1), Fault::Error(ErrorKind::Interrupted));
    write(&*file, b"abcde").unwrap();
    assert_eq!(read(&*file), b"abcde");
}

#[test]
fn a_short_write_can_be_followed_by_a_full_disk() {
    let (disk, file) = disk();
    disk.arm(When::nth(Call::Write, 1), Fault::Short(3));
    disk.arm(When::nth(Call::Write, 2), Fault::Error(ErrorKind::StorageFull));
    assert_eq!(write(&*file, b"12345").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(read(&*file), b"123");
}

#[test]
fn a_write_that_takes_nothing_ends_the_loop() {
    let (disk, file) = disk();
    disk.arm(When::nth(Call::Write, 1).from_then_on(), Fault::Short(0));
    assert_eq!(write(&*file, b"12345").unwrap_err().kind(), ErrorKind::WriteZero);
}

#[test]
fn a_call_can_be_done_and_fail() {
    let (disk, _) = disk();
    disk.arm(When::nth_of_all(1), Fault::ErrorAfter(ErrorKind::Other));
    assert_eq!(disk.rename("file", "renamed").unwrap_err().kind(), ErrorKind::Other);
    assert_eq!(disk.list("").unwrap()[0].name, "renamed");
}

#[test]
fn a_sync_that_fails_makes_nothing_durable() {
    let memory = MemoryDisk::new();
    memory.set_content("file", b"old").unwrap();
    let disk = FaultyDisk::new(Arc::new(memory.clone()));
    let file = disk.open("file", Access::ReadWrite).unwrap();
    write(&*file, b"new").unwrap();
    disk.arm(When::nth(Call::SyncData, 1), Fault::Os(5));
    file.sync_data().unwrap_err();
    assert_eq!(memory.crash(crate::memory::Survival::Synced).image()["file"], b"old");
}
