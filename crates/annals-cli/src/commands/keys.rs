//! `keys`: the keys that payloads are encrypted under.

use crate::failure::Usage;
use crate::output::{Facts, note};
use crate::table::{Column, text};
use crate::time;
use crate::tool::Tool;
use annals::{KeyFile, KeyInfo, KeysMerged, PayloadError, Query};
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// List, create, destroy, back up and verify the keys that payloads are encrypted under
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Whose key is destroyed, his payloads are erased, in the store and in all its copies. That cannot be taken back. \
    Do not keep the key file beside the store, and do not back them up together.\n\n\
    Examples:\n  \
    annals --keys ./keys --encrypt category:user append --stream user-7 --type Registered --data '{\"name\":\"Ada\"}'\n  \
    annals --keys ./keys keys list\n  \
    annals --keys ./keys keys destroy user-7\n  \
    annals --keys ./keys keys backup /another/disk/keys"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the keys, destroyed ones included
    #[command(after_help = "JSON: id, subject (null if it was destroyed), created, destroyed.\n\n\
        Example:\n  annals --keys ./keys keys list")]
    List,
    /// Create the key of a subject, if it has none
    #[command(after_help = "JSON: as of list.\n\nExample:\n  annals --keys ./keys keys create user-7")]
    Create {
        /// The subject
        subject: String,
    },
    /// Destroy the key of a subject: erases all payloads under it, for good
    #[command(
        after_help = "JSON: destroyed (the subject).\n\nExample:\n  annals --keys ./keys keys destroy user-7"
    )]
    Destroy {
        /// The subject
        subject: String,
    },
    /// Bring a copy of the key file up to date: what is new, and what was destroyed
    #[command(
        after_help = "What is destroyed in one of the two is destroyed in the copy. Do not keep copies for longer than a destroyed key may live on.\n\n\
        JSON: added, destroyed (keys of the copy), kept_destroyed (keys that only the copy knows to be destroyed).\n\n\
        Example:\n  annals --keys ./keys keys backup /another/disk/keys"
    )]
    Backup {
        /// The copy, which is made if it is not there
        destination: PathBuf,
    },
    /// Take in the keys of a copy, without bringing back what was destroyed since it was made
    #[command(
        after_help = "What is destroyed in one of the two is destroyed in the key file that --keys names, which is made if it is not there.\n\n\
        JSON: added, destroyed (keys that are destroyed in the copy), kept_destroyed (keys of the copy that are destroyed here, and stay so).\n\n\
        Example:\n  annals --keys ./keys keys merge /another/disk/keys"
    )]
    Merge {
        /// The copy
        copy: PathBuf,
    },
    /// Verify the key file, and with --payloads that the keys of all payloads of the store are in it
    #[command(
        after_help = "JSON: keys, destroyed (keys), torn_bytes (at the end of the file, which count for nothing: after a crash that is \
        normal, otherwise the file was cut or damaged, and keys may be missing), and with --payloads: encrypted (events), readable, erased (their keys were destroyed), \
        unreadable, missing (the ids of keys that are not there). What is unreadable ends it with an error.\n\n\
        Example:\n  annals --keys ./keys keys verify --payloads --store ./shop"
    )]
    Verify {
        /// Read all encrypted payloads of the store
        #[arg(long)]
        payloads: bool,
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
            tool.tell(&facts(&key))
        }
        What::Destroy { subject } => {
            // What is not there is not made to destroy something in it.
            KeyFile::open_read_only(path)?;
            if !KeyFile::open(path)?.destroy(subject)? {
                bail!("there is no key of {subject:?}: `annals keys list` shows those that are there");
            }
            tool.tell(&Facts::new().text("destroyed", subject))
        }
        What::Backup { destination } => {
            let keys = KeyFile::open_read_only(path)?;
            apart(path, destination)?;
            merged(tool, KeyFile::open(destination)?.merge(&keys)?)
        }
        What::Merge { copy } => {
            apart(path, copy)?;
            let copy = KeyFile::open_read_only(copy)?;
            merged(tool, KeyFile::open(path)?.merge(&copy)?)
        }
        What::Verify { payloads } => verify(tool, path, *payloads),
    }
}

