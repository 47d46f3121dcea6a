//! `completions`: what a shell needs to complete commands and options.

use crate::args::Cli;
use crate::output::Out;
use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

/// Print a script that lets a shell complete commands and options
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  annals completions bash > ~/.local/share/bash-completion/completions/annals"
)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "annals", &mut script);
    let mut out = Out::new(None);
    out.bytes(&script)?;
    out.flush()
}
