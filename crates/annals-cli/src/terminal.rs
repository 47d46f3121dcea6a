//! The terminal as something that keys come from.

use anyhow::{Context, Result};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use std::io::{self, IsTerminal};

/// Whether somebody sits at both ends: keys come from a terminal, and what is written goes to one.
pub(crate) fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Keys come one by one and are not shown, until this is dropped.
pub(crate) struct RawMode(());

impl RawMode {
    pub(crate) fn begin() -> Result<Self> {
        enable_raw_mode().context("cannot take keys from the terminal")?;
        Ok(RawMode(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing left to put in order.
        let _ = disable_raw_mode();
    }
}
