//! Trees: what becomes of writers while a folder with much in it is deleted.

use crate::bench::{Bench, MANY, PROPERTIES};
use crate::client::Connection;
use crate::drive::{Measure, Pace, run};
use crate::open::{asked, rate};
use crate::report::{Row, title};
use crate::server::{PASSWORD, Server, USER};
use crate::worker::Task;
use anyhow::{Context, Result, anyhow};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// How many folders lie in the folder that is deleted.
const FOLDERS: usize = 100;

/// How many files lie in each of them: with them it is 100,000 nodes.
const FILES: usize = 999;

/// How many connections make them.
const MAKERS: usize = 20;

/// Writers at a fixed rate, and in the first third of the time a folder with 100,000 nodes below it is deleted.
pub(crate) fn tree(bench: &mut Bench) -> Result<()> {
    title("tree: writers at a fixed rate while a folder with 100,000 nodes below it is deleted");
    let rate = rate(bench)?;
    for (name, deletes) in [("writers alone", false), ("a folder is deleted", true)] {
        let rounds: Vec<(Measure, Duration)> = (0..bench.options().rounds)
            .map(|_| measure(bench, rate, deletes))
            .collect::<Result<_>>()?;
        let (measures, times): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
        let longest = times.into_iter().max().unwrap_or_default();
        let remark = if deletes {
            format!(
                "{}, deleted within {:.1} ms",
                asked(rate),
                longest.as_secs_f64() * 1e3
            )
        } else {
            asked(rate)
        };
        bench.report(&Row {
            name,
            rounds: &measures,
            syncs: None,
            remark,
        });
    }
    Ok(())
}

/// What the writers feel, and how long the deletion took.
fn measure(bench: &Bench, rate: f64, deletes: bool) -> Result<(Measure, Duration)> {
    let server = bench.server()?;
    let folder = if deletes { fill(&server)? } else { 0 };
    let mut writers = bench.workers(&server, MANY, PROPERTIES)?;
    let extent = bench.extent(3.0);
    let soon = Duration::from_secs_f64(bench.options().secs);
    let mut connection = sign_in(server.address())?;
    thread::scope(|scope| {
        let deletion = scope.spawn(move || {
            if !deletes {
                return Ok(Duration::ZERO);
            }
            // So that the writers are measured before it, too.
            thread::sleep(soon);
            let began = Instant::now();
            connection.request("DELETE", &format!("/api/folders/{folder}"), "", &[])?;
            anyhow::Ok(began.elapsed())
        });
        let measure = run(&mut writers, Task::Update, Pace::Open { rate }, extent);
        let took = deletion
            .join()
            .map_err(|_| anyhow!("the deletion has died"))??;
        Ok((measure?, took))
    })
}

fn sign_in(address: SocketAddr) -> Result<Connection> {
    let mut connection = Connection::open(address)?;
    connection.sign_in(USER, PASSWORD)?;
    Ok(connection)
}

/// Makes a folder with 100,000 nodes below it: its number.
fn fill(server: &Server) -> Result<u64> {
    let mut admin = sign_in(server.address())?;
    let space = make(&mut admin, "/api/spaces", "{\"space\":{\"name\":\"s\"}}")?;
    let folder = make(&mut admin, &format!("/api/spaces/{space}/folders"), FOLDER)?;
    let address = server.address();
    thread::scope(|scope| {
        let makers: Vec<_> = (0..MAKERS)
            .map(|_| scope.spawn(move || fill_some(address, folder)))
            .collect();
        for maker in makers {
            maker.join().map_err(|_| anyhow!("a maker has died"))??;
        }
        Ok(folder)
    })
}

const FOLDER: &str = "{\"folder\":{\"name\":\"f\"}}";

/// One maker's share.
fn fill_some(address: SocketAddr, folder: u64) -> Result<()> {
    let mut connection = sign_in(address)?;
    for _ in 0..FOLDERS / MAKERS {
        let inner = make(
            &mut connection,
            &format!("/api/folders/{folder}/folders"),
            FOLDER,
        )?;
        for file in 0..FILES {
            let path = format!("/pages/{inner}/files/=f{file}");
            connection.put(&path, "text/plain", b"content")?;
        }
    }
    Ok(())
}

/// Makes a space or a folder: its number.
fn make(connection: &mut Connection, path: &str, body: &str) -> Result<u64> {
    let answer = connection.request("POST", path, "application/json", body.as_bytes())?;
    let made: serde_json::Value = serde_json::from_slice(answer)?;
    made["id"].as_u64().context("an answer without an id")
}
