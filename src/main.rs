//! The program `propstore`: reads the command line, starts the log, and calls one function.

use anyhow::{Context, anyhow};
use clap::Parser;
use propstore::cli::{Cli, Command, run};
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if matches!(cli.command, Command::Serve(_)) {
        keep_little();
    }
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line for whoever started it: the cause, and no backtrace.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Begins anew with what the allocator has to know from its start.
///
/// glibc has a heap for each thread, keeps in it what is freed, and keeps larger and larger blocks the more of them are
/// freed: after many long lists that comes to hundreds of megabytes. It can be told not to by the environment alone, unless
/// by unsafe code. Where this cannot be done, or was, nothing happens.
fn keep_little() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::os::unix::process::CommandExt;
        /// From how many bytes on a block goes back to the system as soon as it is freed, and how many heaps there are.
        const SETTINGS: [(&str, &str); 2] = [
            ("MALLOC_MMAP_THRESHOLD_", "1048576"),
            ("MALLOC_ARENA_MAX", "2"),
        ];
        /// Says that this was done. Of a program with privileges of its own glibc takes the settings away, not this.
        const DONE: &str = "PROPSTORE_BEGUN_ANEW";
        let is_set = |name| std::env::var_os(name).is_some();
        let mut arguments = std::env::args_os();
        if !is_set(DONE)
            && !SETTINGS.iter().any(|(name, _)| is_set(name))
            && let (Some(name), Ok(program)) = (arguments.next(), std::env::current_exe())
        {
            // It returns only if it fails.
            let _failed = std::process::Command::new(program)
                .arg0(name)
                .args(arguments)
                .envs(SETTINGS)
                .env(DONE, "1")
                .exec();
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
