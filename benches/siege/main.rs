//! What a server under siege still does for everybody else: the promises that have figures, each measured.
//!
//! ```sh
//! cargo bench --bench siege                          # all scenarios, about a minute
//! cargo bench --bench siege -- guesses --secs 20     # one of them, longer
//! cargo bench --bench siege -- --bin OTHER           # another build of propstore
//! cargo bench --bench siege -- --help
//! ```
//!
//! Each scenario starts a server of its own on a new database. Normal clients read and write a little at a steady pace,
//! first alone and then beside clients that are not normal; every answer that they get is checked, and the time of each
//! request counts from when it should have begun. A promise that is broken is named below the line of its scenario, and
//! the run ends with a status that is not 0; but a p99 is not judged if the normal clients were slow by themselves. The
//! promises are those of `promises.md` §1.3 to §1.5.
//!
//! | column | what it is |
//! |---|---|
//! | first | what the others do |
//! | `p50`, `p99` | of the normal clients, in ms: alone, and then beside the others |
//! | `ratio` | how much longer the second p99 is |
//! | `MB` | by how much the memory of the server grew at most |
//! | last | what else there is to say |
//!
//! All share the machine: what the others need, the server does not get.

mod attack;
#[expect(dead_code, reason = "what the load asks for besides is of no use here")]
#[path = "../load/client.rs"]
mod client;
mod crowd;
#[expect(dead_code, reason = "rates are not measured here")]
#[path = "../load/drive.rs"]
mod drive;
mod field;
mod guess;
mod raw;
#[expect(dead_code, reason = "the table of the load has other columns")]
#[path = "../load/report.rs"]
mod report;
#[expect(dead_code, reason = "no disk is watched here, and no start timed")]
#[path = "../load/server.rs"]
mod server;
mod verdict;
#[expect(dead_code, reason = "nothing large is filled here")]
#[path = "../load/worker.rs"]
mod worker;
mod xml;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use field::Siege;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use verdict::verdict;

/// How many files this program, and the server that it starts, may have to open.
const FILES: u64 = 1024;

/// The promises that have figures
#[derive(Debug, Parser)]
#[command(name = "siege", bin_name = "cargo bench --bench siege --")]
struct Options {
    /// What to measure [default: all]
    scenarios: Vec<Scenario>,

    /// How long each siege lasts, in seconds
    #[arg(long, default_value_t = 3.0, value_name = "T", value_parser = positive)]
    secs: f64,

    /// The program to measure
    #[arg(long, default_value = env!("CARGO_BIN_EXE_propstore"), hide_default_value = true, value_name = "PATH")]
    bin: PathBuf,

    /// Said by cargo
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && number < 1e6 => Ok(number),
        Ok(_) | Err(_) => Err("it has to be a number above 0".to_owned()),
    }
}

/// What can be measured.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scenario {
    /// 500 connections whose heads and bodies come in drops
    Dribble,
    /// 100 clients that ask for long lists and never read
    Deaf,
    /// 48 clients that guess passwords
    Guesses,
    /// Whether wrong passwords of accounts take as long as those of nobody
    Names,
    /// Documents that are made to be hard to read
    Bombs,
    /// One batch of 100,000 properties
    Batch,
    /// Connections that come and go
    Churn,
    /// Requests beyond every limit of the head, and bodies in crumbs
    Limits,
}

fn main() -> ExitCode {
    verdict(run(Options::parse()))
}

/// Measures what was asked for, and counts the promises that are broken.
fn run(options: Options) -> Result<usize> {
    check_files()?;
    let scenarios = match options.scenarios.as_slice() {
        [] => Scenario::value_variants().to_vec(),
        some => some.to_vec(),
    };
    let mut siege = Siege::new(options.bin, options.secs);
    for scenario in scenarios {
        match scenario {
            Scenario::Dribble => crowd::dribble(&mut siege),
            Scenario::Deaf => crowd::deaf(&mut siege),
            Scenario::Guesses => guess::guesses(&mut siege),
            Scenario::Names => guess::names(&mut siege),
            Scenario::Bombs => xml::bombs(&mut siege),
            Scenario::Batch => xml::batch(&mut siege),
            Scenario::Churn => crowd::churn(&mut siege),
            Scenario::Limits => attack::limits(&mut siege),
        }?;
    }
    Ok(siege.broken())
}

/// Says so if too few files may be open; the server inherits that number.
fn check_files() -> Result<()> {
    let Ok(limits) = fs::read_to_string("/proc/self/limits") else {
        return Ok(());
    };
    let soft = limits
        .lines()
        .find_map(|line| {
            line.strip_prefix("Max open files")?
                .split_whitespace()
                .next()
        })
        .context("no limit of open files is known")?;
    if soft.parse().is_ok_and(|soft: u64| soft < FILES) {
        bail!("{soft} files may be open and {FILES} are needed: run `ulimit -n {FILES}` first");
    }
    Ok(())
}
