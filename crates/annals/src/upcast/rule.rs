//! Rules: changes of JSON data that are said instead of programmed, so that they can be stored and any program can apply
//! them.

use super::convert::{FieldType, convert, shown};
use super::pointer::{self, kind, put, take};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One change of an event's JSON data. Places are JSON pointers (RFC 6901).
///
/// Rules are exact or they fail: nothing is rounded, cut or overwritten in silence. A place where there is nothing is
/// nothing to change, and no failure.
///
/// As JSON, which is how they are stored (`docs/schema-evolution.md`):
///
/// ```
/// use annals::{FieldType, Rule};
/// let rules: Vec<Rule> = annals::serde_json::from_str(r#"[
///     {"move": {"from": "/cents", "to": "/amount/cents"}},
///     {"default": {"at": "/amount/currency", "value": "EUR"}},
///     {"convert": {"at": "/account", "to": "string"}}
/// ]"#)?;
/// assert_eq!(rules[0], Rule::move_field("/cents", "/amount/cents"));
/// assert_eq!(rules[2], Rule::convert("/account", FieldType::String));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rule(Kind);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Kind {
    Move { from: String, to: String },
    Default { at: String, value: Value },
    Remove { at: String },
    Convert { at: String, to: FieldType },
    Split { at: String, separator: String, into: Vec<String> },
    Join { from: Vec<String>, separator: String, into: String },
}

impl Rule {
    /// Moves, or renames, what is at `from` to `to`, where there must be nothing. Objects around `to` that are missing are
    /// made.
    #[must_use]
    pub fn move_field(from: impl Into<String>, to: impl Into<String>) -> Self {
        Rule(Kind::Move { from: from.into(), to: to.into() })
    }

    /// Puts a value where there is nothing. A `null` is something.
    #[must_use]
    pub fn set_default(at: impl Into<String>, value: impl Into<Value>) -> Self {
        Rule(Kind::Default { at: at.into(), value: value.into() })
    }

    /// Removes what is at a place.
    #[must_use]
    pub fn remove(at: impl Into<String>) -> Self {
        Rule(Kind::Remove { at: at.into() })
    }

    /// Makes what is at a place another type of value, exactly; fails for values that the type cannot say. `null` stays.
    #[must_use]
    pub fn convert(at: impl Into<String>, to: FieldType) -> Self {
        Rule(Kind::Convert { at: at.into(), to })
    }

    /// Splits the string at a place at the separator, into as many strings as there are places in `into`: the last one takes
    /// what is left, separators included. Fails if the string has fewer parts.
    #[must_use]
    pub fn split<P: Into<String>>(
        at: impl Into<String>,
        separator: impl Into<String>,
        into: impl IntoIterator<Item = P>,
    ) -> Self {
        let into = into.into_iter().map(Into::into).collect();
        Rule(Kind::Split { at: at.into(), separator: separator.into(), into })
    }

    /// Joins the strings at some places, with the separator between them, into one at another place. Fails if only some of
    /// them are there.
    #[must_use]
    pub fn join<P: Into<String>>(
        from: impl IntoIterator<Item = P>,
        separator: impl Into<String>,
        into: impl Into<String>,
    ) -> Self {
        let from = from.into_iter().map(Into::into).collect();
        Rule(Kind::Join { from, separator: separator.into(), into: into.into() })
    }

