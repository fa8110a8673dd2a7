//! What the program takes before anybody asks anything: memory, time to start, and its own size.

use crate::bench::{Bench, MANY, PROPERTIES};
use crate::client::Connection;
use crate::drive::{Pace, float, run};
use crate::growth::filled;
use crate::report::{fact, grouped, heading, millis, title};
use crate::server::{Memory, Server, new_folder};
use crate::worker::Task;
use anyhow::{Result, ensure};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How often it is started; the median counts.
const STARTS: usize = 5;

/// Memory, start and size.
pub(crate) fn memory(bench: &mut Bench) -> Result<()> {
    let large = large_store(bench)?;
    heading("memory: what the program takes");
    let size = usize::try_from(fs::metadata(&bench.options().bin)?.len())?;
    fact("size of the program, bytes", &bytes(size));

    let server = bench.server()?;
    answered(&server)?;
    report_memory("idle on an empty store", &server.memory()?);
    let mut workers = bench.workers(&server, MANY, PROPERTIES)?;
    let load = run(&mut workers, Task::Update, Pace::Closed, bench.extent(1.0))?;
    ensure!(load.errors == 0, "{:?}", load.first_error);
    drop(workers);
    let writers = bench.connections(MANY);
    report_memory(
        &format!("after the load of {writers} writers"),
        &server.memory()?,
    );
    drop(server);

    report_start("a new store", &start_times(bench, new_folder)?);
    let empty = bench.server()?.stop()?;
    report_start(
        "an empty store",
        &start_times(bench, || Ok(Arc::clone(&empty)))?,
    );
    let properties = grouped(float(bench.options().properties));
    let name = format!("a store of {properties} properties");
    report_start(&name, &start_times(bench, || Ok(Arc::clone(&large)))?);
    let server = bench.server_on(large)?;
    answered(&server)?;
    report_memory(&format!("idle on {name}"), &server.memory()?);
    Ok(())
}

/// The folder of the large store, which is filled unless another scenario has done so.
fn large_store(bench: &mut Bench) -> Result<Arc<TempDir>> {
    if let Some(folder) = &bench.large {
        return Ok(Arc::clone(folder));
    }
    title("a large store, to be started on");
    let (server, _) = filled(bench, bench.options().properties)?;
    let folder = server.stop()?;
    bench.large = Some(Arc::clone(&folder));
    Ok(folder)
}

/// From the start of the program to the first answer, shortest first.
fn start_times(bench: &Bench, folder: impl Fn() -> Result<Arc<TempDir>>) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let server = bench.server_on(folder()?)?;
        times.push(answered(&server)?);
        server.stop()?;
    }
    times.sort_unstable();
    Ok(times)
}

/// Asks for something small, and says how long after the start of the program it is answered.
fn answered(server: &Server) -> Result<Duration> {
    Connection::open(server.address())?.get("/pages/home/properties")?;
    Ok(server.spawned().elapsed())
}

fn report_start(name: &str, times: &[Duration]) {
    let name = format!("from start to first answer, on {name}, ms");
    fact(&name, &millis(times[times.len() / 2]));
}

fn report_memory(name: &str, memory: &Memory) {
    let (resident, proportional) = (memory.resident, memory.proportional);
    fact(&format!("{name}, RSS bytes"), &bytes(resident));
    fact(&format!("{name}, PSS bytes"), &bytes(proportional));
}

fn bytes(count: usize) -> String {
    grouped(float(count))
}
