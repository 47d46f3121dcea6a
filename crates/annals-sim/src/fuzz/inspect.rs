//! Looking into a single file.

use super::input::{Mode, split};
use super::structures::binding;
use annals::vfs::MemoryDisk;
use annals::{OpenError, inspect_in};
use annals_format::reseal;

const FILE: &str = "000000000003.seg";

/// A segment, a run or a manifest, whichever the bytes begin like.
///
/// # Panics
/// If looking into it does what it must not do.
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
    let length = bytes.len() as u64;
    let disk = MemoryDisk::new();
    disk.set_content(FILE, bytes).expect("memory for a small file");
    let inspected = inspect_in(&disk, FILE, &mut |frame| {
        assert!(frame.length > 0 && frame.offset + frame.length <= length, "{frame:?}");
    });
    match inspected {
        Ok(found) => {
            assert!(["segment", "run", "manifest"].contains(&found.kind));
            assert!(
                found.findings.iter().all(|finding| finding.offset.is_none_or(|offset| offset <= length))
            );
        }
        Err(OpenError::NotAStore { .. } | OpenError::Newer { .. }) => {}
        Err(error) => panic!("the file is there and can be read: {error:?}"),
    }
}
