//! `retention set`: the rule of a stream, a category or the store.

use crate::args::values::{ClockName, JsonArg};
use crate::failure::Usage;
use crate::input::read_whole;
use crate::output::Facts;
use crate::tool::Tool;
use annals::{MaxAge, RetentionRule, RetentionScope, Version};
use anyhow::{Context, Result};

/// Set the rule of a stream, of a category or of all streams, in the place of the one before
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Of each limit the narrowest scope that says anything holds: the stream, its category, all streams. What a rule \
    does not say is left to wider scopes; \"keep\" says that there is no limit, whatever they say.\n\n\
    JSON: scope (store, category or stream), name, rule, position (of the event that says so; 0 if it was so before), already.\n\n\
    Examples:\n  \
    annals retention set --all --max-age 400d\n  \
    annals retention set --category session --max-age 30d --max-count 1000\n  \
    annals retention set --stream session-7 --max-age keep\n  \
    annals retention set --category audit --rule '{\"max_age\":{\"seconds\":86400,\"clock\":\"occurred\"}}'\n  \
    annals retention set --stream session-7 --clear",
    group(clap::ArgGroup::new("scope").required(true).args(["stream", "category", "all"])),
    group(clap::ArgGroup::new("said").required(true).multiple(true)
        .args(["max_age", "max_count", "max_bytes", "truncate_before", "rule", "clear"])),
)]
pub(crate) struct Args {
    /// The rule of this stream
    #[arg(long, value_name = "S")]
    stream: Option<String>,
    /// The rule of all streams of this category: the name up to the first `-`
    #[arg(long, value_name = "C")]
    category: Option<String>,
    /// The rule of all streams
    #[arg(long)]
    all: bool,
    /// Older events go: 90s, 15m, 12h, 30d or 52w; or keep
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    max_age: Option<Limit>,
    /// The clock that the age is on
    #[arg(long, value_enum, default_value = "recorded", value_name = "CLOCK", requires = "max_age")]
    clock: ClockName,
    /// So many events of each stream stay, the newest; or keep
    #[arg(long, value_name = "N", value_parser = parse_limit)]
    max_count: Option<Limit>,
    /// So many bytes of each stream stay, or of all segments with --all; or keep
    #[arg(long, value_name = "N", value_parser = parse_limit)]
    max_bytes: Option<Limit>,
    /// The first version of the stream that stays
    #[arg(long, value_name = "V", value_parser = clap::value_parser!(u64).range(1..))]
    truncate_before: Option<u64>,
    /// The whole rule as JSON, or @FILE
    #[arg(long, value_name = "JSON|@FILE", conflicts_with_all = ["max_age", "max_count", "max_bytes", "truncate_before", "clear"])]
    rule: Option<JsonArg>,
    /// No rule any more
    #[arg(long, conflicts_with_all = ["max_age", "max_count", "max_bytes", "truncate_before"])]
    clear: bool,
}

/// A limit on the command line.
#[derive(Clone, Copy, Debug)]
enum Limit {
    Keep,
    To(u64),
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let scope = match (&args.stream, &args.category) {
        (Some(stream), _) => RetentionScope::stream(stream),
        (None, Some(category)) => RetentionScope::category(category),
        (None, None) => RetentionScope::Store,
    };
    let rule = rule(args)?;
    rule.check(&scope).map_err(|error| Usage(error.to_string()))?;
    let store = tool.writing_existing()?;
    let change = store.retention().set(&scope, &rule)?;
    store.close()?;
    let facts = Facts::new()
        .text("scope", scope.kind())
        .maybe("name", scope.name())
        .number("rule", rule.to_json())
        .number("position", change.position)
        .number("already", change.already);
    tool.tell(&facts)
}

fn rule(args: &Args) -> Result<RetentionRule> {
    let of_json = |json: &[u8]| RetentionRule::from_json(json);
    match &args.rule {
        Some(JsonArg::Text(json)) => return Ok(of_json(json.as_bytes()).map_err(usage)?),
        Some(JsonArg::File(path)) => {
            let json = read_whole(path).with_context(|| format!("cannot read {}", path.display()))?;
            return of_json(&json).with_context(|| format!("{} does not hold a rule", path.display()));
        }
        None => {}
    }
    let mut rule = RetentionRule::new();
    rule = match args.max_age {
        None => rule,
        Some(Limit::Keep) => rule.keep_age(),
        Some(Limit::To(seconds)) => rule.max_age(MaxAge::new(seconds, args.clock.into()).map_err(usage)?),
    };
    rule = match args.max_count {
        None => rule,
        Some(Limit::Keep) => rule.keep_count(),
        Some(Limit::To(events)) => rule.max_count(events),
    };
    rule = match args.max_bytes {
        None => rule,
        Some(Limit::Keep) => rule.keep_bytes(),
        Some(Limit::To(bytes)) => rule.max_bytes(bytes),
    };
    Ok(args.truncate_before.map_or(rule.clone(), |before| rule.truncate_before(Version::new(before))))
}

fn usage(error: annals::RuleError) -> Usage {
    Usage(error.to_string())
}

fn parse_limit(text: &str) -> Result<Limit, String> {
    match text {
        "keep" => Ok(Limit::Keep),
        _ => match text.parse() {
            Ok(0) => Err("it is 0, so nothing would stay: give at least 1".to_owned()),
            Ok(limit) => Ok(Limit::To(limit)),
            Err(_) => Err(format!("expected a whole number up to {}, or keep", u64::MAX)),
        },
    }
}

/// A number and a unit, in seconds.
fn parse_age(text: &str) -> Result<Limit, String> {
    if text == "keep" {
        return Ok(Limit::Keep);
    }
    let wrong = || "expected a whole number and a unit, as 90s, 15m, 12h, 30d or 52w, or keep".to_owned();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let seconds: u64 = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    match number.checked_mul(seconds) {
        Some(0) => Err("it is 0, so nothing would stay: give at least 1s".to_owned()),
        Some(seconds) => Ok(Limit::To(seconds)),
        None => Err("no event is that old: say keep if events are to stay whatever their age".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_a_number_and_a_unit() {
        let seconds = |text| match parse_age(text) {
            Ok(Limit::To(seconds)) => Some(seconds),
            _ => None,
        };
        for (text, wanted) in
            [("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)]
        {
            assert_eq!(seconds(text), Some(wanted));
        }
        assert!(matches!(parse_age("keep"), Ok(Limit::Keep)));
        for bad in ["", "30", "d", "-1d", "1.5h", "30 d", "30days", "0s", "99999999999999999999d", "ä"] {
            assert!(parse_age(bad).is_err(), "{bad}");
        }
        for bad in ["", "0", "-1", "1.5", "1k"] {
            assert!(parse_limit(bad).is_err(), "{bad}");
        }
    }
}
