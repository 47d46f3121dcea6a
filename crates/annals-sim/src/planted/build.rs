//! The build in which bugs can be planted; `tests/planted.rs` has this file, too, so that both build the same.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// The crates whose tests are run. This one is among them for its feature, and for this program.
const PACKAGES: [&str; 6] =
    ["annals-sim", "annals", "annals-wal", "annals-index", "annals-format", "annals-vfs"];

/// Where the tests are that notice bugs, besides the unit tests; and a small one of this crate, for which cargo builds this
/// program as well.
const TESTS: [&str; 3] = ["it", "index", "interleavings"];

/// Builds this program and the tests of the engine that notice bugs, with the feature. All at once: built in parts, the
/// dependencies would have other features in each of them, and be built as often.
pub(crate) fn build_command(cargo: OsString, target: &Path) -> Command {
    let mut command = Command::new(cargo);
    command
        .args(["test", "--no-run", "--quiet", "--features", "annals-sim/planted"])
        .args(PACKAGES.iter().flat_map(|package| ["--package", package]))
        .arg("--lib")
        .args(TESTS.iter().flat_map(|name| ["--test", name]))
        .arg("--target-dir")
        .arg(target)
        // What cargo makes on the way lies in the directory of the other builds, which have made the libraries already. (A cargo
        // before 1.91 does not know that, and makes them again.)
        .envs(target.parent().map(|build| ("CARGO_BUILD_BUILD_DIR", build)))
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}
