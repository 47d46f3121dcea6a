//! W8: what the files of a folder take.

use crate::Outcome;
use crate::measure::Figures;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const BLOCK_BYTES: usize = 4096;

/// Bytes per event: the lengths of all files; what the file system has given them; their blocks of 4 KiB that are not all
/// zeros, which leaves out what was only laid out.
///
/// # Errors
/// What the system says.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub fn size(folder: &Path, events: u64) -> Outcome<Figures> {
    let (mut length, mut allocated, mut written) = (0, 0, 0);
    for path in files(folder)? {
        let metadata = fs::metadata(&path)?;
        length += metadata.len();
        allocated += metadata.blocks() * 512;
        written += written_bytes(&path)?;
    }
    let per_event = |bytes: u64| bytes as f64 / events.max(1) as f64;
    Ok([("length", length), ("allocated", allocated), ("written", written)]
        .map(|(name, bytes)| (format!("{name}_bytes"), per_event(bytes)))
        .into())
}

/// All files below a folder.
///
/// # Errors
/// What the system says.
pub fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}

/// Reads all files below a folder, so that they are in the page cache: while other data sets were written they may have lost
/// their place there.
///
/// # Errors
/// What the system says.
pub fn read_all(folder: &Path) -> Outcome {
    for path in files(folder)? {
        std::io::copy(&mut File::open(path)?, &mut std::io::sink())?;
    }
    Ok(())
}

fn written_bytes(path: &Path) -> Outcome<u64> {
    let (mut file, mut chunk, mut written) = (File::open(path)?, vec![0; 256 * BLOCK_BYTES], 0);
    loop {
        let mut filled = 0;
        while filled < chunk.len() {
            match file.read(&mut chunk[filled..])? {
                0 => break,
                bytes => filled += bytes,
            }
        }
        let blocks = chunk[..filled].chunks(BLOCK_BYTES).filter(|block| block.iter().any(|byte| *byte != 0));
        written += blocks.map(|block| block.len() as u64).sum::<u64>();
        if filled < chunk.len() {
            return Ok(written);
        }
    }
}
