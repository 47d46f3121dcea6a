//! Criteria on the command line: each argument is one clause, several mean any of them.

use crate::failure::Usage;
use annals::{Clause, Criteria};
use serde::Deserialize;

/// A clause as JSON says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
}

/// Reads `{"types":["a"],"tags":["x:1"]}`: any of the types, and all of the tags.
pub(crate) fn parse_clause(text: &str) -> Result<Clause, String> {
    let said: Said = serde_json::from_str(text)
        .map_err(|error| format!(r#"{error}; say {{"types":["T"],"tags":["X"]}}, quoted for the shell"#))?;
    if said.types.is_empty() && said.tags.is_empty() {
        return Err("it names neither types nor tags, so every event would be meant: name some".to_owned());
    }
    let clause = said.types.into_iter().fold(Clause::new(), Clause::of_type);
    let clause = said.tags.into_iter().fold(clause, Clause::tagged);
    Criteria::any_of([clause.clone()]).map_err(|invalid| invalid.to_string())?;
    Ok(clause)
}

/// The criteria of all clauses; `None` if there are none.
pub(crate) fn any_of(clauses: &[Clause]) -> Result<Option<Criteria>, Usage> {
    if clauses.is_empty() {
        return Ok(None);
    }
    Criteria::any_of(clauses.iter().cloned()).map(Some).map_err(|invalid| Usage(invalid.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_names_types_or_tags_or_both() {
        let clause = |text| parse_clause(text).unwrap();
        assert_eq!(clause(r#"{"types":["a","b"]}"#), Clause::new().of_type("a").of_type("b"));
        assert_eq!(clause(r#" {"tags":["x"],"types":["a"]} "#), Clause::new().of_type("a").tagged("x"));
        for bad in ["", "{}", "[]", r#"{"types":[],"tags":[]}"#, r#"{"type":["a"]}"#, r#"{"types":"a"}"#] {
            assert!(parse_clause(bad).is_err(), "{bad}");
        }
        assert!(parse_clause(r#"{"types":[""]}"#).unwrap_err().contains("1 to 512 bytes"));
    }
}
