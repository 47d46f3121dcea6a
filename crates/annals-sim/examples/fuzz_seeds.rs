//! Writes the seeds that are made to `fuzz/corpus`, in place of those that are there.
//!
//! `cargo run -p annals-sim --example fuzz_seeds`

use annals_sim::fuzz::{TARGETS, seeds};
use anyhow::Context;
use std::fs;
use std::path::Path;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (target, _) in TARGETS {
        let directory = root.join(target);
        fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("made-") {
                fs::remove_file(entry.path())?;
            }
        }
        for (name, bytes) in seeds(target) {
            let path = directory.join(name);
            fs::write(&path, &bytes).with_context(|| format!("write {}", path.display()))?;
            println!("{target}: {} bytes", bytes.len());
        }
    }
    Ok(())
}
