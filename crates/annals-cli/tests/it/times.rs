//! Times of events: any order, any year that nanoseconds can say.

use crate::common::{Place, each};

#[test]
fn times_before_1970_and_at_the_ends_are_kept_to_the_nanosecond() {
    let times = [
        "1677-09-21T00:12:43.145224192Z",
        "1899-12-31T23:59:59.999999999Z",
        "1969-12-31T23:59:59.5Z",
        "1970-01-01T00:00:00Z",
        "2262-04-11T23:47:16.854775807Z",
    ];
    let lines: Vec<_> =
        times.iter().map(|time| format!(r#"{{"stream":"a","type":"T","time":"{time}"}}"#)).collect();
    let place = Place::with(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(each(&place.ok(&["read"]), "time"), times);
    for (number, time) in times.iter().enumerate() {
        assert_eq!(place.ok(&["read", "--as-of", time]).len(), number + 1);
        assert_eq!(place.ok(&["read", "--until", time]).len(), number);
        assert_eq!(place.ok(&["read", "--since", time]).len(), times.len() - number);
    }
}

#[test]
fn equal_times_and_times_out_of_order_keep_the_order_of_the_log() {
    let times =
        ["2024-05-03T00:00:00Z", "2024-05-01T00:00:00Z", "2024-05-03T02:00:00+02:00", "2024-05-01T00:00:00Z"];
    let lines: Vec<_> = (times.iter().enumerate())
        .map(|(n, time)| format!(r#"{{"stream":"a","type":"T","time":"{time}","data":{n}}}"#))
        .collect();
    let place = Place::with(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(each(&place.ok(&["read"]), "data"), [0, 1, 2, 3]);
    assert_eq!(each(&place.ok(&["read", "--as-of", "2024-05-02T00:00:00Z"]), "data"), [1, 3]);
    assert_eq!(each(&place.ok(&["read", "--since", "2024-05-02T00:00:00Z"]), "data"), [0, 2]);
}
