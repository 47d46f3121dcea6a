//! `schema register`: a version of an event type.

use super::given::Given;
use crate::args::store::StoreArgs;
use crate::output::Facts;
use crate::tool::Tool;
use anyhow::Result;

/// Register a version of an event type: its JSON Schema, and the rules that lead to it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is appended from then on has to keep to the schema. Events of the version before are shown by the rules; what \
    is stored stays as it is. All stored events concerned are tried before: if any does not fit, nothing is registered and the \
    exit status is 1.\n\n\
    Rules are a JSON list, or an object that says from where and to where (docs/schema-evolution.md):\n  \
    [{\"move\":{\"from\":\"/amount\",\"to\":\"/cents\"}}, {\"default\":{\"at\":\"/currency\",\"value\":\"EUR\"}}]\n\n\
    Examples:\n  \
    annals schema register --type Deposited --version 1 --schema deposited-1.json\n  \
    annals schema register --type Deposited --version 2 --schema deposited-2.json --upcast rules.json --compat backward"
)]
pub(crate) struct Args {
    #[command(flatten)]
    given: Given,
    /// Register it whatever is stored
    #[arg(long)]
    skip_check: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let registration = args.given.registration()?;
    let store = tool.writing(&args.store)?;
    let registered = if args.skip_check {
        store.register_schema_unchecked(&registration)?
    } else {
        store.register_schema(&registration)?
    };
    store.close()?;
    let facts = Facts::new()
        .number("position", registered.position)
        .text("type", registration.event_type())
        .number("schema_version", registration.schema_version())
        .number("looked_at", registered.looked_at)
        .number("already_registered", registered.already);
    tool.tell(&facts)
}
