//! The tool on stores that an earlier version has left.

use crate::common::{Place, run};
use std::fs;
use std::path::Path;

/// A place with a copy of a store of the library's tests.
fn place_with(kind: &str) -> Place {
    let place = Place::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../annals/tests/golden/v1").join(kind);
    copy(&golden, &place.store());
    place
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            // Whatever the modes of the repository's files are, these are written to.
            fs::write(&target, fs::read(&path).unwrap()).unwrap();
        }
    }
}

#[test]
fn stores_of_version_1_are_verified_read_and_appended_to() {
    for kind in ["closed", "killed"] {
        let place = place_with(kind);
        assert_eq!(place.one(&["verify"])["ok"], true, "{kind}");
        assert_eq!(place.ok(&["read"]).len(), 33, "{kind}");
        assert_eq!(place.ok(&["read", "--tag", "shop:7"]).len(), 2);
        assert_eq!(place.one(&["stats"])["streams"], 6);
        assert_eq!(place.one(&["append", "--stream", "order-1", "--type", "T"])["position"], 34);
        assert_eq!(place.one(&["verify"])["ok"], true, "{kind}");
    }
}

#[test]
fn a_segment_of_a_later_version_is_refused_by_its_version() {
    let place = place_with("killed");
    let path = place.store().join("log/000000000003.seg");
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 99;
    let mut sum = flate2::Crc::new();
    sum.update(&bytes[..12]);
    sum.update(&bytes[16..64]);
    bytes[12..16].copy_from_slice(&sum.sum().to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    for args in [&["read"][..], &["append", "--stream", "a", "--type", "T"], &["stats"]] {
        let said = place.fails(1, args);
        assert!(said.contains("000000000003.seg") && said.contains("version 99"), "{said}");
        assert!(!said.contains("damaged"), "{said}");
    }
    let verified = run(&mut place.command(&["verify"]));
    assert_eq!(verified.status, 1);
    assert!((verified.stdout + &verified.stderr).contains("version 99"));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}
