//! What a command works with: the store that was named and the output that was asked for.

use crate::args::store::StoreArgs;
use crate::output::{Facts, Format, Out};
use crate::table::Column;
use annals::{CompactionOptions, Encrypt, KeyFile, OpenError, Options, Store};
use anyhow::{Error, Result};
use std::path::PathBuf;

/// The options that all commands share.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) store: PathBuf,
    pub(crate) format: Option<Format>,
    /// The key file.
    pub(crate) keys: Option<PathBuf>,
    pub(crate) encrypt: Vec<Encrypt>,
}

impl Tool {
    /// Opens the store for reading only; also while another process writes to it.
    pub(crate) fn reading(&self) -> Result<Store> {
        self.open(&self.with_keys(Options::new().create(false).read_only(true), false)?)
    }

    /// Opens the store for writing for long, and makes it if it is not there. Once there are rules, it compacts itself meanwhile.
    pub(crate) fn writing_for_long(&self, args: &StoreArgs) -> Result<Store> {
        self.open(&self.with_keys(args.options(), true)?)
    }

    /// Opens the store for writing, and makes it if it is not there.
    pub(crate) fn writing(&self, args: &StoreArgs) -> Result<Store> {
        self.open_for_writing(args.options())
    }

    /// Opens the store for writing, if it is there.
    pub(crate) fn writing_existing(&self) -> Result<Store> {
        self.open_for_writing(Options::new().create(false))
    }

    /// A command that does one thing and ends does nothing else meanwhile: what `annals compact` removes, it removes itself, and says.
    fn open_for_writing(&self, options: Options) -> Result<Store> {
        let options = options.compaction(CompactionOptions::off());
        self.open(&self.with_keys(options, true)?)
    }

    /// What the system refuses is told by the names of files in the store: so the store is named as well.
    fn open(&self, options: &Options) -> Result<Store> {
        options.clone().open(&self.store).map_err(|error| {
            let is_io = matches!(error, OpenError::Io { .. });
            let told = Error::new(error);
            if is_io { told.context(format!("cannot open the store {}", self.store.display())) } else { told }
        })
    }

    /// The options with the keys. The key file is opened for writing only where keys may have to be created, and made only for a store
    /// that is made, too: a path that is wrong by a letter must not end with two keys of one subject.
    fn with_keys(&self, options: Options, writing: bool) -> Result<Options> {
        let Some(path) = &self.keys else { return Ok(options) };
        if !writing || self.encrypt.is_empty() {
            return Ok(options.keys(KeyFile::open_read_only(path)?));
        }
        if self.store.join("MANIFEST").exists() {
            KeyFile::open_read_only(path)?;
        }
        let options = options.keys(KeyFile::open(path)?);
        Ok(self.encrypt.iter().cloned().fold(options, Options::encrypt))
    }

    /// Standard output in the form asked for.
    pub(crate) fn out(&self) -> Out {
        Out::new(self.format)
    }

    /// Writes facts, for a command that has nothing else to write.
    pub(crate) fn tell(&self, facts: &Facts) -> Result<()> {
        let mut out = self.out();
        out.facts(facts)?;
        out.flush()
    }

    /// Writes a list, for a command that has nothing else to write: a row for each item, or its facts. An item that is an error ends
    /// it.
    pub(crate) fn list<T, E: Into<Error>>(
        &self,
        columns: &'static [Column],
        items: impl IntoIterator<Item = Result<T, E>>,
        row: impl Fn(&T) -> Vec<String>,
        facts: impl Fn(&T) -> Facts,
    ) -> Result<()> {
        let mut out = self.out();
        let mut table = out.table(columns);
        for item in items {
            let item = item.map_err(Into::into)?;
            if out.is_table() {
                table.row(&mut out, row(&item))?;
            } else {
                out.line(facts(&item).json())?;
            }
        }
        if out.is_table() {
            table.flush(&mut out)?;
        }
        out.flush()
    }
}
