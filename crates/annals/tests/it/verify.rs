//! What `verify` says of segments without a footer, and of files that the system does not give.

use crate::common::{World, verified, write_out};
use annals::vfs::{Call, Disk, Env, Fault, FaultyDisk, MemoryDisk, When};
use annals::{Expected, Finding, NewEvent, Position, Verification, verify, verify_in};
use annals_format::{
    FRAME_HEADER_BYTES, Footer, FrameHeader, Manifest, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, names,
    reseal,
};
use std::sync::Arc;

/// A store with three segments that are open: two of them full, and nothing has given them footers yet.
struct Open {
    world: World,
    /// Of each segment: its file, and the offsets and headers of its frames.
    segments: Vec<(String, Vec<(usize, FrameHeader)>)>,
    last: u64,
}

impl Open {
    fn new() -> Open {
        let world = World::new(31);
        let store = world.open();
        let mut last = 0;
        while last < 40 {
            let event = |data: u8| NewEvent::new("t", vec![data; 900]);
            let appended = store.append("s", Expected::Any, &[event(1), event(2)]).unwrap();
            last = appended.last_position.get();
        }
        store.mark_durable().unwrap();
        let world = World::on(MemoryDisk::from_image(world.disk().image()).unwrap(), 32);
        drop(store);
        let image = world.disk().image();
        let manifest = Manifest::decode(&image[names::MANIFEST]).unwrap();
        assert!(manifest.sealed.is_empty());
        let segments = manifest.open.iter().map(|entry| {
            let (name, binding) = (names::segment(entry.id), entry.binding(&manifest.store_id));
            let (bytes, mut at, mut frames) = (&image[&name], SEGMENT_HEADER_BYTES, Vec::new());
            while let Ok(header) = FrameHeader::decode(bytes.get(at..).unwrap_or_default(), binding, 0) {
                frames.push((at, header));
                at += usize::try_from(header.length).unwrap();
            }
            (name, frames)
        });
        let segments: Vec<_> = segments.filter(|(_, frames)| !frames.is_empty()).collect();
        assert!(segments.len() >= 3 && segments.iter().all(|(_, frames)| frames.len() > 3), "{segments:?}");
        Open { world, segments, last }
    }

    fn verify(&self) -> Verification {
        self.verify_over(Arc::new(self.world.disk()))
    }

    fn verify_over(&self, disk: Arc<dyn Disk>) -> Verification {
        let env = Env { disk, clock: self.world.clock.clone(), random: self.world.random.clone() };
        verify_in(&env, &mut |_| {}).unwrap()
    }

    /// Damages a record of a frame, or its header.
    fn damage(&self, segment: usize, frame: usize, header: bool) -> (String, u64, FrameHeader) {
        let (name, frames) = &self.segments[segment];
        let (at, found) = frames[frame];
        self.world.flip(name, if header { at + 9 } else { at + FRAME_HEADER_BYTES + 40 }, 1);
        (name.clone(), at as u64, found)
    }
}

fn at<'f>(found: &'f Verification, file: &str, offset: u64) -> Vec<&'f Finding> {
    let near = offset..offset + (FRAME_HEADER_BYTES + RECORD_HEADER_BYTES) as u64;
    let here = |finding: &&Finding| {
        finding.file == file && finding.offset.is_some_and(|offset| near.contains(&offset))
    };
    found.findings.iter().filter(here).collect()
}

fn missing(found: &Verification) -> Vec<&str> {
    let what = found.findings.iter().map(|finding| finding.what.as_str());
    what.filter(|what| what.ends_with("missing")).collect()
}

