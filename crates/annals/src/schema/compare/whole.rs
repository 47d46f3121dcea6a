//! Assertions that are not taken apart: equal ones admit equal data, and of others nothing is judged.

use super::Comparison;
use super::side::{self, has_reference, types};
use serde_json::{Map, Value};

/// Keywords that say nothing of which data are valid.
const ANNOTATIONS: [&str; 17] = [
    "title",
    "description",
    "default",
    "examples",
    "$comment",
    "$schema",
    "$id",
    "id",
    "$defs",
    "definitions",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$anchor",
    "$dynamicAnchor",
    "$vocabulary",
    "$recursiveAnchor",
];
/// Assertions that stand for themselves: equal ones admit equal data.
const ALONE: [&str; 12] = [
    "pattern",
    "format",
    "multipleOf",
    "uniqueItems",
    "anyOf",
    "oneOf",
    "not",
    "propertyNames",
    "dependentRequired",
    "contentMediaType",
    "contentEncoding",
    "contentSchema",
];
/// Assertions that mean something together only.
const TOGETHER: [&[&str]; 3] = [
    &["if", "then", "else"],
    &["contains", "minContains", "maxContains"],
    &["dependentSchemas", "dependencies"],
];

impl Comparison<'_> {
    /// Assertions that are not taken apart.
    pub(super) fn other(
        &mut self,
        sub: &Value,
        sup: &Map<String, Value>,
        (keyword, value): (&str, &Value),
        place: &str,
    ) {
        const JUDGED: [&str; 22] = [
            "type",
            "const",
            "enum",
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "minProperties",
            "maxProperties",
            "required",
            "properties",
            "patternProperties",
            "additionalProperties",
            "items",
            "prefixItems",
            "additionalItems",
            "$ref",
            "allOf",
        ];
        let strings_only = matches!(keyword, "pattern");
        if JUDGED.contains(&keyword)
            || ANNOTATIONS.contains(&keyword)
            || keyword.starts_with("x-")
            || (strings_only && types(sub) & side::STRING == 0)
            || (keyword == "uniqueItems" && value == &Value::Bool(false))
        {
            return;
        }
        let equal = |name: &str| {
            let (one, other) = (sub.get(name), sup.get(name));
            one == other && !other.is_some_and(has_reference)
        };
        let together = TOGETHER.iter().find(|group| group.contains(&keyword));
        let same = match together {
            Some(group) => group.iter().all(|name| equal(name)),
            None => ALONE.contains(&keyword) && equal(keyword),
        };
        if !same {
            self.differ(place, format!("{keyword:?} cannot be judged unless it is equal"));
        }
    }
}