    /// Whether it can mean something, whatever the data.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.places().try_for_each(pointer::check)?;
        match &self.0 {
            Kind::Move { from, to } if from == to => Err("it moves a field to where it is".to_owned()),
            Kind::Move { from, to } if !from.is_empty() && pointer::is_within(to, from) => {
                Err(format!("{to:?} is within {from:?}, which is moved"))
            }
            Kind::Default { at, .. } | Kind::Remove { at } if at.is_empty() => {
                Err("it names the data as a whole: name a place in it".to_owned())
            }
            Kind::Split { separator, .. } if separator.is_empty() => {
                Err("the separator is empty, so nothing says where to split".to_owned())
            }
            Kind::Split { into: places, .. } | Kind::Join { from: places, .. } => distinct(places),
            _ => Ok(()),
        }
    }

    fn places(&self) -> impl Iterator<Item = &str> {
        let (one, other, many): (Option<&String>, Option<&String>, &[String]) = match &self.0 {
            Kind::Move { from, to } => (Some(from), Some(to), &[]),
            Kind::Default { at, .. } | Kind::Remove { at } | Kind::Convert { at, .. } => {
                (Some(at), None, &[])
            }
            Kind::Split { at, into, .. } => (Some(at), None, into),
            Kind::Join { from, into, .. } => (Some(into), None, from),
        };
        one.into_iter().chain(other).chain(many).map(String::as_str)
    }

    /// Changes the data.
    pub(crate) fn apply(&self, data: &mut Value) -> Result<(), String> {
        match &self.0 {
            Kind::Move { from, to } => match take(data, from) {
                Some(value) => put(data, to, value),
                None => Ok(()),
            },
            Kind::Default { at, .. } if data.pointer(at).is_some() => Ok(()),
            Kind::Default { at, value } => put(data, at, value.clone()),
            Kind::Remove { at } => {
                take(data, at);
                Ok(())
            }
            Kind::Convert { at, to } => {
                let Some(value) = data.pointer_mut(at) else { return Ok(()) };
                *value = convert(value.take(), *to).map_err(|reason| format!("{reason} (at {at:?})"))?;
                Ok(())
            }
            Kind::Split { at, separator, into } => split(data, at, separator, into),
            Kind::Join { from, separator, into } => join(data, from, separator, into),
        }
    }
}

/// Two or more places, none of them twice or within another one.
fn distinct(places: &[String]) -> Result<(), String> {
    if places.len() < 2 {
        return Err("it needs at least two places".to_owned());
    }
    for (index, place) in places.iter().enumerate() {
        let others = places.iter().enumerate().filter(|(other, _)| *other != index);
        if let Some((_, other)) = others.into_iter().find(|(_, other)| pointer::is_within(place, other)) {
            return Err(format!("{place:?} and {other:?} are not two places"));
        }
    }
    Ok(())
}

fn split(data: &mut Value, at: &str, separator: &str, into: &[String]) -> Result<(), String> {
    let text = match take(data, at) {
        None => return Ok(()),
        Some(Value::String(text)) => text,
        Some(other) => return Err(format!("{} {} at {at:?} cannot be split", kind(&other), shown(&other))),
    };
    let parts: Vec<&str> = text.splitn(into.len(), separator).collect();
    if parts.len() < into.len() {
        let (found, wanted) = (parts.len(), into.len());
        return Err(format!("{} at {at:?} has {found} of {wanted} parts", shown(&Value::from(text))));
    }
    into.iter().zip(parts).try_for_each(|(place, part)| put(data, place, part.into()))
}

