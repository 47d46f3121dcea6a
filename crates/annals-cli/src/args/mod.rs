//! The command line: what all commands share. The arguments of one command stand beside its work.

pub(crate) mod criteria;
pub(crate) mod filters;
pub(crate) mod shown;
pub(crate) mod store;
pub(crate) mod throttle;
pub(crate) mod values;

use self::values::parse_encrypt;
use crate::commands::Command;
use crate::output::Format;
use crate::tool::Tool;
use annals::Encrypt;
use anyhow::Result;
use clap::Parser;
use std::path::PathBuf;

/// Append, read and look after the events of an Annals store.
#[derive(Debug, Parser)]
#[command(
    name = "annals",
    version,
    max_term_width = 100,
    after_help = "Times are RFC 3339 with an offset, such as 2024-05-01T09:30:00+02:00.\n\
        Exit status: 0 done, 1 failed, 2 wrong usage, 3 conflict (expected version), 4 corruption found.\n\n\
        Examples:\n  \
        annals demo\n  \
        annals --store ./shop append --stream order-1 --type Placed --data '{\"total\":25}'\n  \
        annals --store ./shop read --stream order-1"
)]
pub(crate) struct Cli {
    /// The directory of the store
    #[arg(
        long,
        global = true,
        env = "ANNALS_STORE",
        hide_env_values = true,
        default_value = "./annals-data",
        value_name = "DIR"
    )]
    store: PathBuf,
    /// Form of the output [default: table on a terminal, jsonl otherwise]
    #[arg(long, global = true, value_enum, value_name = "FORM")]
    format: Option<Format>,
    /// The file with the keys of encrypted payloads
    #[arg(long, global = true, env = "ANNALS_KEYS", hide_env_values = true, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Encrypt the payloads of these events as they are appended: category:NAME or prefix:TEXT (each stream is a subject with a key of
    /// its own), or tag:TEXT (each tag that begins so is); said again, these as well
    #[arg(long, global = true, value_name = "RULE", value_parser = parse_encrypt, requires = "keys")]
    encrypt: Vec<Encrypt>,
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    pub(crate) fn run(self) -> Result<()> {
        self.command.run(&Tool {
            store: self.store,
            format: self.format,
            keys: self.keys,
            encrypt: self.encrypt,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// All commands and the commands of commands, by their whole names.
    fn all(command: &clap::Command, name: &str, found: &mut Vec<(String, clap::Command)>) {
        for inner in command.get_subcommands() {
            let name = format!("{name} {}", inner.get_name());
            all(inner, &name, found);
            found.push((name, inner.clone()));
        }
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        let mut found = Vec::new();
        all(&Cli::command(), "annals", &mut found);
        for (name, command) in found {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("annals "), "{name} has no example");
            assert!(command.get_about().is_some(), "{name} does not say what it does");
            // The width of the terminal breaks the lines of a paragraph; only lists have lines of their own.
            for paragraph in help.split("\n\n") {
                let mut more = paragraph.lines().skip(1);
                assert!(more.all(|line| line.starts_with("  ")), "{name} breaks lines itself: {paragraph}");
            }
        }
    }
}
