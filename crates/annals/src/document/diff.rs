//! What changed between two JSON values.

use serde::Serialize;
use serde_json::Value;

/// One change of a JSON value. Arrays change as a whole, as they do in a merge patch.
///
/// As JSON it is an object with `op` (`add`, `remove` or `replace`), `path`, and `from` and `to` as far as it has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Change<'a> {
    /// A value came.
    Add {
        /// Where: a JSON pointer (RFC 6901), empty for the whole.
        path: String,
        /// The value.
        to: &'a Value,
    },
    /// A value went.
    Remove {
        /// Where: a JSON pointer.
        path: String,
        /// What it was.
        from: &'a Value,
    },
    /// A value became another one.
    Replace {
        /// Where: a JSON pointer.
        path: String,
        /// What it was.
        from: &'a Value,
        /// What it is.
        to: &'a Value,
    },
}

/// The changes that lead from one JSON value to another: first what each member of the first one has become, in the order of
/// the keys, then what is new. `None` is a value that is not there yet; beside an object it counts as an empty one, so that
/// each member is told by itself.
///
/// Any states that can be serialised are compared by way of their JSON, such as those of an aggregate at two moments:
///
/// ```
/// #[derive(serde::Serialize)]
/// struct Account {
///     cents: i64,
///     owner: Option<String>,
/// }
/// let yesterday = serde_json::to_value(Account { cents: 500, owner: None })?;
/// let today = serde_json::to_value(Account { cents: 700, owner: None })?;
/// let changes = annals::changes(Some(&yesterday), Some(&today));
/// assert_eq!(serde_json::to_string(&changes)?, r#"[{"op":"replace","path":"/cents","from":500,"to":700}]"#);
/// assert_eq!(annals::changes(None, Some(&today)).len(), 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn changes<'a>(from: Option<&'a Value>, to: Option<&'a Value>) -> Vec<Change<'a>> {
    let mut found = Vec::new();
    match (from, to) {
        (None, Some(Value::Object(to))) => {
            found.extend(to.iter().map(|(key, to)| Change::Add { path: join("", key), to }));
        }
        (Some(Value::Object(from)), None) => {
            found.extend(from.iter().map(|(key, from)| Change::Remove { path: join("", key), from }));
        }
        (None, Some(to)) => found.push(Change::Add { path: String::new(), to }),
        (Some(from), None) => found.push(Change::Remove { path: String::new(), from }),
        (Some(from), Some(to)) => compare(String::new(), from, to, &mut found),
        (None, None) => {}
    }
    found
}

fn compare<'a>(path: String, from: &'a Value, to: &'a Value, found: &mut Vec<Change<'a>>) {
    let (Value::Object(old), Value::Object(new)) = (from, to) else {
        if from != to {
            found.push(Change::Replace { path, from, to });
        }
        return;
    };
    for (key, from) in old {
        match new.get(key) {
            Some(to) => compare(join(&path, key), from, to, found),
            None => found.push(Change::Remove { path: join(&path, key), from }),
        }
    }
    for (key, to) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
        found.push(Change::Add { path: join(&path, key), to });
    }
}

/// A JSON pointer one key longer (RFC 6901).
fn join(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(from: Option<&Value>, to: Option<&Value>) -> String {
        serde_json::to_string(&changes(from, to)).unwrap()
    }

    #[test]
    fn members_are_added_removed_and_replaced_at_any_depth() {
        let from = json!({"a": 1, "b": {"c/d": [1, 2], "e": "x"}, "gone": null});
        let to = json!({"a": 2, "b": {"c/d": [1, 3], "e": "x", "~": true}});
        assert_eq!(
            shown(Some(&from), Some(&to)),
            r#"[{"op":"replace","path":"/a","from":1,"to":2},{"op":"replace","path":"/b/c~1d","from":[1,2],"to":[1,3]},{"op":"add","path":"/b/~0","to":true},{"op":"remove","path":"/gone","from":null}]"#
        );
    }

    #[test]
    fn a_state_that_is_not_there_yet_counts_as_an_empty_object() {
        let to = json!({"a": 1});
        assert_eq!(shown(None, Some(&to)), r#"[{"op":"add","path":"/a","to":1}]"#);
        assert_eq!(shown(Some(&to), None), r#"[{"op":"remove","path":"/a","from":1}]"#);
        assert_eq!(shown(None, Some(&json!(5))), r#"[{"op":"add","path":"","to":5}]"#);
        assert_eq!(shown(None, None), "[]");
    }

    #[test]
    fn a_whole_value_of_another_kind_is_replaced() {
        assert_eq!(
            shown(Some(&json!([1])), Some(&json!({"a": 1}))),
            r#"[{"op":"replace","path":"","from":[1],"to":{"a":1}}]"#
        );
    }
}
