//! Lets workers do a task, each on a thread of its own, in a closed or an open loop, and takes the time.

use crate::worker::{Task, Worker};
use anyhow::{Context, Result, anyhow, ensure};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// An open loop that is late by this much has lost.
const LATE_MAX: Duration = Duration::from_secs(20);

/// When the next request of a connection begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// When the last one was answered: a closed loop.
    Closed,
    /// So many times a second over all connections, whatever becomes of the last one: an open loop. The time of a
    /// request counts from when it should have begun, so a stall is felt by all requests that fall into it.
    Open {
        /// Requests a second.
        rate: f64,
    },
}

/// When it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extent {
    /// After this time, following a time that is not measured.
    Time {
        /// What is not measured.
        warm: Duration,
        /// What is.
        measured: Duration,
    },
    /// After so many requests of all workers together.
    Requests(usize),
}

impl Extent {
    /// What goes before and is not measured.
    fn warm(self) -> Duration {
        match self {
            Extent::Time { warm, .. } => warm,
            Extent::Requests(_) => Duration::ZERO,
        }
    }
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Measure {
    /// Of each request, shortest first.
    times: Vec<Duration>,
    /// How many properties they were about.
    properties: usize,
    /// From the beginning to the last answer.
    elapsed: Duration,
    /// How many workers gave up, each at its first error.
    pub(crate) errors: usize,
    /// One of the errors.
    pub(crate) first_error: Option<String>,
}

impl Measure {
    /// Adds what a worker has done since all began.
    fn add(&mut self, tally: Tally, start: Instant) {
        self.times.extend(tally.times);
        self.properties += tally.properties;
        let elapsed = tally.last.map(|last| last.duration_since(start));
        self.elapsed = self.elapsed.max(elapsed.unwrap_or_default());
        if let Some(error) = tally.error {
            self.errors += 1;
            self.first_error.get_or_insert(format!("{error:#}"));
        }
    }

    /// How many requests were answered.
    pub(crate) fn requests(&self) -> usize {
        self.times.len()
    }

    /// How many requests were answered in a second.
    pub(crate) fn requests_per_sec(&self) -> f64 {
        float(self.requests()) / self.elapsed.as_secs_f64()
    }

    /// How many properties were written or read in a second.
    pub(crate) fn properties_per_sec(&self) -> f64 {
        float(self.properties) / self.elapsed.as_secs_f64()
    }

    /// How often something happened for each request.
    pub(crate) fn per_request(&self, count: usize) -> f64 {
        float(count) / float(self.requests())
    }

    /// The time within which so many of a thousand requests were answered.
    pub(crate) fn quantile(&self, of_thousand: usize) -> Duration {
        let rank = (self.requests() * of_thousand).div_ceil(1000);
        let time = self.times.get(rank.saturating_sub(1));
        time.copied().unwrap_or_default()
    }
}

/// The measures of several rounds, the slowest first.
pub(crate) fn by_rate(rounds: &[Measure]) -> Vec<&Measure> {
    let mut sorted: Vec<_> = rounds.iter().collect();
    sorted.sort_by(|a, b| a.requests_per_sec().total_cmp(&b.requests_per_sec()));
    sorted
}

/// A count as a number to calculate with.
#[expect(
    clippy::cast_precision_loss,
    reason = "what is counted here is far below 2^53, and only shown"
)]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

/// What one worker has done.
#[derive(Default)]
struct Tally {
    times: Vec<Duration>,
    properties: usize,
    last: Option<Instant>,
    error: Option<anyhow::Error>,
}

/// The time table of one worker.
struct Schedule<'a> {
    extent: Extent,
    /// When all began.
    start: Instant,
    /// When the next request begins, and how long after it the one that follows; `None` in a closed loop.
    next: Option<(Instant, Duration)>,
    /// How many requests all workers have begun.
    begun: &'a AtomicUsize,
}

/// Lets the workers do a task again and again.
pub(crate) fn run(
    workers: &mut [Worker],
    task: Task,
    pace: Pace,
    extent: Extent,
) -> Result<Measure> {
    let (start, begun) = (Instant::now(), AtomicUsize::new(0));
    let count = float(workers.len());
    let schedule = |number: usize| Schedule {
        extent,
        start,
        next: match pace {
            Pace::Closed => None,
            // They take turns.
            Pace::Open { rate } => Some((
                start + Duration::from_secs_f64(float(number) / rate),
                Duration::from_secs_f64(count / rate),
            )),
        },
        begun: &begun,
    };
    let tallies: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..)
            .zip(workers)
            .map(|(number, worker)| {
                let mut schedule = schedule(number);
                scope.spawn(move || schedule.keep(worker, task))
            })
            .collect();
        let tallies = threads.into_iter().map(thread::ScopedJoinHandle::join);
        tallies.collect()
    });
    let mut measure = Measure::default();
    for tally in tallies {
        let tally = tally.map_err(|_| anyhow!("a worker has died"))?;
        measure.add(tally, start + extent.warm());
    }
    measure.times.sort_unstable();
    Ok(measure)
}

impl Schedule<'_> {
    /// Works to the end of the schedule or to the first error.
    fn keep(&mut self, worker: &mut Worker, task: Task) -> Tally {
        let mut tally = Tally::default();
        tally.error = self.work(worker, task, &mut tally).err();
        tally
    }

    fn work(&mut self, worker: &mut Worker, task: Task, tally: &mut Tally) -> Result<()> {
        loop {
            worker.prepare(task)?;
            let begin = self.wait()?;
            if self.is_over(begin) {
                return Ok(());
            }
            let properties = worker
                .work(task)
                .context("an answer is not as it has to be")?;
            if begin >= self.start + self.extent.warm() {
                let end = Instant::now();
                tally.times.push(end.duration_since(begin));
                tally.properties += properties;
                tally.last = Some(end);
            }
        }
    }

    /// Waits until the next request has to begin, and says when that is or was.
    fn wait(&mut self) -> Result<Instant> {
        let now = Instant::now();
        let Some((begin, interval)) = self.next else {
            return Ok(now);
        };
        ensure!(
            now.saturating_duration_since(begin) < LATE_MAX,
            "the server does not keep up with this rate"
        );
        self.next = Some((begin + interval, interval));
        // This keeps the pace, which is what an open loop is; nothing is waited for.
        thread::sleep(begin.saturating_duration_since(now));
        Ok(begin)
    }

    fn is_over(&self, begin: Instant) -> bool {
        match self.extent {
            Extent::Time { warm, measured } => begin >= self.start + warm + measured,
            Extent::Requests(count) => self.begun.fetch_add(1, Ordering::Relaxed) >= count,
        }
    }
}