/// Refuses a copy that is the key file itself, whatever links lead there: who makes one wants two files.
fn apart(keys: &Path, copy: &Path) -> Result<()> {
    let identity = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
    if identity(keys).is_some_and(|file| identity(copy) == Some(file)) {
        bail!("{} is the key file itself: name another file as its copy", copy.display());
    }
    Ok(())
}

fn merged(tool: &Tool, merged: KeysMerged) -> Result<()> {
    let facts = Facts::new()
        .number("added", merged.added)
        .number("destroyed", merged.destroyed)
        .number("kept_destroyed", merged.kept_destroyed);
    tool.tell(&facts)
}

fn verify(tool: &Tool, path: &Path, payloads: bool) -> Result<()> {
    // Every checksum in it is compared when it is opened.
    let file = KeyFile::open_read_only(path)?;
    let (keys, torn) = (file.list(), file.torn_bytes());
    let destroyed = keys.iter().filter(|key| key.destroyed_at.is_some()).count();
    let mut facts =
        Facts::new().number("keys", keys.len()).number("destroyed", destroyed).number("torn_bytes", torn);
    let found = if payloads { Some(Payloads::of(tool)?) } else { None };
    if let Some(found) = &found {
        let missing: Vec<_> = found.missing.iter().map(ToString::to_string).collect();
        facts = facts
            .number("encrypted", found.readable + found.erased + found.unreadable)
            .number("readable", found.readable)
            .number("erased", found.erased)
            .number("unreadable", found.unreadable)
            .json_and("missing", serde_json::json!(missing).to_string(), missing.join("; "));
    }
    let mut out = tool.out();
    out.facts(&facts)?;
    out.flush()?;
    if torn > 0 {
        note(format_args!(
            "annals: the last {torn} bytes of {} count for nothing: if there was no crash, it was cut or damaged; `annals keys merge` \
            takes in what a copy has",
            path.display()
        ));
    }
    if let Some(Payloads { first: Some(first), .. }) = found {
        return Err(first.into());
    }
    Ok(())
}

/// What can be read of the encrypted payloads of the store.
#[derive(Default)]
struct Payloads {
    readable: u64,
    erased: u64,
    unreadable: u64,
    missing: BTreeSet<annals::Uuid>,
    first: Option<PayloadError>,
}

impl Payloads {
    fn of(tool: &Tool) -> Result<Self> {
        let store = tool.reading()?;
        let view = store.view();
        let mut found = Payloads::default();
        for event in view.read(Query::all())? {
            let event = event?;
            let Some(key) = event.payload.key() else { continue };
            match event.plain() {
                Ok(_) => found.readable += 1,
                Err(error) if error.is_erased() => found.erased += 1,
                Err(error) => {
                    found.unreadable += 1;
                    if matches!(error, PayloadError::KeyMissing { .. }) {
                        found.missing.insert(key);
                    }
                    found.first.get_or_insert(error);
                }
            }
        }
        Ok(found)
    }
}

fn list(tool: &Tool, keys: &KeyFile) -> Result<()> {
    tool.list(COLUMNS, keys.list().into_iter().map(anyhow::Ok), row, facts)
}

fn row(key: &KeyInfo) -> Vec<String> {
    vec![
        key.id.to_string(),
        key.name.clone().unwrap_or_else(|| "-".to_owned()),
        time::show(key.created_at).to_string(),
        key.destroyed_at.map_or_else(|| "-".to_owned(), |at| time::show(at).to_string()),
    ]
}

fn facts(key: &KeyInfo) -> Facts {
    Facts::new()
        .text("id", key.id)
        .maybe("subject", key.name.as_ref())
        .text("created", time::show(key.created_at))
        .maybe("destroyed", key.destroyed_at.map(time::show))
}
