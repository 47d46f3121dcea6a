//! Looking into a single file.

use super::input::{Mode, split};
use super::structures::binding;
use annals::{OpenError, inspect as look_into};
use annals_format::reseal;
use std::cell::OnceCell;
use tempfile::TempDir;

thread_local! {
    static DIRECTORY: OnceCell<TempDir> = const { OnceCell::new() };
}

/// A segment, a run or a manifest, whichever the bytes begin like.
///
/// # Panics
/// If looking into it does what it must not do, or if no temporary file can be written.
pub fn inspect(input: &[u8]) {
    let Some((mode, mut bytes)) = split(input) else { return };
    if mode == Mode::Resealed {
        match bytes.get(5..8) {
            Some(b"SEG") => {
                let binding = reseal::segment(&mut bytes).unwrap_or(binding());
                reseal::footer(&mut bytes, binding);
            }
            Some(b"RUN") => reseal::run(&mut bytes),
            _ => reseal::manifest(&mut bytes),
        }
    }
    DIRECTORY.with(|directory| {
        let directory = directory.get_or_init(|| tempfile::tempdir().expect("a temporary directory"));
        let path = directory.path().join("000000000003.seg");
        std::fs::write(&path, &bytes).expect("room for a small file");
        check(look_into(&path), bytes.len() as u64);
    });
}

fn check(result: Result<annals::Inspection, OpenError>, length: u64) {
    match result {
        Ok(found) => {
            assert!(["segment", "run", "manifest"].contains(&found.kind));
            for frame in &found.frames {
                assert!(frame.length > 0 && frame.offset + frame.length <= length, "{frame:?}");
            }
            assert!(
                found.findings.iter().all(|finding| finding.offset.is_none_or(|offset| offset <= length))
            );
        }
        Err(OpenError::NotAStore { .. } | OpenError::Newer { .. }) => {}
        Err(error) => panic!("the file is there and can be read: {error:?}"),
    }
}
