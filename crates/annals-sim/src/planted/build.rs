//! The build in which bugs can be planted; `tests/planted.rs` has this file, too, so that both build the same.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// The crates whose tests are run. This one is among them for its feature, and for this program.
const PACKAGES: [&str; 6] =
    ["annals-sim", "annals", "annals-wal", "annals-index", "annals-format", "annals-vfs"];

/// Builds this program and all tests of the engine, with the feature. All at once: built in parts, the dependencies
/// would have other features in each of them, and be built as often.
pub(crate) fn build_command(cargo: OsString, target: &Path) -> Command {
    let mut command = Command::new(cargo);
    command
        .args(["test", "--no-run", "--quiet", "--features", "annals-sim/planted"])
        .args(PACKAGES.iter().flat_map(|package| ["--package", package]))
        .arg("--target-dir")
        .arg(target)
        // Nobody looks at the debug information, and it takes most of the room.
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}
