//! What is said of the members of objects and arrays.

use super::Comparison;
use super::side::{TRUE, has_reference};
use crate::upcast::escape;
use serde_json::{Map, Value};
use std::collections::HashSet;

impl<'s> Comparison<'s> {
    pub(super) fn required(&mut self, sub: &Value, sup: &Map<String, Value>, pointer: &str) {
        let given: HashSet<&str> = sub
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for name in
            sup.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            if !given.contains(name) {
                self.differ(&format!("{pointer}/required"), format!("{name:?} may be missing"));
            }
        }
    }

    pub(super) fn properties(&mut self, sub: &'s Value, sup: &'s Map<String, Value>, pointer: &str) {
        let members = |name: &str| sub.get(name).and_then(Value::as_object);
        let (own, patterns) = (members("properties"), members("patternProperties"));
        let additional = sub.get("additionalProperties").unwrap_or(TRUE);
        let wanted = sup.get("properties").and_then(Value::as_object);
        for (name, wanted) in wanted.into_iter().flatten() {
            // A name that is not stated may match a pattern, and then anything may be said of it.
            let given = own.and_then(|own| own.get(name));
            let given = given.unwrap_or(if patterns.is_some() { TRUE } else { additional });
            self.contained(given, wanted, &format!("{pointer}/properties/{}", escape(name)));
        }
        if sup.contains_key("patternProperties") {
            let place = format!("{pointer}/patternProperties");
            let wanted = sup.get("patternProperties");
            if sub.get("patternProperties") != wanted || wanted.is_some_and(has_reference) {
                return self.differ(&place, "\"patternProperties\" cannot be judged unless it is equal");
            }
        }
        let Some(others) = sup.get("additionalProperties") else { return };
        let place = format!("{pointer}/additionalProperties");
        for (name, given) in own.into_iter().flatten() {
            if wanted.is_none_or(|wanted| !wanted.contains_key(name)) {
                self.contained_named(given, others, &place, name);
            }
        }
        if !sup.contains_key("patternProperties") {
            for given in patterns.into_iter().flatten().map(|(_, given)| given) {
                self.contained(given, others, &place);
            }
        }
        self.contained(additional, others, &place);
    }

    /// Compares a property that the second schema does not name, and names it where it may not be there.
    fn contained_named(&mut self, sub: &'s Value, sup: &'s Value, place: &str, name: &str) {
        if sup == &Value::Bool(false) && sub != sup {
            self.differ(place, format!("the property {name:?} may be there"));
        } else {
            self.contained(sub, sup, place);
        }
    }

    pub(super) fn items(&mut self, sub: &'s Value, sup: &'s Map<String, Value>, pointer: &str) {
        const ITEMS: [&str; 3] = ["items", "prefixItems", "additionalItems"];
        let Some(keyword) = ITEMS.into_iter().find(|keyword| sup.contains_key(*keyword)) else { return };
        let simple = |of: &dyn Fn(&str) -> Option<&'s Value>| {
            !of("items").is_some_and(Value::is_array)
                && of("prefixItems").is_none()
                && of("additionalItems").is_none()
        };
        if simple(&|name| sub.get(name)) && simple(&|name| sup.get(name)) {
            let (given, wanted) = (sub.get("items").unwrap_or(TRUE), sup.get("items").unwrap_or(TRUE));
            return self.contained(given, wanted, &format!("{pointer}/items"));
        }
        let equal =
            |name: &&str| sub.get(*name) == sup.get(*name) && !sup.get(*name).is_some_and(has_reference);
        if !ITEMS.iter().all(equal) {
            self.differ(
                &format!("{pointer}/{keyword}"),
                "items by their place cannot be judged unless they are equal",
            );
        }
    }
}
