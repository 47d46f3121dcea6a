//! `keys`: the keys that payloads are encrypted under.

use crate::failure::Usage;
use crate::output::Facts;
use crate::table::{Column, text};
use crate::time;
use crate::tool::Tool;
use annals::{KeyFile, KeyInfo};
use anyhow::{Result, bail};

/// List, create or destroy the keys that payloads are encrypted under
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Whose key is destroyed, his payloads are erased, in the store and in all its copies. That cannot be taken back.\n\
    Do not keep the key file beside the store, and do not back them up together.\n\n\
    Examples:\n  \
    annals --keys ./keys --encrypt category:user append --stream user-7 --type Registered --data '{\"name\":\"Ada\"}'\n  \
    annals --keys ./keys keys list\n  \
    annals --keys ./keys keys destroy user-7"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the keys, destroyed ones included
    List,
    /// Create the key of a subject, if it has none
    Create {
        /// The subject
        subject: String,
    },
    /// Destroy the key of a subject: erases all payloads under it, for good
    Destroy {
        /// The subject
        subject: String,
    },
}

const COLUMNS: &[Column] = &[text("id"), text("subject"), text("created"), text("destroyed")];

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let Some(path) = &tool.keys else {
        bail!(Usage("name the key file with --keys or ANNALS_KEYS".to_owned()));
    };
    match &args.what {
        What::List => list(tool, &KeyFile::open_read_only(path)?),
        What::Create { subject } => {
            let key = KeyFile::open(path)?.create(subject)?;
            let mut out = tool.out();
            out.facts(&facts(&key))?;
            out.flush()
        }
        What::Destroy { subject } => {
            // What is not there is not made to destroy something in it.
            KeyFile::open_read_only(path)?;
            if !KeyFile::open(path)?.destroy(subject)? {
                bail!("there is no key of {subject:?}: `annals keys list` shows those that are there");
            }
            let mut out = tool.out();
            out.facts(&Facts::new().text("destroyed", subject))?;
            out.flush()
        }
    }
}

fn list(tool: &Tool, keys: &KeyFile) -> Result<()> {
    let mut out = tool.out();
    if !out.is_table() {
        for key in keys.list() {
            out.line(facts(&key).json())?;
        }
        return out.flush();
    }
    let mut table = out.table(COLUMNS);
    for key in keys.list() {
        let destroyed = key.destroyed_at.map_or_else(|| "-".to_owned(), |at| time::show(at).to_string());
        let subject = key.name.unwrap_or_else(|| "-".to_owned());
        let created = time::show(key.created_at).to_string();
        table.row(&mut out, vec![key.id.to_string(), subject, created, destroyed])?;
    }
    table.flush(&mut out)?;
    out.flush()
}

fn facts(key: &KeyInfo) -> Facts {
    Facts::new()
        .text("id", key.id)
        .maybe("subject", key.name.as_ref())
        .text("created", time::show(key.created_at))
        .maybe("destroyed", key.destroyed_at.map(time::show))
}
