//! Every bug that is planted on purpose is noticed by some suite.

#[path = "../src/planted/build.rs"]
mod build;

use std::path::Path;
use std::process::Command;

/// The bugs are in a build of their own, with a target directory of its own: this test must not take away the binaries
/// or the lock of the build that it is run by.
#[test]
fn every_planted_bug_is_noticed_by_some_suite() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("planted");
    let program = target.join("debug").join("annals-sim").with_extension(std::env::consts::EXE_EXTENSION);
    let mut planted = Command::new(program);
    planted.arg("planted");
    for mut command in [build::build_command(env!("CARGO").into(), &target), planted] {
        let status = command.status().unwrap();
        assert!(status.success(), "{command:?}");
    }
}
