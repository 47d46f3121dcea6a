//! Single appends that are killed.

use super::Random;
use super::kills_wanted;
use crate::tool::{Tool, number};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

/// What was told of each append: the position, by the number that the event has as its data. An append may be over before
/// it is killed, and nothing may be told of one that is there all the same.
type Told = BTreeMap<u64, u64>;

#[test]
fn appends_that_are_killed_leave_what_they_told_and_nothing_by_half() {
    let mut random = Random::of_test("appends");
    let place = tempfile::tempdir().unwrap();
    let tool = Tool::on(place.path().join("store"));
    let (mut told, mut kills, mut submitted, wanted) = (Told::new(), 0, 0, kills_wanted());
    while kills < wanted {
        kills += u32::from(append_and_kill(&tool, submitted, &mut told, &mut random));
        submitted += 1;
        assert!(submitted < 100 * u64::from(wanted), "only {kills} of {submitted} appends were killed");
        if random.below(10) == 0 && !told.is_empty() {
            check(&tool, submitted, &told);
        }
    }
    // Without being killed the next one gets through, whatever the others have left.
    tool.text(&["append", "--stream", "s", "--type", "T", "--data", &submitted.to_string()]);
    check(&tool, submitted + 1, &told);
    tool.must_be_sound();
}

/// Says whether it was killed before it was over.
fn append_and_kill(tool: &Tool, number: u64, told: &mut Told, random: &mut Random) -> bool {
    let data = number.to_string();
    let mut command = tool.command(&["append", "--stream", "s", "--type", "T", "--data", &data]);
    command.args(["--segment-bytes", "16384"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_micros(random.below(25_000)));
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(matches!(output.status.code(), None | Some(0)), "{}", String::from_utf8_lossy(&output.stderr));
    // A line that was written as a whole.
    if let Some(line) = said.strip_suffix('\n') {
        let appended: Value = serde_json::from_str(line).unwrap();
        told.insert(number, super::number(&appended, "position"));
    }
    output.status.code().is_none()
}

/// Each event at most once, in the order of the appends, and what was told where it was told to be.
fn check(tool: &Tool, submitted: u64, told: &Told) {
    let mut last = None;
    let mut stored = Told::new();
    for (index, event) in tool.lines(&["read", "--stream", "s"]).iter().enumerate() {
        assert_eq!(
            (number(event, "position"), number(event, "version")),
            (index as u64 + 1, index as u64 + 1)
        );
        let data = number(event, "data");
        assert!(last.is_none_or(|last| last < data) && data < submitted, "{data} after {last:?}");
        last = Some(data);
        stored.insert(data, number(event, "position"));
    }
    for (data, position) in told {
        assert_eq!(stored.get(data), Some(position), "append {data}");
    }
}
