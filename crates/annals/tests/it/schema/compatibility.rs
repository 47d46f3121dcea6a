//! Whether one schema's data are valid under another.

use crate::common::World;
use annals::serde_json::{Value, from_str, json};
use annals::{Compatibility, Difference, Registration, SchemaError};

/// The differences that speak against a schema behind another one.
fn differences(old: &Value, new: &Value, mode: Compatibility) -> Vec<Difference> {
    let store = World::new(1).open();
    store.register_schema(&Registration::new("t", 1).schema(old.clone())).unwrap();
    let registration = Registration::new("t", 2).schema(new.clone()).compatibility(mode);
    match store.register_schema(&registration) {
        Ok(_) => Vec::new(),
        Err(SchemaError::Incompatible { before: 1, differences }) => differences,
        Err(error) => panic!("{error}"),
    }
}

fn pointers(old: &Value, new: &Value, mode: Compatibility) -> Vec<String> {
    differences(old, new, mode).into_iter().map(|difference| difference.pointer).collect()
}

/// Pairs of which the first one's data are valid under the second.
fn contained() -> Vec<(Value, Value)> {
    let object = |more: Value| {
        let mut schema =
            json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    vec![
        (json!({"type": "integer"}), json!({"type": "number"})),
        (json!({"type": "string"}), json!({"type": ["string", "null"]})),
        (json!({"enum": ["a", "b"]}), json!({"enum": ["a", "b", "c"]})),
        (json!({"const": 5}), json!({"type": "integer", "minimum": 5, "maximum": 5})),
        (json!({"enum": ["ab"]}), json!({"type": "string", "minLength": 2})),
        (json!({"type": "number", "exclusiveMinimum": 1}), json!({"minimum": 1})),
        (json!({"minimum": 1.5, "maximum": 2}), json!({"minimum": 1.50, "exclusiveMaximum": 2.0000000001})),
        (
            json!({"type": "string", "maxLength": 5, "pattern": "^a"}),
            json!({"maxLength": 7, "pattern": "^a"}),
        ),
        (object(json!({})), json!({"type": "object", "properties": {"n": {"type": "number"}}})),
        (
            object(json!({"additionalProperties": false})),
            json!({"additionalProperties": {"type": "integer"}}),
        ),
        (
            object(json!({"additionalProperties": {"type": "string"}})),
            json!({"properties": {"m": {"type": ["string", "null"]}}}),
        ),
        (
            json!({"items": {"type": "integer"}, "minItems": 2}),
            json!({"items": {"type": "number"}, "minItems": 1}),
        ),
        (
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}),
            json!({"$ref": "#/$defs/b", "$defs": {"b": {"type": "number"}}}),
        ),
        (
            json!({"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}}}),
            json!({"properties": {"next": {"$ref": "#"}, "n": {"type": "number"}}}),
        ),
        (json!({"type": "integer", "minimum": 3}), json!({"allOf": [{"type": "number"}, {"minimum": 1}]})),
        (json!({"type": "string", "title": "x"}), json!({"type": "string", "title": "y", "x-own": 1})),
        (json!({"type": "boolean", "minimum": 7}), json!({"type": "boolean", "minLength": 7, "maximum": 1})),
        (
            json!({"if": {"type": "string"}, "then": {"minLength": 1}}),
            json!({"if": {"type": "string"}, "then": {"minLength": 1}, "title": "x"}),
        ),
        (json!({"type": "integer"}), json!(true)),
    ]
}

#[test]
fn wider_schemas_are_backward_compatible_and_narrower_ones_forward() {
    for (narrow, wide) in contained() {
        assert_eq!(differences(&narrow, &wide, Compatibility::Backward), [], "{narrow} {wide}");
        assert_eq!(differences(&wide, &narrow, Compatibility::Forward), [], "{narrow} {wide}");
        assert_eq!(differences(&narrow, &narrow, Compatibility::Full), [], "{narrow}");
        assert_eq!(differences(&wide, &narrow, Compatibility::None), []);
    }
}

#[test]
fn what_is_not_contained_or_cannot_be_judged_is_told_with_its_place() {
    let object = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let cases = [
        (json!({"type": "number"}), json!({"type": "integer"}), "/type"),
        (json!({"type": ["string", "null"]}), json!({"type": "string"}), "/type"),
        (json!({}), json!({"type": "string"}), "/type"),
        (json!({"enum": ["a", "b"]}), json!({"enum": ["a"]}), "/enum"),
        (json!({"type": "string"}), json!({"const": "a"}), "/const"),
        (json!({"minimum": 1}), json!({"exclusiveMinimum": 1}), "/exclusiveMinimum"),
        (
            // Too close for a float to tell.
            from_str(r#"{"minimum":0.99999999999999999999}"#).unwrap(),
            json!({"minimum": 1}),
            "/minimum",
        ),
        (json!({"type": "string"}), json!({"maxLength": 7}), "/maxLength"),
        (object.clone(), json!({"required": ["n"]}), "/required"),
        (object.clone(), json!({"properties": {"n": {"type": "string"}}}), "/properties/n/type"),
        (object.clone(), json!({"properties": {"m/o": {"type": "string"}}}), "/properties/m~1o/type"),
        (
            object.clone(),
            json!({"properties": {"n": {}}, "additionalProperties": false}),
            "/additionalProperties",
        ),
        (
            json!({"patternProperties": {"^n": {}}}),
            json!({"properties": {"n": {"minimum": 1}}}),
            "/properties/n/minimum",
        ),
        (json!({"items": {"type": "number"}}), json!({"items": {"type": "integer"}}), "/items/type"),
        (json!({"items": {}}), json!({"prefixItems": [{"type": "integer"}]}), "/prefixItems"),
        (json!({"pattern": "^a"}), json!({"pattern": "^b"}), "/pattern"),
        (json!({"type": "string"}), json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), "/anyOf"),
        (json!({"type": "string"}), json!({"not": {"type": "null"}}), "/not"),
        (
            json!({"$defs": {"a": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/a"}}}),
            json!({"$defs": {"a": {"type": "integer"}}, "properties": {"x": {"$ref": "#/$defs/a"}}}),
            "/properties/x/$ref/type",
        ),
        (
            json!({"if": {"type": "string"}, "then": {"minLength": 1}}),
            json!({"if": {"type": "string"}, "then": {"minLength": 2}}),
            "/if",
        ),
        (json!({"type": "string"}), json!(false), ""),
        (
            json!({"unevaluatedProperties": false}),
            json!({"unevaluatedProperties": false, "title": "x"}),
            "/unevaluatedProperties",
        ),
    ];
    for (old, new, pointer) in cases {
        let found = pointers(&old, &new, Compatibility::Backward);
        assert!(found.iter().any(|found| found == pointer), "{old} {new}: {found:?}");
        assert_eq!(pointers(&new, &old, Compatibility::Forward), found);
        assert!(!pointers(&old, &new, Compatibility::Full).is_empty());
    }
}

#[test]
fn both_directions_are_told_apart_and_rules_stand_in_for_backward() {
    let (old, new) = (json!({"required": ["a"]}), json!({"required": ["b"]}));
    let found = differences(&old, &new, Compatibility::Full);
    let directions: Vec<_> = found.iter().map(|difference| difference.direction).collect();
    assert_eq!(directions, ["backward", "forward"]);
    let error = {
        let store = World::new(2).open();
        store.register_schema(&Registration::new("t", 1).schema(old.clone())).unwrap();
        let step = annals::UpcastStep::of("t", 1).into_type("t", 2, [annals::Rule::move_field("/a", "/b")]);
        let new = Registration::new("t", 2).schema(new).upcast(step);
        let error = store.register_schema(&new.clone().compatibility(Compatibility::Full)).unwrap_err();
        store.register_schema(&new.compatibility(Compatibility::Backward)).unwrap();
        error.to_string()
    };
    assert_eq!(
        error,
        r#"the schema is not forward compatible with version 1: "a" may be missing (at "/required", forward)"#
    );
}

/// Small data of all types, for comparing what is judged with what is valid.
fn data() -> Vec<Value> {
    let plain = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(5),
        json!(1.5),
        json!(""),
        json!("a"),
        json!("ab"),
        json!("abc"),
    ];
    let mut all = plain.clone();
    for value in &plain {
        all.extend([
            json!([value]),
            json!([value, 1]),
            json!({"n": value}),
            json!({"m": value}),
            json!({"n": 1, "m": value}),
        ]);
    }
    all.push(json!([]));
    all.push(json!({}));
    all
}

#[test]
fn what_is_judged_contained_is_so_for_all_data() {
    let mut schemas: Vec<Value> = contained().into_iter().flat_map(|(one, other)| [one, other]).collect();
    schemas.extend([
        json!({}),
        json!({"not": {"type": "string"}}),
        json!({"patternProperties": {"^n": {"type": "integer"}}, "additionalProperties": false}),
    ]);
    let validators: Vec<_> =
        schemas.iter().map(|schema| jsonschema::validator_for(schema).unwrap()).collect();
    let mut contained = 0;
    for (one, sub) in schemas.iter().zip(&validators) {
        for (other, sup) in schemas.iter().zip(&validators) {
            if differences(one, other, Compatibility::Backward).is_empty() {
                contained += 1;
                let bad = data().into_iter().find(|value| sub.is_valid(value) && !sup.is_valid(value));
                assert_eq!(bad, None, "{one} {other}");
            }
        }
    }
    assert!(contained > schemas.len() + 20, "{contained} of {} pairs", schemas.len() * schemas.len());
}
