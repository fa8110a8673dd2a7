//! Soak: everything that clients do, at the same time and for long, and the program stays as it was (`promises.md` 28).
//!
//! ```sh
//! cargo bench --bench soak                        # half a minute
//! cargo bench --bench soak -- --secs 3600         # longer
//! cargo bench --bench soak -- --bin OTHER --seed 7
//! ```
//!
//! Batches of all sizes, single properties, lists, uploads and downloads of large files, forms, searches, folders that come
//! and go, permissions, tokens, wrong passwords, connections that end in the middle, clients that read slowly and
//! conditional requests, in all dialects. Every answer is checked. Meanwhile and afterwards the program is looked at from
//! outside: memory, descriptors, threads, the log of SQLite, the size of the database, the processor when idle, and what
//! a client feels who asks for something small now and then. A table tells what was found and what it may be; the run
//! ends with a status that is not 0 if an answer was wrong or a bound is broken.

#[path = "../it/history/dice.rs"]
mod dice;

#[path = "../../benches/load/client.rs"]
#[expect(dead_code, reason = "the benches use the rest")]
mod client;

#[path = "../../benches/load/server.rs"]
#[expect(dead_code, reason = "the benches use the rest")]
mod server;

#[path = "../../benches/load/worker.rs"]
#[expect(dead_code, reason = "the benches use the rest")]
mod worker;

mod bounds;
mod files;
mod guest;
mod people;
mod probe;
mod properties;
mod rude;
mod tree;
mod watch;

use anyhow::{Context, Result, anyhow};
use bounds::{Bounds, count, mib};
use clap::Parser;
use dice::Dice;
use guest::{Ledger, Player};
use probe::Probe;
use rusqlite::Connection as Database;
use server::{Server, database};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use watch::Watch;

/// Everything that clients do, for long
#[derive(Debug, Parser)]
#[command(name = "soak", bin_name = "cargo bench --bench soak --")]
struct Options {
    /// How long, in seconds
    #[arg(long, default_value_t = 30, value_name = "T", value_parser = clap::value_parser!(u64).range(8..))]
    secs: u64,

    /// What the choices of the clients come from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,

    /// The program
    #[arg(long, default_value = env!("CARGO_BIN_EXE_propstore"), hide_default_value = true, value_name = "PATH")]
    bin: PathBuf,

    /// Said by cargo
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

/// How often the program is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let told = run(&Options::parse());
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all bounds hold.
fn run(options: &Options) -> Result<bool> {
    let server = Server::start(&options.bin)?;
    let ledger = Arc::new(Ledger::default());
    let mut watch = Watch::new(&server, Duration::from_secs(options.secs))?;
    let mut players = players(&server, &ledger)?;
    let mut probe = Probe::new(&server, &ledger)?;
    let base = watch.look()?.database;
    ledger.forget();
    println!(
        "soak: {} clients for {} s, seed {}",
        players.len() + 1,
        options.secs,
        options.seed
    );
    let over = AtomicBool::new(false);
    let began = Instant::now();
    let rounds = thread::scope(|scope| {
        let mut threads = Vec::new();
        for (number, (name, player)) in (0..).zip(&mut players) {
            let (over, mut dice) = (&over, Dice::new(options.seed, number));
            let play = move || guest::keep_on(player.as_mut(), &mut dice, over).context(*name);
            threads.push(scope.spawn(play));
        }
        threads.push(scope.spawn(|| probe.keep_on(&over)));
        let mut seen = Ok(());
        // Whoever has met an error has ended: then all do.
        while seen.is_ok()
            && began.elapsed() < Duration::from_secs(options.secs)
            && !threads.iter().any(thread::ScopedJoinHandle::is_finished)
        {
            thread::sleep(LOOK_EVERY);
            seen = watch.look().map(drop);
        }
        over.store(true, Ordering::Relaxed);
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().map_err(|_| anyhow!("a client has died"))?
        };
        let rounds: Vec<usize> = threads.into_iter().map(join).collect::<Result<_>>()?;
        seen.map(|()| rounds)
    })?;
    let played = began.elapsed();
    let names = players.iter().map(|(name, _)| *name);
    for (name, rounds) in names.chain(["small requests"]).zip(rounds) {
        println!("{name:<44} {rounds:>12}");
    }
    drop(players);
    let mut bounds = Bounds::default();
    bounds.fact(
        "requests a second",
        count(ledger.requests()) / played.as_secs_f64(),
    );
    probe.report(&mut bounds);
    watch.report(&mut bounds);
    let rest = watch.rest()?;
    watch.report_rest(&rest, &mut bounds);
    let grown = rest.database.saturating_sub(base);
    let changes = usize::try_from(ledger.changes())?;
    bounds.fact("written by requests, changes", count(changes));
    bounds.fact("written by requests, MiB", mib(ledger.bytes()));
    bounds.at_most("database grown, MiB", mib(grown), mib(ledger.may_take()));
    let folder = server.stop()?;
    let faults = check(&database(&folder)).context("the database cannot be checked")?;
    bounds.at_most("faults in the database", count(faults), 0.0);
    Ok(bounds.tell())
}

/// Everybody but the one whose time is taken, and what each does.
fn players<'a>(
    server: &'a Server,
    ledger: &Arc<Ledger>,
) -> Result<Vec<(&'static str, Box<dyn Player + 'a>)>> {
    let school = tree::School::new(server, ledger)?;
    let long = properties::long_list(server)?;
    let mut players: Vec<(_, Box<dyn Player>)> = Vec::new();
    for number in 0..2 {
        players.push((
            "batches and lists",
            Box::new(properties::Batches::new(server, ledger)?),
        ));
        players.push((
            "single properties, conditions",
            Box::new(properties::Singles::new(server, ledger, number)?),
        ));
        players.push((
            "files up and down",
            Box::new(files::Files::new(server, ledger, number)?),
        ));
        players.push((
            "folders, forms, settings, search",
            Box::new(tree::Folders::new(server, ledger, &school, number)?),
        ));
    }
    players.push((
        "accounts, tokens, permissions",
        Box::new(people::People::new(server, ledger)?),
    ));
    players.push((
        "wrong passwords and tokens",
        Box::new(people::Guesser::new(server, ledger)),
    ));
    players.push((
        "connections that end in the middle",
        Box::new(rude::Leaver::new(server, &long)),
    ));
    players.push((
        "slow readers",
        Box::new(rude::SlowReader::new(server, &long)),
    ));
    Ok(players)
}

/// How many faults SQLite finds.
fn check(path: &std::path::Path) -> Result<usize> {
    let db = Database::open(path)?;
    let mut faults = 0;
    for (pragma, good) in [("integrity_check", "ok"), ("foreign_key_check", "")] {
        let mut statement = db.prepare(&format!("PRAGMA {pragma}"))?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        for row in rows {
            let told = row?;
            if told != good {
                println!("{pragma}: {told}");
                faults += 1;
            }
        }
    }
    Ok(faults)
}
