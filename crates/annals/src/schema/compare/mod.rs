//! Whether all data that are valid under one JSON Schema are valid under another one, by their structure.
//!
//! Sound and conservative: what is judged contained is; what cannot be judged is not. Judged is the common subset (types, const and
//! enum, bounds of numbers, lengths and counts, required, properties, items, allOf, references within the schema). Any other
//! assertion has to be equal on both sides.

mod bounds;
mod members;
mod number;
mod side;
mod whole;

use super::error::Difference;
use super::registration::Registration;
use crate::upcast::escape;
use bounds::{check_counts, check_numbers};
use serde_json::{Map, Value};
use side::{Side, TRUE, finite, has_reference, types, types_in_words};
use std::collections::HashSet;

/// So many pairs of schemas are compared, and so deep.
const PAIRS_MAX: usize = 100_000;
const DEPTH_MAX: usize = 200;

/// What keeps a registration from being compatible with the one before it, as its mode asks.
pub(crate) fn differences(before: &Registration, new: &Registration) -> Vec<Difference> {
    let (old_schema, new_schema) =
        (before.schema.as_ref().unwrap_or(TRUE), new.schema.as_ref().unwrap_or(TRUE));
    let mut found = Vec::new();
    // With rules, what reaches a reader are not the data of the version before.
    if new.compatibility.is_backward() && new.upcast.is_none() {
        found.extend(not_contained(old_schema, new_schema, "backward"));
    }
    if new.compatibility.is_forward() {
        found.extend(not_contained(new_schema, old_schema, "forward"));
    }
    found
}

/// Why data that are valid under `sub` might not be valid under `sup`.
fn not_contained(sub: &Value, sup: &Value, direction: &'static str) -> Vec<Difference> {
    if sub == sup {
        return Vec::new();
    }
    let (sub_side, sup_side) = (Side::new(sub), Side::new(sup));
    let mut comparison = Comparison {
        sub: sub_side,
        sup: sup_side,
        seen: HashSet::new(),
        depth: 0,
        found: Vec::new(),
        direction,
    };
    let dialect = |schema: &Value| schema.get("$schema").cloned();
    if sub.is_object() && sup.is_object() && dialect(sub) != dialect(sup) {
        comparison.differ("/$schema", "they are of different dialects, which cannot be judged");
    }
    comparison.contained(sub, sup, "");
    comparison.found
}

pub(super) struct Comparison<'s> {
    sub: Side<'s>,
    sup: Side<'s>,
    /// Pairs that were compared, or are being compared: in a recursion they hold if everything else does.
    seen: HashSet<(*const Value, *const Value)>,
    depth: usize,
    found: Vec<Difference>,
    direction: &'static str,
}

impl<'s> Comparison<'s> {
    pub(super) fn differ(&mut self, pointer: &str, what: impl Into<String>) {
        self.found.push(Difference {
            direction: self.direction,
            pointer: pointer.to_owned(),
            what: what.into(),
        });
    }

    /// Compares a pair of schemas; `pointer` leads to the second one.
    fn contained(&mut self, sub: &'s Value, sup: &'s Value, pointer: &str) {
        if sub == &Value::Bool(false) || sup == TRUE || sup.as_object().is_some_and(Map::is_empty) {
            return;
        }
        if (sub == sup && !has_reference(sub)) || !self.seen.insert((&raw const *sub, &raw const *sup)) {
            return;
        }
        if self.depth >= DEPTH_MAX || self.seen.len() > PAIRS_MAX {
            return self.differ(pointer, "the schemas are too large to be judged");
        }
        self.depth += 1;
        let sub = self.sub.resolved(sub);
        match sup.as_object() {
            Some(sup) => self.keywords(sub, sup, pointer),
            None => self.differ(pointer, "nothing is valid here"),
        }
        self.depth -= 1;
    }

    fn keywords(&mut self, sub: &'s Value, sup: &'s Map<String, Value>, pointer: &str) {
        if sub == &Value::Bool(false) {
            return;
        }
        self.types(sub, sup, pointer);
        check_numbers(self, sub, sup, pointer);
        check_counts(self, sub, sup, pointer);
        if types(sub) & side::OBJECT != 0 {
            self.required(sub, sup, pointer);
            self.properties(sub, sup, pointer);
        }
        if types(sub) & side::ARRAY != 0 {
            self.items(sub, sup, pointer);
        }
        for (keyword, value) in sup {
            let place = format!("{pointer}/{}", escape(keyword));
            match keyword.as_str() {
                "$ref" => match self.sup.target(value) {
                    Some(target) => self.contained(sub, target, &place),
                    None => self.differ(&place, "the reference cannot be judged"),
                },
                "allOf" => {
                    for (index, part) in value.as_array().into_iter().flatten().enumerate() {
                        self.contained(sub, part, &format!("{place}/{index}"));
                    }
                }
                other => self.other(sub, sup, (other, value), &place),
            }
        }
    }

    fn types(&mut self, sub: &Value, sup: &Map<String, Value>, pointer: &str) {
        let values = finite(sub);
        let allowed = sup.get("enum").and_then(Value::as_array).map(Vec::as_slice);
        let allowed = sup.get("const").map(std::slice::from_ref).or(allowed);
        if let Some(allowed) = allowed {
            let keyword = if sup.contains_key("const") { "const" } else { "enum" };
            let place = format!("{pointer}/{keyword}");
            match values {
                Some(values) => {
                    for value in values.iter().filter(|value| !allowed.contains(value)) {
                        self.differ(
                            &place,
                            format!("the value {value} is not among those that are valid here"),
                        );
                    }
                }
                None => self.differ(&place, "other values than these may be there"),
            }
        }
        // Both may stand there.
        if sup.contains_key("const") && sup.contains_key("enum") {
            self.differ(&format!("{pointer}/enum"), "\"const\" and \"enum\" together cannot be judged");
        }
        let more = types(sub) & !side::types_of(sup);
        if more != 0 {
            self.differ(&format!("{pointer}/type"), format!("{} may be there", types_in_words(more)));
        }
    }
}