#[test]
fn all_damage_in_all_open_segments_is_listed_with_the_positions_that_are_missing() {
    for headers in [false, true] {
        let open = Open::new();
        let places = [(0, 1), (0, 3), (1, 0), (1, 2), (2, 1)];
        let damaged: Vec<_> = places.map(|(segment, frame)| open.damage(segment, frame, headers)).into();
        let found = open.verify();
        for (file, offset, header) in &damaged {
            assert!(!at(&found, file, *offset).is_empty(), "{file} at {offset}: {:?}", found.findings);
            let (first, last) = (header.first_position, header.last_position());
            let what = format!("positions {first} to {last} are missing");
            assert!(missing(&found).contains(&what.as_str()), "{what}: {:?}", found.findings);
        }
        assert_eq!(missing(&found).len(), damaged.len(), "{:?}", found.findings);
        assert_eq!(found.findings.len(), 2 * damaged.len(), "{:?}", found.findings);
        assert_eq!((found.events, found.last_position.get()), (open.last - 10, open.last));
        assert_eq!(found.segments, 3);
    }
}

#[test]
fn what_lies_behind_the_last_durable_position_stays_a_torn_tail_whatever_else_is_damaged() {
    let open = Open::new();
    let (name, frames) = open.segments.last().unwrap();
    // The frame that tells what is durable, and half of the batch before it: only that this was acknowledged is lost.
    let (last, header) = frames.iter().rev().find(|(_, header)| header.record_count > 0).unwrap();
    let mut bytes = open.world.disk().image().remove(name).unwrap();
    bytes[last + FRAME_HEADER_BYTES + 40] ^= 1;
    bytes[last + usize::try_from(header.length).unwrap()..].fill(0);
    open.world.disk().set_content(name, bytes).unwrap();
    let torn = open.verify();
    assert_eq!((torn.findings.len(), torn.notes.len()), (0, 1), "{torn:?}");
    let (file, offset, _) = open.damage(0, 2, false);
    let found = open.verify();
    assert_eq!(at(&found, &file, offset).len(), 2, "{:?}", found.findings);
    assert_eq!(found.findings.len(), 2, "{:?}", found.findings);
    assert!(found.notes.iter().any(|note| note.starts_with(name) && note.contains("torn tail")), "{found:?}");
    assert_eq!(found.last_position, header.first_position.previous());
}

#[test]
fn the_segments_behind_one_that_is_lost_are_looked_at() {
    let harms: [fn(&MemoryDisk, &str); 3] = [
        |disk, name| disk.remove(name).unwrap(),
        |disk, name| disk.set_content(name, vec![0; 16 << 10]).unwrap(),
        |disk, name| {
            let mut bytes = disk.image().remove(name).unwrap();
            bytes[..SEGMENT_HEADER_BYTES].fill(7);
            disk.set_content(name, bytes).unwrap();
        },
    ];
    for (number, harm) in harms.into_iter().enumerate() {
        for segment in 0..2 {
            let open = Open::new();
            let (name, frames) = open.segments[segment].clone();
            let (first, last) = (frames[0].1.first_position, frames.last().unwrap().1.last_position());
            harm(&open.world.disk(), &name);
            let (file, offset, _) = open.damage(2, 1, false);
            let found = open.verify();
            assert!(!at(&found, &file, offset).is_empty(), "{number}: {:?}", found.findings);
            let gone = if number == 2 { 0 } else { last.get() - first.get() + 1 };
            assert_eq!(found.events, open.last - 2 - gone, "{number}: {:?}", found.findings);
            if gone > 0 {
                let what = format!("positions {first} to {last} are missing");
                assert!(missing(&found).contains(&what.as_str()), "{number}: {:?}", found.findings);
            } else {
                assert!(found.findings.iter().any(|finding| finding.file == name), "{:?}", found.findings);
            }
        }
    }
}

