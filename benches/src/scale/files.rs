//! The files of a store from outside: how long they are, and out of the page cache with them.

use super::Outcome;
use annals_format::names;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Bytes of the files of the log and of the index, as long as they are.
pub(crate) fn log_and_index_bytes(store: &Path) -> Outcome<(u64, u64)> {
    Ok((bytes_in(&store.join(names::LOG_DIR))?, bytes_in(&store.join(names::INDEX_DIR))?))
}

/// Drops all files of a store, which nobody may have open, from the page cache. Writes what is dirty first: dirty pages stay.
pub(crate) fn drop_from_page_cache(store: &Path) -> Outcome {
    for path in files_below(store)? {
        let file = File::open(path)?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    }
    Ok(())
}

/// Drops everything from the page cache of the whole machine, which only root may.
pub(crate) fn drop_all_caches() -> Outcome {
    rustix::fs::sync();
    let what = "/proc/sys/vm/drop_caches";
    fs::write(what, "3").map_err(|error| format!("{what}: {error}").into())
}

fn bytes_in(folder: &Path) -> Outcome<u64> {
    files_below(folder)?.iter().try_fold(0, |sum, path| Ok(sum + fs::metadata(path)?.len()))
}

fn files_below(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    Ok(files)
}
