//! Looking into single files: whole ones, damaged ones, and some that claim to be larger than any disk.

use crate::repair::{original, place_of, try_repair};
use annals::vfs::MemoryDisk;
use annals::{Fact, InspectedFrame, Inspection, inspect, inspect_in};
use std::collections::BTreeMap;
use std::fs::File;

fn look(disk: &MemoryDisk, name: &str) -> (Inspection, Vec<InspectedFrame>) {
    let mut frames = Vec::new();
    let inspection = inspect_in(disk, name, &mut |frame| frames.push(*frame)).unwrap();
    assert_eq!(inspection.frames, frames.len() as u64);
    (inspection, frames)
}

fn number(inspection: &Inspection, name: &str) -> u64 {
    match inspection.facts.iter().find(|(key, _)| *key == name) {
        Some((_, Fact::Number(number))) => *number,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn every_file_of_a_store_is_sound_and_says_what_it_holds() {
    let (image, wanted) = original(90);
    let disk = MemoryDisk::from_image(image.clone()).unwrap();
    let (mut records, mut sealed) = (BTreeMap::new(), 0);
    for name in image.keys().filter(|name| *name != "LOCK") {
        if image[name].is_empty() {
            continue;
        }
        let (inspection, frames) = look(&disk, name);
        assert_eq!(inspection.findings, [], "{name}");
        for frame in &frames {
            *records.entry(inspection.kind).or_insert(0) += frame.records;
        }
        match inspection.kind {
            "manifest" => assert_eq!(number(&inspection, "durable"), 90),
            "run" => assert!(number(&inspection, "streams") > 0),
            _ => {
                assert!(number(&inspection, "first_position") > 0);
                if let Some((_, Fact::Flag(true))) = inspection.facts.iter().find(|(key, _)| *key == "sealed")
                {
                    assert_eq!(
                        number(&inspection, "footer_version"),
                        u64::from(annals_format::FORMAT_VERSION)
                    );
                    let blocks = number(&inspection, "events").div_ceil(256);
                    assert_eq!(number(&inspection, "offset_bytes"), blocks * 16);
                    let ranges = number(&inspection, "events").div_ceil(64);
                    assert_eq!(number(&inspection, "occurred_bytes"), ranges * 16);
                    assert_eq!(number(&inspection, "distance_bytes") % 32, 0);
                    sealed += 1;
                }
            }
        }
    }
    assert_eq!(records, BTreeMap::from([("segment", wanted.len() as u32)]));
    assert!(sealed > 0);
}

/// The zeros behind the table of page checksums, which are there if the number of pages is odd, were left out of its
/// checksum: a sound run was found damaged.
#[test]
fn a_run_of_one_page_is_sound() {
    let (image, _) = original(90);
    let runs: Vec<_> = image.keys().filter(|name| name.starts_with("index/")).collect();
    assert!(runs.iter().any(|name| image[*name].len() < 4096));
    let disk = MemoryDisk::from_image(image.clone()).unwrap();
    for name in runs {
        assert_eq!(look(&disk, name).0.findings, [], "{name}");
    }
}

#[test]
fn a_damaged_frame_is_a_finding_and_the_frames_behind_it_are_shown() {
    let (image, wanted) = original(90);
    let (file, from, _) = place_of(&image, &wanted[3]);
    let disk = MemoryDisk::from_image(image.clone()).unwrap();
    let (_, before) = look(&disk, &file);
    let mut bytes = image[&file].clone();
    bytes[from + 37] ^= 1;
    disk.set_content(&file, bytes).unwrap();
    let (inspection, after) = look(&disk, &file);
    assert_eq!((inspection.findings.len(), after.len()), (1, before.len() - 1));
}

#[test]
fn lost_records_are_counted_in_their_frame() {
    let (mut image, wanted) = original(30);
    let (file, from, _) = place_of(&image, &wanted[4]);
    image.get_mut(&file).unwrap()[from + 37] ^= 1;
    let (_, repaired) = try_repair(&image).unwrap();
    let (inspection, frames) = look(&repaired, "log/000000000001.seg");
    assert_eq!(inspection.findings, []);
    let with_losses: Vec<_> = frames.iter().filter(|frame| frame.lost > 0).collect();
    assert_eq!(with_losses.len(), 1);
    assert!(with_losses[0].lost == 1 && with_losses[0].records > 1);
}

/// The whole file was read into memory before anything was looked at.
#[test]
fn a_file_of_a_claimed_terabyte_ends_in_bounded_memory() {
    let (image, _) = original(90);
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in &image {
        let kind = match name.as_str() {
            "MANIFEST" => "manifest",
            name if name.starts_with("log/") && !bytes.is_empty() => "segment",
            name if name.starts_with("index/") => "run",
            _ => continue,
        };
        let path = directory.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        let inspection = inspect(&path, &mut |_| {}).unwrap();
        assert_eq!(inspection.kind, kind);
        if kind == "segment" {
            assert!(inspection.frames > 0);
            assert!(number(&inspection, "not_searched_from") < 1 << 30, "{inspection:?}");
        } else {
            assert!(!inspection.findings.is_empty(), "{name}");
        }
    }
}

#[test]
fn damage_in_very_many_places_is_told_up_to_a_bound() {
    let (image, _) = original(20);
    let disk = MemoryDisk::from_image(image.clone()).unwrap();
    let name = "log/000000000001.seg";
    let header = &image[name][..64];
    let frames = &image[name][64..];
    let end = frames.iter().rposition(|byte| *byte != 0).unwrap();
    let mut bytes = header.to_vec();
    for _ in 0..300 {
        bytes.extend_from_slice(&frames[..end.next_multiple_of(8)]);
        bytes.extend_from_slice(&[0xAB; 8]);
    }
    disk.set_content(name, bytes).unwrap();
    let (inspection, _) = look(&disk, name);
    assert!(inspection.findings.len() > 100 && inspection.findings.len() <= 1000);
}
