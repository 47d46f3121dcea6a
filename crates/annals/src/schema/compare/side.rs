//! One of two schemas that are compared, and what can be said of it alone.

use serde_json::{Map, Value};

/// The schema under which everything is valid.
pub(super) const TRUE: &Value = &Value::Bool(true);

pub(super) const NULL: u8 = 1;
pub(super) const BOOLEAN: u8 = 2;
pub(super) const OBJECT: u8 = 4;
pub(super) const ARRAY: u8 = 8;
pub(super) const STRING: u8 = 16;
pub(super) const INTEGER: u8 = 32;
/// Numbers that are no integers.
pub(super) const FRACTION: u8 = 64;
const ALL: u8 = 127;

const NAMES: [(&str, u8); 7] = [
    ("null", NULL),
    ("boolean", BOOLEAN),
    ("object", OBJECT),
    ("array", ARRAY),
    ("string", STRING),
    ("integer", INTEGER),
    ("number", INTEGER | FRACTION),
];

/// A whole schema, in which references are looked up.
pub(super) struct Side<'s> {
    root: &'s Value,
    /// Whether a reference means what it says: not where parts of the schema have names of their own.
    refers_plainly: bool,
}

impl<'s> Side<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        let within =
            |value: &Value| value.as_object().is_some_and(|members| members.values().any(names_itself));
        Side { root, refers_plainly: !within(root) }
    }

    /// What a reference leads to.
    pub(super) fn target(&self, reference: &Value) -> Option<&'s Value> {
        let pointer = reference.as_str()?.strip_prefix('#')?;
        let plain = self.refers_plainly && !pointer.contains('%');
        (plain && (pointer.is_empty() || pointer.starts_with('/')))
            .then(|| self.root.pointer(pointer))
            .flatten()
    }

    /// A schema without a reference, under which at least the same data are valid: what stands beside a reference restricts
    /// them further, or counts for nothing, depending on the dialect.
    pub(super) fn resolved(&self, mut schema: &'s Value) -> &'s Value {
        const CHAIN_MAX: usize = 32;
        for _ in 0..CHAIN_MAX {
            match schema.get("$ref") {
                None => return schema,
                Some(reference) => match self.target(reference) {
                    Some(target) => schema = target,
                    None => return TRUE,
                },
            }
        }
        TRUE
    }
}

fn names_itself(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            members.contains_key("$id") || members.contains_key("id") || members.values().any(names_itself)
        }
        Value::Array(items) => items.iter().any(names_itself),
        _ => false,
    }
}

/// Whether what a schema means depends on what stands elsewhere.
pub(super) fn has_reference(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(name, value)| {
            matches!(name.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef") || has_reference(value)
        }),
        Value::Array(items) => items.iter().any(has_reference),
        _ => false,
    }
}

/// The types of value that may be valid under a schema, from what it says itself.
pub(super) fn types(schema: &Value) -> u8 {
    let Some(members) = schema.as_object() else { return if schema == TRUE { ALL } else { 0 } };
    let stated = types_of(members);
    match finite(schema) {
        Some(values) => stated & values.iter().fold(0, |all, value| all | type_of(value)),
        None => stated,
    }
}

/// The types that the keyword `type` admits.
pub(super) fn types_of(schema: &Map<String, Value>) -> u8 {
    let named = |name: &Value| {
        let known = NAMES.iter().find(|(known, _)| name.as_str() == Some(known));
        known.map_or(ALL, |(_, types)| *types)
    };
    match schema.get("type") {
        None => ALL,
        Some(Value::Array(names)) => names.iter().fold(0, |all, name| all | named(name)),
        Some(name) => named(name),
    }
}

fn type_of(value: &Value) -> u8 {
    match value {
        Value::Null => NULL,
        Value::Bool(_) => BOOLEAN,
        Value::Object(_) => OBJECT,
        Value::Array(_) => ARRAY,
        Value::String(_) => STRING,
        Value::Number(number) if number.is_i64() || number.is_u64() => INTEGER,
        // 1.0 is an integer in some dialects, and none in others.
        Value::Number(_) => INTEGER | FRACTION,
    }
}

/// The values that may be valid, where a schema lists them.
pub(super) fn finite(schema: &Value) -> Option<&[Value]> {
    let members = schema.as_object()?;
    let listed = members.get("enum").and_then(Value::as_array).map(Vec::as_slice);
    members.get("const").map(std::slice::from_ref).or(listed)
}

pub(super) fn types_in_words(types: u8) -> String {
    let numbers = types & (INTEGER | FRACTION);
    let name = |(name, of): &(&'static str, u8)| match *name {
        "integer" => (numbers == INTEGER).then_some("an integer"),
        "number" => (numbers & FRACTION != 0).then_some("a number that is no integer"),
        "null" => (types & of != 0).then_some("null"),
        "boolean" => (types & of != 0).then_some("a boolean"),
        "object" => (types & of != 0).then_some("an object"),
        "array" => (types & of != 0).then_some("an array"),
        _ => (types & of != 0).then_some("a string"),
    };
    NAMES.iter().filter_map(name).collect::<Vec<_>>().join(", ")
}
