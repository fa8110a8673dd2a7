//! Stalls: what becomes of writers while something large goes on beside them.

use crate::bench::{Bench, MANY, PROPERTIES};
use crate::drive::{Extent, Measure, Pace, run};
use crate::open::{asked, rate};
use crate::report::{Row, title};
use crate::server::Server;
use crate::worker::{Task, Worker};
use anyhow::{Result, anyhow, ensure};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// How many bytes are uploaded at a time.
const UPLOAD_BYTES: usize = 100_000_000;

/// How many properties the long list has.
const LIST_PROPERTIES: usize = 100_000;

/// What goes on beside the writers, again and again.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    /// A large file is uploaded.
    Upload,
    /// A long list of another resource is read.
    List,
}

/// Writers at a fixed rate, and what goes on beside them.
struct Case {
    name: &'static str,
    beside: Beside,
    /// How much more is asked than of the writers alone.
    rate_factor: f64,
    /// How much longer it lasts.
    time_factor: f64,
}

const CASES: [Case; 4] = [
    Case {
        name: "writers alone",
        beside: Beside::Nothing,
        rate_factor: 1.0,
        time_factor: 1.5,
    },
    Case {
        name: "beside uploads of 100 MB",
        beside: Beside::Upload,
        rate_factor: 1.0,
        time_factor: 1.5,
    },
    Case {
        name: "beside lists of 100,000",
        beside: Beside::List,
        rate_factor: 1.0,
        time_factor: 1.5,
    },
    Case {
        name: "alone, faster and over checkpoints",
        beside: Beside::Nothing,
        rate_factor: 1.5,
        time_factor: 4.0,
    },
];

/// Writers alone, and beside each kind of work.
pub(crate) fn stalls(bench: &mut Bench) -> Result<()> {
    title("stalls: writers at a fixed rate, and what they feel of other work");
    let rate = rate(bench)?;
    for case in &CASES {
        let rate = rate * case.rate_factor;
        let rounds: Vec<(Measure, usize)> = (0..bench.options().rounds)
            .map(|_| measure(bench, case, rate))
            .collect::<Result<_>>()?;
        let (measures, times): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
        let times: usize = times.iter().sum();
        let remark = match case.beside {
            Beside::Nothing => asked(rate),
            Beside::Upload => format!("{}, {times} uploads", asked(rate)),
            Beside::List => format!("{}, {times} lists", asked(rate)),
        };
        bench.report(&Row {
            name: case.name,
            rounds: &measures,
            syncs: None,
            remark,
        });
    }
    Ok(())
}

/// What the writers feel, and how many times the other work was done.
fn measure(bench: &Bench, case: &Case, rate: f64) -> Result<(Measure, usize)> {
    let server = bench.server()?;
    let mut other = other_worker(&server, case.beside)?;
    let mut writers = bench.workers(&server, MANY, PROPERTIES)?;
    let extent = bench.extent(case.time_factor);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let other = scope.spawn(|| repeat(case.beside, &mut other, &is_over));
        let measure = run(&mut writers, Task::Update, Pace::Open { rate }, extent);
        is_over.store(true, Ordering::Relaxed);
        let times = other
            .join()
            .map_err(|_| anyhow!("the other work has died"))??;
        Ok((measure?, times))
    })
}

/// Who does the other work.
fn other_worker(server: &Server, beside: Beside) -> Result<Worker> {
    const STEP: usize = 1000;
    let mut worker = Worker::with_properties(server, 0)?;
    match beside {
        Beside::Nothing | Beside::Upload => {}
        Beside::List => {
            let steps = Extent::Requests(LIST_PROPERTIES / STEP);
            let workers = std::slice::from_mut(&mut worker);
            let measure = run(workers, Task::Grow(STEP), Pace::Closed, steps)?;
            ensure!(measure.errors == 0, "{:?}", measure.first_error);
        }
    }
    Ok(worker)
}

/// Does the other work until it is over, and counts.
fn repeat(beside: Beside, worker: &mut Worker, is_over: &AtomicBool) -> Result<usize> {
    let mut times = 0;
    while !is_over.load(Ordering::Relaxed) {
        match beside {
            Beside::Nothing => break,
            Beside::Upload => {
                let path = "/pages/home/files/=large";
                worker.connection().put_large(path, UPLOAD_BYTES)?;
            }
            Beside::List => {
                worker.work(Task::List)?;
            }
        }
        times += 1;
    }
    Ok(times)
}
