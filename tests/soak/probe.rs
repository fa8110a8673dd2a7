//! What a client feels who asks for something small now and then.

use crate::bounds::Bounds;
use crate::guest::Ledger;
use crate::server::Server;
use crate::worker::{Task, Worker};
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often it asks.
const EVERY: Duration = Duration::from_millis(40);

/// How long 99 of 100 small requests may take at most. It is far above what they take, because clients, server and the
/// rest of the machine share two cores.
const P99_MAX: Duration = Duration::from_secs(1);

/// Of fewer requests than this, one in a hundred is only a few, and one moment in which the machine does something else can
/// be all of them: then it may be twice as long.
const FEW: usize = 2000;

/// The client.
pub(crate) struct Probe {
    worker: Worker,
    ledger: Arc<Ledger>,
    times: Vec<Duration>,
}

impl Probe {
    pub(crate) fn new(server: &Server, ledger: &Arc<Ledger>) -> Result<Self> {
        Ok(Probe {
            worker: Worker::with_properties(server, 5)?,
            ledger: Arc::clone(ledger),
            times: Vec::new(),
        })
    }

    /// Asks until it is over: how often.
    pub(crate) fn keep_on(&mut self, over: &AtomicBool) -> Result<usize> {
        for task in [Task::Get, Task::Update, Task::List].into_iter().cycle() {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let began = Instant::now();
            self.worker.work(task).context("small requests")?;
            self.times.push(began.elapsed());
            self.ledger.add(1, 5, 5 * 64);
            // This is the pace; nothing is waited for.
            thread::sleep(EVERY.saturating_sub(began.elapsed()));
        }
        Ok(self.times.len())
    }

    /// Tells how long it took.
    pub(crate) fn report(&mut self, bounds: &mut Bounds) {
        self.times.sort_unstable();
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let quantile = |of_hundred: usize| {
            let time = self.times.get(self.times.len() * of_hundred / 100);
            time.copied().unwrap_or_default()
        };
        let most = if self.times.len() < FEW {
            P99_MAX * 2
        } else {
            P99_MAX
        };
        bounds.fact("small requests, p50, ms", millis(quantile(50)));
        bounds.at_most(
            "small requests, p99, ms",
            millis(quantile(99)),
            millis(most),
        );
        let longest = self.times.last().copied().unwrap_or_default();
        bounds.fact("small requests, longest, ms", millis(longest));
    }
}
