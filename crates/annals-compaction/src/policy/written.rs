//! Rules as JSON.

use super::age::MaxAge;
use super::error::RuleError;
use super::object::Object;
use super::rule::{RetentionRule, Setting};
use annals_types::{Clock, Version};
use serde::{Deserialize, Serialize};

/// The words in place of a limit.
const KEEP: &str = "keep";

/// A rule as it is written. What it says nothing of is not there.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<Age>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_count: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_bytes: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    truncate_before: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "max_age is \"keep\" or {\"seconds\":N,\"clock\":\"recorded\"}, with a whole number"
)]
enum Age {
    Word(String),
    Limit(Object<WrittenAge>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAge {
    seconds: u64,
    #[serde(default)]
    clock: WrittenClock,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenClock {
    #[default]
    Recorded,
    Occurred,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "max_count and max_bytes are \"keep\" or a whole number")]
enum Number {
    Word(String),
    Limit(u64),
}

impl RetentionRule {
    /// How many bytes the JSON of a rule may have.
    pub const JSON_BYTES_MAX: usize = 1024;

    /// As JSON: `{"max_age":{"seconds":N,"clock":"recorded"},"max_count":N,"max_bytes":N,"truncate_before":N}`, each only if it
    /// is said, and `"keep"` in the place of a limit that there is not to be.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.to_written()).unwrap_or_default()
    }

    /// From JSON, as [`RetentionRule::to_json`] writes it; the clock of an age may be left out and is the recorded one then.
    ///
    /// # Errors
    /// [`RuleError::Json`], also for members that are not known; [`RuleError::TooLong`], [`RuleError::AgeTooGreat`] or
    /// [`RuleError::Zero`].
    pub fn from_json(json: &[u8]) -> Result<Self, RuleError> {
        if json.len() > Self::JSON_BYTES_MAX {
            return Err(RuleError::TooLong { bytes: json.len(), most: Self::JSON_BYTES_MAX });
        }
        let read = serde_json::from_slice(json).map_err(|error| RuleError::Json(error.to_string()));
        read.and_then(|Object(written)| Self::of_written(written))
    }

    fn to_written(&self) -> Written {
        let number = |setting| match setting {
            Setting::Inherit => None,
            Setting::Keep => Some(Number::Word(KEEP.to_owned())),
            Setting::Limit(limit) => Some(Number::Limit(limit)),
        };
        Written {
            max_age: match self.max_age {
                Setting::Inherit => None,
                Setting::Keep => Some(Age::Word(KEEP.to_owned())),
                Setting::Limit(age) => Some(Age::Limit(Object(WrittenAge {
                    seconds: age.seconds(),
                    clock: match age.clock() {
                        Clock::Occurred => WrittenClock::Occurred,
                        Clock::Recorded => WrittenClock::Recorded,
                    },
                }))),
            },
            max_count: number(self.max_count),
            max_bytes: number(self.max_bytes),
            truncate_before: self.truncate_before.map(Version::get),
        }
    }

    fn of_written(written: Written) -> Result<Self, RuleError> {
        let word = |field: &str, word: &str| match word {
            KEEP => Ok(()),
            other => Err(RuleError::Json(format!("{field} is a limit or \"keep\", not {other:?}"))),
        };
        let number = |field, number| match number {
            None => Ok(Setting::Inherit),
            Some(Number::Limit(0)) => Err(RuleError::Zero { field }),
            Some(Number::Limit(limit)) => Ok(Setting::Limit(limit)),
            Some(Number::Word(said)) => word(field, &said).map(|()| Setting::Keep),
        };
        let max_age = match written.max_age {
            None => Setting::Inherit,
            Some(Age::Word(said)) => word("max_age", &said).map(|()| Setting::Keep)?,
            Some(Age::Limit(Object(WrittenAge { seconds, clock }))) => {
                let clock = match clock {
                    WrittenClock::Occurred => Clock::Occurred,
                    WrittenClock::Recorded => Clock::Recorded,
                };
                Setting::Limit(MaxAge::new(seconds, clock)?)
            }
        };
        Ok(RetentionRule {
            max_age,
            max_count: number("max_count", written.max_count)?,
            max_bytes: number("max_bytes", written.max_bytes)?,
            truncate_before: match written.truncate_before {
                Some(0) => return Err(RuleError::Zero { field: "truncate_before" }),
                before => before.map(Version::new),
            },
        })
    }
}

/// As a part of other JSON.
impl Serialize for RetentionRule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_written().serialize(serializer)
    }
}