#[test]
fn a_log_that_ends_before_what_was_durable_lacks_the_rest() {
    let open = Open::new();
    let (name, frames) = open.segments.last().unwrap();
    let (from, header) = frames[1];
    let mut bytes = open.world.disk().image().remove(name).unwrap();
    // The durable position is in the manifest of a store that was closed; here it is put there.
    let mut manifest = Manifest::decode(&open.world.disk().image()[names::MANIFEST]).unwrap();
    manifest.durable = Position::new(open.last);
    open.world.disk().set_content(names::MANIFEST, manifest.encode()).unwrap();
    for cut in [false, true] {
        if cut {
            bytes.truncate(from)
        } else {
            bytes[from..].fill(0)
        }
        open.world.disk().set_content(name, &bytes).unwrap();
        let found = open.verify();
        assert_eq!(
            missing(&found),
            [format!("positions {} to {} are missing", header.first_position, open.last)]
        );
        assert!(found.findings.iter().all(|finding| finding.file == *name), "{:?}", found.findings);
    }
}

/// Opening refuses a log that ends before the place where it was closed; verify took it for a torn tail.
#[test]
fn a_mark_that_is_damaged_after_a_close_in_good_order_is_found() {
    let world = World::new(33);
    let store = world.open();
    store.append("s", Expected::Any, &[NewEvent::new("t", vec![1; 900])]).unwrap();
    store.mark_durable().unwrap();
    store.close().unwrap();
    let image = world.disk().image();
    let manifest = Manifest::decode(&image[names::MANIFEST]).unwrap();
    let mark = manifest.clean.unwrap();
    let name = names::segment(mark.segment_id);
    let end = usize::try_from(mark.frames_end).unwrap();
    for zeros in [false, true] {
        let mut bytes = image[&name].clone();
        if zeros {
            bytes[end - FRAME_HEADER_BYTES..].fill(0)
        } else {
            bytes[end - FRAME_HEADER_BYTES + 20] ^= 1
        }
        world.disk().set_content(&name, bytes).unwrap();
        assert!(world.options().read_only(true).open("memory").unwrap_err().is_corruption());
        let env =
            Env { disk: Arc::new(world.disk()), clock: world.clock.clone(), random: world.random.clone() };
        let found = verify_in(&env, &mut |_| {}).unwrap();
        assert_eq!(found.findings.len(), 1, "{found:?}");
        assert_eq!(found.findings[0].file, name);
    }
}

#[test]
fn a_call_that_fails_is_a_finding_that_says_what_the_system_said_and_the_rest_is_read() {
    let open = Open::new();
    let whole = open.verify();
    assert!(whole.findings.is_empty(), "{whole:?}");
    for call in [Call::Open, Call::Read, Call::Length] {
        let disk = FaultyDisk::new(Arc::new(open.world.disk()));
        open.verify_over(Arc::new(disk.clone()));
        for nth in 1..=disk.calls(call) {
            let disk = FaultyDisk::new(Arc::new(open.world.disk()));
            disk.arm(When::nth(call, nth), Fault::Os(5));
            let found = open.verify_over(Arc::new(disk.clone()));
            assert!(disk.fired());
            let told = |finding: &Finding| finding.what.starts_with("cannot ");
            assert!(found.findings.iter().all(told), "{call:?} {nth}: {:?}", found.findings);
            let manifest = found.findings.iter().any(|finding| finding.file == names::MANIFEST);
            assert!(manifest || found.events == whole.events, "{call:?} {nth}: {found:?}");
        }
    }
}

