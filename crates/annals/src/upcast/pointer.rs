//! Places in JSON data: JSON pointers (RFC 6901), and what is done at them.

use serde_json::{Map, Value};

/// Whether a text is a JSON pointer: empty, which means the data as a whole, or names with a slash in front of each, in which
/// `~0` stands for `~` and `~1` for `/`.
pub(crate) fn check(pointer: &str) -> Result<(), String> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(format!("{pointer:?} is no JSON pointer: it begins with a slash, as in /amount/cents"));
    }
    let mut rest = pointer;
    while let Some((_, after)) = rest.split_once('~') {
        if !after.starts_with(['0', '1']) {
            return Err(format!("{pointer:?} is no JSON pointer: behind ~ there is 0 (for ~) or 1 (for /)"));
        }
        rest = after;
    }
    Ok(())
}

/// Whether `inner` is `outer`, or a place within it.
pub(crate) fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The name of a member as it stands in a pointer.
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn unescape(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

/// Takes a value out of the data; `None` if there is none at the place.
pub(crate) fn take(data: &mut Value, pointer: &str) -> Option<Value> {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return Some(data.take()) };
    match data.pointer_mut(parent)? {
        Value::Object(members) => members.remove(&unescape(name)),
        Value::Array(items) => {
            let index = index(name).filter(|index| *index < items.len())?;
            Some(items.remove(index))
        }
        _ => None,
    }
}

/// Puts a value at a place where there is none. Objects around it that are missing are made.
pub(crate) fn put(data: &mut Value, pointer: &str, value: Value) -> Result<(), String> {
    let mut at = data;
    let mut names = pointer.split('/').skip(1).peekable();
    if names.peek().is_none() {
        // What is left of the data would be lost.
        if !at.is_null() && at.as_object().is_none_or(|members| !members.is_empty()) {
            return Err("the data as a whole would be replaced, and something is left of it".to_owned());
        }
        *at = value;
        return Ok(());
    }
    if at.is_null() {
        // An event without data.
        *at = Value::Object(Map::new());
    }
    while let Some(name) = names.next() {
        let last = names.peek().is_none();
        at = match at {
            Value::Object(members) if last => {
                let name = unescape(name);
                if members.contains_key(&name) {
                    return Err(format!("there is something at {pointer:?} already"));
                }
                members.insert(name, value);
                return Ok(());
            }
            Value::Object(members) => {
                members.entry(unescape(name)).or_insert_with(|| Value::Object(Map::new()))
            }
            Value::Array(_) if last => {
                return Err(format!("{pointer:?} is within an array, whose items are not put in one by one"));
            }
            Value::Array(items) => index(name)
                .and_then(|index| items.get_mut(index))
                .ok_or_else(|| format!("an array on the way to {pointer:?} has no item {name:?}"))?,
            other => return Err(format!("{} is in the way to {pointer:?}", kind(other))),
        };
    }
    Ok(())
}

/// Digits without a zero in front, as RFC 6901 has them.
fn index(name: &str) -> Option<usize> {
    let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (name == "0" || !name.starts_with('0'))).then(|| name.parse().ok()).flatten()
}

/// What a value is, in words.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_taken_from_objects_and_arrays_and_a_missing_place_gives_none() {
        let mut data = json!({"a": {"b/c": 1, "~": 2}, "list": [1, {"x": 3}]});
        assert_eq!(take(&mut data, "/a/b~1c"), Some(json!(1)));
        assert_eq!(take(&mut data, "/a/~0"), Some(json!(2)));
        assert_eq!(take(&mut data, "/list/1/x"), Some(json!(3)));
        assert_eq!(take(&mut data, "/list/0"), Some(json!(1)));
        for missing in ["/b", "/a/b/c", "/list/7", "/list/00", "/list/-"] {
            assert_eq!(take(&mut data, missing), None, "{missing}");
        }
        assert_eq!(data, json!({"a": {}, "list": [{}]}));
        assert_eq!(take(&mut data, ""), Some(json!({"a": {}, "list": [{}]})));
        assert!(data.is_null());
    }

    #[test]
    fn values_are_put_where_nothing_is_and_objects_on_the_way_are_made() {
        let mut data = Value::Null;
        put(&mut data, "/a/b", json!(1)).unwrap();
        put(&mut data, "/~0", json!(2)).unwrap();
        assert_eq!(data, json!({"a": {"b": 1}, "~": 2}));
        assert!(put(&mut data, "/a/b", json!(3)).unwrap_err().contains("already"));
        assert!(put(&mut data, "/a/b/c", json!(3)).unwrap_err().contains("a number is in the way"));
        assert!(put(&mut data, "", json!(3)).unwrap_err().contains("left"));
        let mut data = json!({"list": [{}]});
        put(&mut data, "/list/0/x", json!(1)).unwrap();
        assert!(
            put(&mut data, "/list/1/x", json!(1)).is_err() && put(&mut data, "/list/1", json!(1)).is_err()
        );
        assert_eq!(data, json!({"list": [{"x": 1}]}));
    }

    #[test]
    fn only_pointers_are_taken_for_pointers() {
        assert!(["", "/", "/a", "/a~0b/~1"].iter().all(|text| check(text).is_ok()));
        assert!(["a", "a/b", "/a~", "/a~2"].iter().all(|text| check(text).is_err()));
        assert!(is_within("/a/b", "/a") && is_within("/a", "/a") && !is_within("/ab", "/a"));
    }
}
