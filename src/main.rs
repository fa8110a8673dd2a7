//! The program `propstore`: reads the command line, starts the log, and calls one function.

use anyhow::{Context, anyhow};
use clap::Parser;
use propstore::cli::{Cli, run};
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    match start(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line for whoever started it: the cause, and no backtrace.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .with_env_var("PROPSTORE_LOG")
        .try_from_env();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("info")))
        .try_init()
        .map_err(|error| anyhow!(error))
        .context("cannot start the log")?;
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    run(cli).map_err(|error| anyhow!(error))
}
