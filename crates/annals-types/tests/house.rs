//! The rules of the house, checked over the whole workspace: which crate may know which, who may touch the
//! operating system, and what no source file may contain.

#![expect(clippy::unwrap_used, reason = "what cannot go on in a test ends it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may depend on whom. A crate that is not listed here has no place in the house yet.
const ARROWS: [(&str, &[&str]); 12] = [
    ("annals-types", &[]),
    ("annals-format", &["annals-types"]),
    ("annals-vfs", &["annals-types"]),
    ("annals-wal", &["annals-types", "annals-format", "annals-vfs"]),
    ("annals-index", &["annals-types", "annals-format", "annals-vfs"]),
    ("annals-snapshot", &["annals-types", "annals-format", "annals-vfs"]),
    ("annals-compaction", &["annals-types"]),
    (
        "annals",
        &[
            "annals-types",
            "annals-format",
            "annals-vfs",
            "annals-wal",
            "annals-index",
            "annals-snapshot",
            "annals-compaction",
        ],
    ),
    ("annals-archive", &["annals", "annals-format"]),
    ("annals-cli", &["annals", "annals-archive"]),
    (
        "annals-sim",
        &[
            "annals",
            "annals-types",
            "annals-format",
            "annals-vfs",
            "annals-wal",
            "annals-index",
            "annals-snapshot",
        ],
    ),
    ("annals-models", &["annals", "annals-types", "annals-format", "annals-vfs", "annals-wal"]),
    (
        "annals-benches",
        &[
            "annals",
            "annals-types",
            "annals-format",
            "annals-vfs",
            "annals-wal",
            "annals-index",
            "annals-snapshot",
        ],
    ),
];

/// Libraries that one crate has to itself, because it is the one that knows about their subject.
const OWNED: [(&str, &str); 7] = [
    ("memmap2", "annals-vfs"),
    ("rustix", "annals-vfs"),
    ("arc-swap", "annals-vfs"),
    ("atomic-wait", "annals-vfs"),
    ("crossbeam-channel", "annals-vfs"),
    ("crc32fast", "annals-format"),
    ("byteorder", "annals-format"),
];

/// The crates whose sources the rules for the engine hold for.
const ENGINE: [&str; 8] = [
    "annals-types",
    "annals-format",
    "annals-vfs",
    "annals-wal",
    "annals-index",
    "annals-snapshot",
    "annals-compaction",
    "annals",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/<name> lies in the root").into()
}

/// Name and folder of every package of the workspace.
fn packages() -> BTreeMap<String, (PathBuf, toml::Table)> {
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let folders = crates.chain([root().join("benches")]);
    folders
        .filter(|folder| folder.join("Cargo.toml").exists())
        .map(|folder| {
            let manifest: toml::Table =
                fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap();
            let name = manifest["package"]["name"].as_str().unwrap().to_owned();
            (name, (folder, manifest))
        })
        .collect()
}

fn dependencies(manifest: &toml::Table, section: &str) -> Vec<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table.into_iter().flat_map(|table| table.keys().cloned()).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The lines of a source file before its unit tests, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let own = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code = own.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

#[test]
fn arrows_between_crates_run_one_way() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    for (name, (_, manifest)) in packages() {
        let allowed = arrows.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no place in the house"));
        for dependency in dependencies(&manifest, "dependencies") {
            if dependency.starts_with("annals") {
                assert!(allowed.contains(&dependency.as_str()), "{name} must not know {dependency}");
            }
        }
    }
}

#[test]
fn each_subject_has_one_crate_that_knows_it() {
    for (name, (_, manifest)) in packages() {
        for (library, owner) in OWNED {
            let used = dependencies(&manifest, "dependencies").iter().any(|dependency| dependency == library);
            assert!(
                !used || name == owner || name == "annals-benches",
                "{name} must leave {library} to {owner}"
            );
        }
    }
}

#[test]
fn the_engine_reaches_the_operating_system_through_annals_vfs_only() {
    for name in ENGINE.into_iter().filter(|name| *name != "annals-vfs") {
        for path in sources(&root().join("crates").join(name).join("src")) {
            // The name of our own border is not that of the system's.
            let code = code(&path).replace("annals_vfs::File", "");
            for word in ["std::fs", "std::os", "fs::File", "SystemTime::now", "unsafe "] {
                // Converting a time is no look at the clock.
                assert!(!code.contains(word), "{} names {word:?}", path.display());
            }
        }
    }
}

#[test]
fn threads_of_the_engine_meet_only_at_what_a_scheduler_can_stand_in_for() {
    for name in ENGINE.into_iter().filter(|name| *name != "annals-vfs") {
        // Which mistake is planted is decided before threads begin, and nothing else is built with one.
        let sources = sources(&root().join("crates").join(name).join("src")).into_iter();
        for path in sources.filter(|path| !path.ends_with("annals-types/src/planted.rs")) {
            let code = code(&path);
            for word in ["std::thread", "sync::atomic", "parking_lot", "Instant", "LazyLock", "thread_local!"]
            {
                let foreign = code.replace("annals_vfs::sync::atomic", "");
                assert!(!foreign.contains(word), "{} names {word:?}, not annals_vfs::sync", path.display());
            }
            let std = code.lines().filter(|line| line.contains("std::sync::"));
            for line in std {
                for word in ["Mutex", "RwLock", "Condvar", "Once", "Barrier", "mpsc"] {
                    assert!(!line.contains(word), "{} names {word:?}, not annals_vfs::sync", path.display());
                }
            }
        }
    }
}

#[test]
fn every_source_file_says_in_its_head_what_it_is() {
    for (_, (folder, _)) in packages() {
        for path in sources(&folder.join("src")) {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("//! "), "{} has no head", path.display());
        }
    }
}

#[test]
fn nothing_is_left_half_done_in_the_sources() {
    // Put together here, so that this file does not contain them itself.
    let words = [["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    for (_, (folder, _)) in packages() {
        for path in sources(&folder.join("src")) {
            let text = fs::read_to_string(&path).unwrap();
            let left = words.iter().find(|word| text.contains(word.as_str()));
            assert_eq!(left, None, "{}", path.display());
        }
    }
}

#[test]
fn every_package_takes_the_workspace_lints_and_both_licences() {
    for (name, (_, manifest)) in packages() {
        assert!(
            manifest.get("lints").is_some_and(|lints| lints["workspace"].as_bool() == Some(true)),
            "{name}"
        );
        assert!(manifest["package"].get("license").is_some(), "{name}");
    }
    assert!(root().join("LICENSE-MIT").exists() && root().join("LICENSE-APACHE").exists());
}
