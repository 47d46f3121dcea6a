//! The models of `annals-models`, where a scheduler decides in which order threads go on. They are built in a target
//! directory of their own: the engine is made of other locks and atomics there, which must not get into anything else.
//!
//! `ANNALS_ITERATIONS` says how many orders of each model are tried, `ANNALS_SEED` which.

use std::path::Path;
use std::process::Command;

fn models(kind: &str) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target directory");
    let run = Command::new(env!("CARGO"))
        .args([
            "test",
            "--quiet",
            "--locked",
            "--package",
            "annals-models",
            "--features",
            kind,
            "--test",
            kind,
        ])
        .arg("--target-dir")
        .arg(target.join("models"))
        // What cargo makes on the way lies in the directory of the other builds, which have made the libraries already.
        .env("CARGO_BUILD_BUILD_DIR", target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run: it runs this");
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{}\n{err}\n{out}", run.status);
    assert!(out.contains("test result: ok.") && !out.contains(" 0 passed"), "no model was run:\n{out}");
}

#[test]
fn in_whatever_order_threads_go_on_the_store_keeps_its_promises() {
    models("shuttle");
}

#[test]
fn whatever_weak_orderings_allow_the_log_keeps_its_promises() {
    models("loom");
}
