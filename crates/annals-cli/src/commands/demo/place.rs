//! The directory of the demo: made anew only if an earlier demo made it.

use crate::time;
use annals::{Expected, NewEvent, Options, Store};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// The stream by which a store is known as a demo's.
const MARKER: &str = "annals-demo";

/// An empty store in `dir`, with the marker in it.
pub(super) fn fresh_store(dir: &Path) -> Result<Store> {
    if is_in_use(dir)? {
        if !is_demo(dir) {
            bail!("{} was not made by the demo: name another directory with --dir", dir.display());
        }
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    let store = Options::new().create(true).open(dir)?;
    let began = time::parse("2024-05-01T07:00:00Z")?;
    store.append(MARKER, Expected::NoStream, &[NewEvent::json("DemoBegan", "").at(began)])?;
    Ok(store)
}

/// Whether there is anything at the path but an empty directory.
fn is_in_use(dir: &Path) -> Result<bool> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot look into {}", dir.display())),
    }
}

fn is_demo(dir: &Path) -> bool {
    let store = Options::new().create(false).read_only(true).open(dir);
    store.is_ok_and(|store| store.view().stream(MARKER).is_ok_and(|stream| stream.is_some()))
}
