//! Load on the whole program: a real server on a real disk, real clients over loopback, every answer checked.
//!
//! ```sh
//! cargo bench --bench load                                  # all scenarios, about two minutes
//! cargo bench --bench load -- closed open --secs 10         # two of them, longer
//! cargo bench --bench load -- closed --rounds 5 --bin OTHER # another build of propstore, with its spread
//! cargo bench --bench load -- store --properties 10000000   # a large store
//! cargo bench --bench load -- --help
//! ```
//!
//! Each measurement starts a server of its own on a new database. Each client keeps one connection, signs in once and
//! has a file of its own; a value in a batch has 64 bytes, and an update sends the etags of the last answer. An answer
//! counts only if its status is 200, every property in it was written, and every value and etag in it is the one that
//! was written last. A client ends at its first error, and the run then ends with a status that is not 0.
//!
//! | column | what it is |
//! |---|---|
//! | first | what is asked; `N` properties a batch, over `c` connections |
//! | `req/s`, `props/s` | requests that were answered in a second, and the properties written or read by them |
//! | `p50`, `p99`, `p99.9`, `max` | the time within which this part of the requests was answered |
//! | `syncs/req` | calls of `fsync` and `fdatasync` for each request, counted by `strace` in an extra pass in which the server is slower, because each of its system calls is stopped; `-`: not counted |
//! | last | what else there is to say; with several rounds the line is of the round with the median of `req/s`, and here are the lowest and the highest |
//!
//! In a closed loop a client sends its next request when the last one is answered, so a slow server is asked less. In
//! an open loop requests begin at fixed moments, and the time of each counts from its moment; that its thread has to wake
//! up is in it.
//!
//! Clients and server share the machine: what the clients need, the server does not get.

mod bench;
mod client;
mod closed;
mod drive;
mod growth;
mod memory;
mod open;
mod report;
mod server;
mod stalls;
mod tree;
mod worker;

use anyhow::Result;
use bench::Bench;
use clap::builder::RangedU64ValueParser;
use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// Load on the whole program
#[derive(Debug, Parser)]
#[command(name = "load", bin_name = "cargo bench --bench load --")]
struct Options {
    /// What to measure [default: all]
    scenarios: Vec<Scenario>,

    /// How long to measure each time, in seconds
    #[arg(long, default_value_t = 2.0, value_name = "T", value_parser = positive)]
    secs: f64,

    /// How many times to measure each; what has to grow first grows once
    #[arg(long, default_value_t = 1, value_name = "R", value_parser = at_least(1))]
    rounds: usize,

    /// How many connections, instead of those of each scenario
    #[arg(long, value_name = "C", value_parser = at_least(1))]
    connections: Option<usize>,

    /// Requests a second of the open loops [default: half of what a closed loop reaches]
    #[arg(long, value_name = "R", value_parser = positive)]
    rate: Option<f64>,

    /// How many properties the large store has
    #[arg(long, default_value_t = 1_000_000, value_name = "P", value_parser = at_least(growth::SMALL))]
    properties: usize,

    /// The program to measure
    #[arg(long, default_value = env!("CARGO_BIN_EXE_propstore"), hide_default_value = true, value_name = "PATH")]
    bin: PathBuf,

    /// Said by cargo
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

fn at_least(least: usize) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least as u64..)
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && number < 1e9 => Ok(number),
        Ok(_) | Err(_) => Err("it has to be a number above 0".to_owned()),
    }
}

/// What can be measured.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scenario {
    /// Writing and reading in a closed loop
    Closed,
    /// Writing at a fixed rate
    Open,
    /// Writing at a fixed rate beside a large upload, a long list, and over many checkpoints
    Stalls,
    /// Writing at a fixed rate while a folder with 100,000 nodes below it is deleted
    Tree,
    /// Batches of 1 to 1,000 properties
    Batch,
    /// A resource that grows to 100,000 properties
    Resource,
    /// A small store and a large one
    Store,
    /// Memory, start and size
    Memory,
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(errors) => {
            eprintln!("\n{errors} errors");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures what was asked for, and counts the errors.
fn run(options: Options) -> Result<usize> {
    let scenarios = match options.scenarios.as_slice() {
        [] => Scenario::value_variants().to_vec(),
        some => some.to_vec(),
    };
    let mut bench = Bench::new(options);
    for scenario in scenarios {
        match scenario {
            Scenario::Closed => closed::closed(&mut bench),
            Scenario::Open => open::open(&mut bench),
            Scenario::Stalls => stalls::stalls(&mut bench),
            Scenario::Tree => tree::tree(&mut bench),
            Scenario::Batch => closed::batch(&mut bench),
            Scenario::Resource => growth::resource(&mut bench),
            Scenario::Store => growth::store(&mut bench),
            Scenario::Memory => memory::memory(&mut bench),
        }?;
    }
    Ok(bench.errors())
}
