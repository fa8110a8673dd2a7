//! Open loops: how long a client waits when requests come as they come.

use crate::bench::{Bench, MANY, PROPERTIES};
use crate::drive::{Measure, Pace, run};
use crate::report::{Row, grouped, title};
use crate::worker::Task;
use anyhow::Result;

/// Updates at a fixed rate.
pub(crate) fn open(bench: &mut Bench) -> Result<()> {
    title("open: requests begin at fixed moments, and their time counts from there");
    let rate = rate(bench)?;
    let rounds = bench.rounds(|| {
        let server = bench.server()?;
        let mut workers = bench.workers(&server, MANY, PROPERTIES)?;
        run(
            &mut workers,
            Task::Update,
            Pace::Open { rate },
            bench.extent(2.0),
        )
    })?;
    bench.report(&Row {
        name: &format!("update N={PROPERTIES} c={}", bench.connections(MANY)),
        rounds: &rounds,
        syncs: None,
        remark: asked(rate),
    });
    Ok(())
}

/// How many requests a second were asked for, in words.
pub(crate) fn asked(rate: f64) -> String {
    format!("{} req/s asked", grouped(rate))
}

/// The rate of the options or, if they have none, half of what a closed loop reaches.
pub(crate) fn rate(bench: &mut Bench) -> Result<f64> {
    if let Some(rate) = bench.rate {
        return Ok(rate);
    }
    let closed: Measure = {
        let server = bench.server()?;
        let mut workers = bench.workers(&server, MANY, PROPERTIES)?;
        run(&mut workers, Task::Update, Pace::Closed, bench.extent(0.5))?
    };
    let rate = closed.requests_per_sec() / 2.0;
    bench.report(&Row {
        name: "the closed loop that gives the rate",
        rounds: &[closed],
        syncs: None,
        remark: String::new(),
    });
    bench.rate = Some(rate);
    Ok(rate)
}
