//! A store that is not there yet: whether there may be one in a directory, and creating it.

use crate::catalog::Catalog;
use crate::error::OpenError;
use crate::options::Options;
use annals_format::{Manifest, names};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_vfs::{Access, Disk, Env};
use std::io;
use std::path::Path;

/// A directory without a manifest is a store only if it is empty but for what an unfinished creation leaves.
pub(crate) fn check_foreign(disk: &dyn Disk, create: bool, path: &Path) -> Result<(), OpenError> {
    let entries = disk.list("").map_err(OpenError::io(format!("list {}", path.display())))?;
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    if has(names::MANIFEST) {
        return Ok(());
    }
    for (mark, what) in [(names::BACKUP, "backup"), (names::RESTORE, "restore")] {
        if has(mark) {
            let reason =
                format!("it is what an interrupted {what} has left: do it again, or remove the directory");
            return Err(OpenError::NotAStore { path: path.to_owned(), reason });
        }
    }
    let own = [names::LOCK, names::MANIFEST_TEMPORARY, names::LOG_DIR, names::INDEX_DIR, names::SNAPSHOT_DIR];
    if let Some(foreign) = entries.iter().find(|entry| !own.contains(&entry.name.as_str())) {
        let reason = format!("there is no MANIFEST in it, but {:?}", foreign.name);
        return Err(OpenError::NotAStore { path: path.to_owned(), reason });
    }
    let segments = if has(names::LOG_DIR) {
        disk.list(names::LOG_DIR).map_err(OpenError::io("list log"))?
    } else {
        Vec::new()
    };
    let lost = segments.iter().find(|entry| names::parse_edition(&entry.name).is_some());
    if let Some(segment) = lost.filter(|_| !planted(Bug::MissingManifestReplaced)) {
        // The first manifest is durable before the first segment is created. So if another process has just made the
        // store, between the two looks, the manifest is there by now.
        if disk.open(names::MANIFEST, Access::Read).is_ok() {
            return Ok(());
        }
        let damage = annals_format::Damage::new(0, "manifest that is not there, though there is", 0u64, 0u64);
        let mut corruption = damage.in_file(names::MANIFEST);
        corruption.what = format!("{} {}/{}", corruption.what, names::LOG_DIR, segment.name);
        return Err(OpenError::Corrupt(corruption));
    }
    if create { Ok(()) } else { Err(OpenError::NotFound { path: path.to_owned() }) }
}

/// Creates a store, or finishes the creation that a crash interrupted: directories, then the manifest.
pub(super) fn create(options: &Options, env: &Env, path: &Path) -> Result<Catalog, OpenError> {
    for name in [names::LOG_DIR, names::INDEX_DIR, names::SNAPSHOT_DIR] {
        match env.disk.create_dir(name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(OpenError::io(format!("create {}/{name}", path.display()))(error));
            }
            _ => {}
        }
    }
    env.disk.sync_dir("").map_err(OpenError::io(format!("sync {}", path.display())))?;
    let (mut store_id, mut hash_seed) = ([0; 16], [0; 8]);
    let random = env.random.fill(&mut store_id).and_then(|()| env.random.fill(&mut hash_seed));
    random.map_err(OpenError::io("get random bytes"))?;
    let manifest = Manifest {
        store_id,
        generation: 1,
        created_at: env.clock.now(),
        segment_bytes: options.new_segment_bytes(),
        durability: options.durability.unwrap_or_default().code(),
        ids_indexed: options.index_ids.unwrap_or(true),
        has_rules: false,
        durable: Position::ZERO,
        next_file_id: 1,
        hash_seed: u64::from_le_bytes(hash_seed),
        sealed: Vec::new(),
        open: Vec::new(),
        runs: Vec::new(),
        clean: None,
        removed: None,
        compactions: Vec::new(),
        erasures: None,
    };
    Catalog::create(env.clone(), manifest)
}