/// As a part of other JSON.
impl<'de> Deserialize<'de> for RetentionRule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(written) = Object::deserialize(deserializer)?;
        Self::of_written(written).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RetentionScope;
    use proptest::prelude::*;

    proptest! {
        /// Whatever stands there is a rule that can be written again, or an error.
        #[test]
        fn no_json_is_half_a_rule(
            fields in prop::collection::vec(("max_(age|count|bytes)|truncate_before|x", value()), 0..5),
            cut in any::<prop::sample::Index>(),
        ) {
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
            let json = format!("{{{}}}", fields.join(","));
            if let Ok(rule) = rule(&json) {
                prop_assert_eq!(RetentionRule::from_json(rule.to_json().as_bytes()), Ok(rule.clone()));
                prop_assert!(rule.check(&RetentionScope::stream("s")).is_ok());
            }
            prop_assert!(rule(&json[..cut.index(json.len())]).is_err(), "half of it");
        }
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<u64>().prop_map(|number| number.to_string()),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| format!("{number:e}")),
            (any::<u64>(), "recorded|occurred|wall|").prop_map(|(seconds, clock)| {
                format!("{{\"seconds\":{},\"clock\":{clock:?}}}", seconds >> (seconds % 64))
            }),
            "\"keep\"|\"Keep\"|null|true|\\[\\]|\\{\\}".prop_map(|text| text),
        ]
    }

    fn rule(json: &str) -> Result<RetentionRule, RuleError> {
        RetentionRule::from_json(json.as_bytes())
    }

    #[test]
    fn rules_are_the_same_after_being_written_and_read() {
        for json in [
            "{}",
            r#"{"max_age":"keep","max_count":"keep","max_bytes":"keep"}"#,
            r#"{"max_age":{"seconds":1,"clock":"occurred"},"max_count":18446744073709551615}"#,
            r#"{"max_bytes":1,"truncate_before":9}"#,
        ] {
            assert_eq!(rule(json).unwrap().to_json(), json);
        }
        assert_eq!(
            rule(r#"{"max_age":{"seconds":60}}"#).unwrap().to_json(),
            r#"{"max_age":{"seconds":60,"clock":"recorded"}}"#
        );
    }

    #[test]
    fn what_cannot_be_a_rule_is_refused() {
        let stream = RetentionScope::stream("s-1");
        for (json, told) in [
            (r#"{"max_cuont":1}"#, "unknown field `max_cuont`"),
            (r#"{"max_age":{"seconds":1,"clock":"wall"}}"#, "max_age"),
            (r#"{"max_age":{"seconds":1,"hours":1}}"#, "seconds"),
            (r#"{"max_age":{"seconds":-1}}"#, "seconds"),
            (r#"{"max_age":{"seconds":1.5}}"#, "seconds"),
            (r#"{"max_age":{"seconds":99999999999}}"#, "200 years"),
            (r#"{"max_age":"keep it"}"#, "\"keep\""),
            (r#"{"max_count":0}"#, "max_count is 0"),
            (r#"{"max_count":-3}"#, "whole number"),
            (r#"{"max_count":1,"max_count":2}"#, "duplicate"),
            (r#"{"max_bytes":0}"#, "max_bytes is 0"),
            (r#"{"max_bytes":"all"}"#, "\"keep\""),
            (r#"{"truncate_before":0}"#, "truncate_before is 0"),
            (r#"{"truncate_before":"keep"}"#, "invalid type"),
            ("", "EOF"),
            ("{", "EOF"),
            ("{}x", "trailing"),
            // Not a rule that says nothing, by which the one before would be taken back.
            ("[]", "expected a JSON object"),
            (r#"["keep",3]"#, "expected a JSON object"),
            ("null", "expected a JSON object"),
            (r#"{"max_age":[60,"recorded"]}"#, "max_age"),
        ] {
            let said = rule(json).map_or_else(|error| error.to_string(), |rule| panic!("{rule:?} of {json}"));
            assert!(said.contains(told), "{json}: {said}");
        }
        let long = format!("{{\"max_count\":{}1}}", " ".repeat(1024));
        assert!(matches!(rule(&long), Err(RuleError::TooLong { .. })));
        let before = RetentionRule::new().truncate_before(Version::new(3));
        before.check(&stream).unwrap();
        for scope in [RetentionScope::Store, RetentionScope::category("s")] {
            assert_eq!(before.check(&scope), Err(RuleError::NotOfAStream));
        }
        for scope in [RetentionScope::stream("$annals.schemas"), RetentionScope::category("$annals.x")] {
            assert_eq!(RetentionRule::new().check(&scope), Err(RuleError::SystemStream));
        }
        for scope in
            [RetentionScope::stream(""), RetentionScope::category(""), RetentionScope::category("a-b")]
        {
            assert!(matches!(RetentionRule::new().check(&scope), Err(RuleError::Name(_))), "{scope}");
        }
    }
}
