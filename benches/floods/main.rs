//! Floods of HTTP/2 against the whole program, and what others feel of them (`promises.md` §1.4 number 15).
//!
//! ```sh
//! cargo bench --bench floods                                # all floods, about half a minute
//! cargo bench --bench floods -- pings zero-window --secs 10 # two of them, longer
//! cargo bench --bench floods -- --bin OTHER                 # another build of propstore
//! cargo bench --bench floods -- --help
//! ```
//!
//! Each flood comes over several connections to a server of its own with a new database and a certificate made for it; a
//! connection that the server ends is opened again. Meanwhile a client of HTTP/1.1 and one of HTTP/2, both over TLS, read a
//! list and write a property in turns, a moment after each answer, and every answer is checked. The run ends with a status
//! that is not 0 if one of them had an error, if its p99 is above 250 ms, or if the server grew by more than 64 MiB.
//!
//! | column | what it is |
//! |---|---|
//! | first | what comes |
//! | `h1 p50`, `h1 p99`, `h2 p99`, `max` | the time within which this part of the requests of the two clients was answered |
//! | `ratio` | the p99 of both, as a multiple of that without a flood |
//! | `MiB` | by how much the memory of the server grew at most |
//! | `conns`, `MB sent` | how many connections the flood took, and what it sent over them |
//!
//! Flood, clients and server share the machine.

mod client;
mod flood;
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "it is a part of the tests"
)]
#[path = "../../tests/it/frames.rs"]
mod frames;
#[expect(dead_code, reason = "one start is enough here")]
#[path = "../load/server.rs"]
mod process;
mod server;
#[path = "../siege/verdict.rs"]
mod verdict;

use anyhow::{Context, Result, anyhow};
use clap::{Parser, ValueEnum};
use client::Times;
use flood::Flood;
use server::Server;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use verdict::verdict;

/// What is promised.
const P99_MAX: Duration = Duration::from_millis(250);
const GROWTH_BYTES_MAX: usize = 64 << 20;

/// Floods of HTTP/2 on the whole program
#[derive(Debug, Parser)]
#[command(name = "floods", bin_name = "cargo bench --bench floods --")]
struct Options {
    /// What to flood it with [default: all]
    floods: Vec<Flood>,

    /// How long each flood lasts, in seconds
    #[arg(long, default_value_t = 1.5, value_name = "T")]
    secs: f64,

    /// Over how many connections
    #[arg(long, default_value_t = 4, value_name = "C")]
    connections: usize,

    /// The program to flood
    #[arg(long, default_value = env!("CARGO_BIN_EXE_propstore"), hide_default_value = true, value_name = "PATH")]
    bin: PathBuf,

    /// Said by cargo
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

fn main() -> ExitCode {
    verdict(run(&Options::parse()))
}

/// Lets all floods come that were asked for, and counts the promises that are broken.
fn run(options: &Options) -> Result<usize> {
    println!(
        "{:<22} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7} {:>7} {:>8}",
        "", "h1 p50", "h1 p99", "h2 p99", "max ms", "ratio", "MiB", "conns", "MB sent"
    );
    let floods = match options.floods.as_slice() {
        [] => Flood::value_variants(),
        some => some,
    };
    let calm = measure(options, None)?;
    let mut broken = calm.print("no flood", &calm);
    for flood in floods {
        let name = flood.to_possible_value();
        let name = name.as_ref().map_or("", |name| name.get_name());
        broken += measure(options, Some(*flood))?.print(name, &calm);
    }
    Ok(broken)
}

/// What came of a flood.
struct Outcome {
    http1: Times,
    http2: Times,
    growth_bytes: usize,
    sent: flood::Sent,
}

fn measure(options: &Options, flood: Option<Flood>) -> Result<Outcome> {
    let server = Server::start(Path::new(&options.bin))?;
    let mut clients = (client::Http1::open(&server)?, client::Http2::open(&server)?);
    flood::prepare(&server)?;
    let until = Instant::now() + Duration::from_secs_f64(options.secs);
    let before = server.forget_peak()?;
    let server = &server;
    let (http1, http2, sent) = thread::scope(|scope| {
        let flooders: Vec<_> = (0..options.connections)
            .filter_map(|_| flood)
            .map(|flood| scope.spawn(move || flood.come(server, until)))
            .collect();
        let http1 = scope.spawn(|| client::drive(until, |turn| clients.0.ask(turn)));
        let http2 = scope.spawn(|| client::drive(until, |turn| clients.1.ask(turn)));
        let dead = |_| anyhow!("a client has died");
        let (http1, http2) = (http1.join().map_err(dead)?, http2.join().map_err(dead)?);
        let mut sent = flood::Sent::default();
        for flooder in flooders {
            sent.add(&flooder.join().map_err(dead)?);
        }
        anyhow::Ok((http1?, http2?, sent))
    })
    .context("the server did not serve meanwhile")?;
    Ok(Outcome {
        http1,
        http2,
        growth_bytes: server.peak()?.saturating_sub(before),
        sent,
    })
}

impl Outcome {
    fn p99(&self) -> Duration {
        self.http1.quantile(990).max(self.http2.quantile(990))
    }

    /// Prints the line, and counts the promises that are broken.
    fn print(&self, name: &str, calm: &Outcome) -> usize {
        let millis = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1e3);
        let longest = self.http1.quantile(1000).max(self.http2.quantile(1000));
        println!(
            "{:<22} {:>8} {:>8} {:>8} {:>8} {:>7.1} {:>7} {:>7} {:>8}",
            name,
            millis(self.http1.quantile(500)),
            millis(self.http1.quantile(990)),
            millis(self.http2.quantile(990)),
            millis(longest),
            self.p99().as_secs_f64() / calm.p99().as_secs_f64(),
            self.growth_bytes >> 20,
            self.sent.connections,
            self.sent.bytes / 1_000_000,
        );
        let mut broken = 0;
        if self.p99() > P99_MAX {
            println!("    others wait too long");
            broken += 1;
        }
        if self.growth_bytes > GROWTH_BYTES_MAX {
            println!("    it takes too much memory");
            broken += 1;
        }
        broken
    }
}
