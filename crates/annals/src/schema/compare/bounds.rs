//! Bounds: of numbers, lengths and counts.

use super::Comparison;
use super::number::compare;
use super::side::{ARRAY, FRACTION, INTEGER, OBJECT, STRING, finite, types};
use serde_json::{Map, Number, Value};
use std::cmp::Ordering;

/// A bound of numbers, and whether it is excluded itself.
type Bound<'v> = (&'v Number, bool);

/// Compares the bounds of numbers.
pub(super) fn check_numbers(
    comparison: &mut Comparison<'_>,
    sub: &Value,
    sup: &Map<String, Value>,
    pointer: &str,
) {
    if types(sub) & (INTEGER | FRACTION) == 0 {
        return;
    }
    let empty = Map::new();
    let own = sub.as_object().unwrap_or(&empty);
    for (keyword, exclusive, outwards) in
        [("minimum", "exclusiveMinimum", Ordering::Less), ("maximum", "exclusiveMaximum", Ordering::Greater)]
    {
        let Some(wanted) = bound(sup, keyword, exclusive, outwards.reverse()) else { continue };
        let keeps = |(number, excluded): Bound<'_>| match compare(number, wanted.0) {
            Some(Ordering::Equal) => excluded || !wanted.1,
            Some(order) => order == outwards.reverse(),
            None => false,
        };
        let kept = match finite(sub) {
            Some(values) => values.iter().filter_map(Value::as_number).all(|number| keeps((number, false))),
            None => bound(own, keyword, exclusive, outwards.reverse()).is_some_and(keeps),
        };
        if !kept {
            let place = if sup.contains_key(keyword) { keyword } else { exclusive };
            comparison
                .differ(&format!("{pointer}/{place}"), format!("numbers beyond {} may be there", wanted.0));
        }
    }
}

/// The bound of a schema, the one further inwards where there are two. Before draft 6 the second keyword was a boolean.
fn bound<'v>(
    schema: &'v Map<String, Value>,
    keyword: &str,
    exclusive: &str,
    inwards: Ordering,
) -> Option<Bound<'v>> {
    let plain = schema.get(keyword).and_then(Value::as_number);
    match (plain, schema.get(exclusive)) {
        (Some(plain), Some(Value::Bool(excluded))) => Some((plain, *excluded)),
        (Some(plain), Some(Value::Number(excluded))) => match compare(plain, excluded) {
            Some(order) if order == inwards => Some((plain, false)),
            _ => Some((excluded, true)),
        },
        (Some(plain), _) => Some((plain, false)),
        (None, Some(Value::Number(excluded))) => Some((excluded, true)),
        (None, _) => None,
    }
}

/// Compares the bounds of lengths and counts.
pub(super) fn check_counts(
    comparison: &mut Comparison<'_>,
    sub: &Value,
    sup: &Map<String, Value>,
    pointer: &str,
) {
    const COUNTS: [(&str, u8, bool); 6] = [
        ("minLength", STRING, true),
        ("maxLength", STRING, false),
        ("minItems", ARRAY, true),
        ("maxItems", ARRAY, false),
        ("minProperties", OBJECT, true),
        ("maxProperties", OBJECT, false),
    ];
    for (keyword, of, least) in COUNTS {
        let Some(stated) = sup.get(keyword).filter(|_| types(sub) & of != 0) else { continue };
        let keeps = |count: u64, wanted: u64| if least { count >= wanted } else { count <= wanted };
        let kept = match (stated.as_u64(), finite(sub)) {
            (Some(wanted), Some(values)) => values.iter().filter_map(count).all(|count| keeps(count, wanted)),
            (Some(wanted), None) => {
                (least && wanted == 0)
                    || sub.get(keyword).and_then(Value::as_u64).is_some_and(|own| keeps(own, wanted))
            }
            (None, _) => sub.get(keyword) == Some(stated),
        };
        if !kept {
            let than = if least { "fewer" } else { "more" };
            comparison.differ(&format!("{pointer}/{keyword}"), format!("{than} than {stated} may be there"));
        }
    }
}

/// How long a value is, or how many it has.
fn count(value: &Value) -> Option<u64> {
    Some(match value {
        Value::String(text) => text.chars().count() as u64,
        Value::Array(items) => items.len() as u64,
        Value::Object(members) => members.len() as u64,
        _ => return None,
    })
}
