//! Every bug that is planted on purpose is noticed by some suite.

use std::process::Command;

/// The bugs are in the binaries of the tests of the workspace, this one's among them.
#[test]
fn every_planted_bug_is_noticed_by_some_suite() {
    let mut planted = Command::new(env!("CARGO_BIN_EXE_annals-sim"));
    let status = planted.arg("planted").status().unwrap();
    assert!(status.success(), "{planted:?}");
}