#[test]
fn a_page_that_the_disk_cannot_read_is_named_and_the_frames_behind_it_are_read() {
    let world = World::new(34);
    let store = world.open();
    (0..60)
        .for_each(|_| drop(store.append("s", Expected::Any, &[NewEvent::new("t", vec![1; 900])]).unwrap()));
    store.maintain().unwrap();
    store.close().unwrap();
    let segment = world.files("log/").remove(0);
    let disk = FaultyDisk::new(Arc::new(world.disk()));
    let env = |disk: FaultyDisk| Env {
        disk: Arc::new(disk),
        clock: world.clock.clone(),
        random: world.random.clone(),
    };
    verify_in(&env(disk.clone()), &mut |_| {}).unwrap();
    let reads = disk.calls(Call::Read);
    let (mut said, mut named) = (0, 0);
    for nth in 1..reads {
        let disk = FaultyDisk::new(Arc::new(world.disk()));
        // The read as a whole, and the first page of it.
        disk.arm(When::nth(Call::Read, nth), Fault::Os(5));
        disk.arm(When::nth(Call::Read, nth + 1), Fault::Os(5));
        let found = verify_in(&env(disk), &mut |_| {}).unwrap();
        if found.findings.is_empty() && said == 0 {
            // The first look at the manifest is for whether the store is being written: no matter if nothing is wrong.
            continue;
        }
        said += 1;
        let says = found.findings.iter().filter(|finding| finding.what.contains("cannot read"));
        assert!(says.count() > 0, "{nth}: {found:?}");
        if found.findings.iter().any(|finding| finding.file == segment) {
            named += 1;
            assert!((50..60).contains(&found.events), "{nth}: {found:?}");
            assert!(!missing(&found).is_empty(), "{nth}: {found:?}");
        }
    }
    assert!(named > 0);
}

#[test]
fn a_directory_in_the_place_of_any_file_is_a_finding_and_the_rest_is_read() {
    let open = Open::new();
    for name in open.world.files("").into_iter().filter(|name| name != names::LOCK) {
        let directory = tempfile::tempdir().unwrap();
        write_out(&open.world.disk(), directory.path());
        std::fs::remove_file(directory.path().join(&name)).unwrap();
        std::fs::create_dir(directory.path().join(&name)).unwrap();
        let found = verify(directory.path(), &mut |_| {}).unwrap();
        let unused = !open.segments.iter().any(|(segment, _)| *segment == name) && name != names::MANIFEST;
        let own: Vec<_> = found.findings.iter().filter(|finding| finding.file == name).collect();
        assert!(own.iter().any(|finding| finding.what.starts_with("cannot open")), "{name}: {found:?}");
        assert!(name == names::MANIFEST || found.events > 0, "{name}: {found:?}");
        assert!(!unused || found.events == open.last, "{name}: {found:?}");
    }
}

/// Offsets are looked through when a record is read; the ranges of occurred_at are believed once their page is sound.
#[test]
fn a_footer_that_does_not_agree_with_the_frames_is_a_finding_although_its_checksums_are_right() {
    let world = World::new(33);
    let store = world.open();
    for _ in 0..12 {
        store
            .append("s", Expected::Any, &[NewEvent::new("t", vec![1; 900]), NewEvent::json("t", "2")])
            .unwrap();
        store.append("s", Expected::Any, &[NewEvent::new("t", vec![2; 900])]).unwrap();
    }
    store.maintain().unwrap();
    store.close().unwrap();
    let image = world.disk().image();
    let manifest = Manifest::decode(&image[names::MANIFEST]).unwrap();
    let entry = &manifest.sealed[0];
    let (name, binding) = (names::segment(entry.id), entry.binding(&manifest.store_id));
    let footer = Footer::decode_trailer(image[&name].last_chunk().unwrap(), binding, entry.length).unwrap();
    let say = |bytes: Vec<u8>| {
        world.disk().set_content(&name, bytes).unwrap();
        verified(&world.disk()).concat()
    };
    assert_eq!(say(image[&name].clone()), "");
    let occurred = footer.occurred_blocks();
    for at in [footer.offsets().start, footer.distances().start + 1, occurred.start, occurred.end - 8] {
        let mut bytes = image[&name].clone();
        bytes[usize::try_from(at).unwrap()] ^= 1;
        assert!(say(bytes.clone()).contains("checksum"), "{at}");
        reseal::footer(&mut bytes, binding);
        let said = say(bytes);
        assert!(said.contains("the footer does not agree with the frames"), "{at}: {said}");
    }
}