fn join(data: &mut Value, from: &[String], separator: &str, into: &str) -> Result<(), String> {
    let mut parts = Vec::with_capacity(from.len());
    for place in from {
        match take(data, place) {
            None => {}
            Some(Value::String(part)) => parts.push(part),
            Some(other) => {
                return Err(format!("{} {} at {place:?} cannot be joined", kind(&other), shown(&other)));
            }
        }
    }
    match parts.len() {
        0 => Ok(()),
        found if found < from.len() => Err(format!("of {from:?}, only {found} are there to be joined")),
        _ => put(data, into, parts.join(separator).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn apply(rule: &Rule, mut data: Value) -> Result<Value, String> {
        rule.check()?;
        rule.apply(&mut data).map(|()| data)
    }

    #[test]
    fn each_kind_of_rule_does_what_it_says() {
        let cases = [
            (Rule::move_field("/a", "/b/c"), json!({"a": 1, "x": 2}), json!({"b": {"c": 1}, "x": 2})),
            (Rule::move_field("", "/all"), json!({"a": 1}), json!({"all": {"a": 1}})),
            (Rule::move_field("/all", ""), json!({"all": {"a": 1}}), json!({"a": 1})),
            (Rule::set_default("/a", "EUR"), json!({"b": 1}), json!({"a": "EUR", "b": 1})),
            (Rule::set_default("/a", "EUR"), json!({"a": null}), json!({"a": null})),
            (Rule::remove("/a/b"), json!({"a": {"b": 1, "c": 2}}), json!({"a": {"c": 2}})),
            (Rule::convert("/a", FieldType::String), json!({"a": 1}), json!({"a": "1"})),
            (
                Rule::split("/name", " ", ["/first", "/last"]),
                json!({"name": "Ada King Lovelace"}),
                json!({"first": "Ada", "last": "King Lovelace"}),
            ),
            (Rule::split("/a", "-", ["/a", "/b"]), json!({"a": "1-2"}), json!({"a": "1", "b": "2"})),
            (Rule::join(["/a", "/b"], "-", "/a"), json!({"a": "1", "b": "2"}), json!({"a": "1-2"})),
        ];
        for (rule, before, after) in cases {
            assert_eq!(apply(&rule, before), Ok(after), "{rule:?}");
        }
    }

    #[test]
    fn where_nothing_is_nothing_changes() {
        for rule in [
            Rule::move_field("/a", "/b"),
            Rule::remove("/a"),
            Rule::convert("/a", FieldType::Number),
            Rule::split("/a", " ", ["/b", "/c"]),
            Rule::join(["/a", "/b"], " ", "/c"),
        ] {
            assert_eq!(apply(&rule, json!({"x": 1})), Ok(json!({"x": 1})), "{rule:?}");
        }
    }

    #[test]
    fn what_would_lose_or_invent_something_fails_and_says_why() {
        let cases = [
            (Rule::move_field("/a", "/b"), json!({"a": 1, "b": 2}), "already"),
            (Rule::move_field("/a", ""), json!({"a": 1, "b": 2}), "left"),
            (Rule::convert("/a", FieldType::Number), json!({"a": "x"}), "cannot be made a number"),
            (Rule::split("/a", " ", ["/b", "/c"]), json!({"a": "Plato"}), "1 of 2 parts"),
            (Rule::split("/a", " ", ["/b", "/c"]), json!({"a": 7}), "a number 7"),
            (Rule::join(["/a", "/b"], " ", "/c"), json!({"a": "x"}), "only 1"),
            (Rule::join(["/a", "/b"], " ", "/c"), json!({"a": "x", "b": 1}), "cannot be joined"),
        ];
        for (rule, data, reason) in cases {
            let said = apply(&rule, data).unwrap_err();
            assert!(said.contains(reason), "{rule:?}: {said}");
        }
    }

    #[test]
    fn rules_that_can_mean_nothing_are_refused() {
        for rule in [
            Rule::move_field("a", "/b"),
            Rule::move_field("/a", "/a"),
            Rule::move_field("/a", "/a/b"),
            Rule::remove(""),
            Rule::set_default("", 1),
            Rule::split("/a", "", ["/b", "/c"]),
            Rule::split("/a", " ", ["/b"]),
            Rule::split("/a", " ", ["/b", "/b/c"]),
            Rule::join(["/a", "/a"], " ", "/c"),
        ] {
            assert!(rule.check().is_err(), "{rule:?}");
        }
    }

    #[test]
    fn unknown_rules_and_fields_are_refused() {
        for text in [
            r#"{"rename": {"from": "/a", "to": "/b"}}"#,
            r#"{"move": {"from": "/a"}}"#,
            r#"{"move": {"from": "/a", "to": "/b", "force": true}}"#,
            r#"{"convert": {"at": "/a", "to": "date"}}"#,
            r#"{"remove": {"at": "/a"}, "move": {"from": "/a", "to": "/b"}}"#,
        ] {
            assert!(serde_json::from_str::<Rule>(text).is_err(), "{text}");
        }
    }
}
