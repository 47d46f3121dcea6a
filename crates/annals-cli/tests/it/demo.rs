//! `demo`.

use crate::common::{Place, annals, names_in, run};

#[test]
fn the_demo_tells_its_story_and_leaves_a_store() {
    let place = Place::new();
    for _ in 0..2 {
        let run = place.run(&["demo", "--dir", "demo"]);
        assert_eq!(run.status, 0, "{}", run.stderr);
        for part in [
            "order-1001",
            "is at version 5, expected version 4",
            "all of them are there",
            "events/s",
            "--store demo",
        ] {
            assert!(run.stdout.contains(part), "{part:?} is missing in {}", run.stdout);
        }
    }
    assert_eq!(
        names_in(&place.path("")),
        ["demo"],
        "nothing else is left, and the second demo took the first one's place"
    );
    let explore =
        |args: &[&str]| run(annals().current_dir(place.path("")).args(["--store", "demo"]).args(args));
    let state = explore(&["state", "--stream", "order-1001", "--as-of", "2024-05-04T00:00:00Z"]);
    assert!(state.stdout.contains(r#""status":"paid""#), "{}", state.stdout);
    assert_eq!(explore(&["verify"]).status, 0);
}

#[test]
fn the_demo_leaves_directories_of_others_alone() {
    let place = Place::with(&[r#"{"stream":"a","type":"T"}"#]);
    assert!(place.fails(1, &["demo", "--dir", "store"]).contains("not made by the demo"));
    assert_eq!(place.ok(&["read"]).len(), 1);
    std::fs::create_dir(place.path("mine")).unwrap();
    place.file("mine/letter.txt", "hello");
    assert!(place.fails(1, &["demo", "--dir", "mine"]).contains("not made by the demo"));
    assert_eq!(names_in(&place.path("mine")), ["letter.txt"]);
}
