//! The program from outside: memory, descriptors, threads, processor, and its files.

use crate::bounds::{Bounds, count, mib};
use crate::client::Connection;
use crate::server::{Server, database};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// What it may be, by promise 28.
const MEMORY_MIB_MAX: f64 = 256.0;
const LOG_MIB_MAX: f64 = 64.0;
const DESCRIPTORS_MORE_MAX: f64 = 40.0;

/// How many connections the clients have at a time, which are not counted as descriptors.
const CONNECTIONS: usize = 20;
const THREADS_MAX: f64 = 64.0;
const IDLE_PERCENT_MAX: f64 = 5.0;

/// The memory of the last quarter may be so much more than that of the second.
const MEMORY_FACTOR: f64 = 1.2;
const MEMORY_MORE_MIB: f64 = 16.0;

/// In a run that is shorter than this caches are still being filled, which have a bound of their own, and it may be so much
/// more.
const SHORT: Duration = Duration::from_secs(120);
const MEMORY_MORE_SHORT_MIB: f64 = 64.0;

/// How long it is looked at to see what it does when idle.
const IDLE_TIME: Duration = Duration::from_secs(3);

/// How long it may take until it is idle: what a client that does not read leaves is given up after 30 s.
const REST_PATIENCE: Duration = Duration::from_secs(90);

/// How many descriptors it may have more than at first when all clients are gone.
const DESCRIPTORS_REST_MAX: f64 = 4.0;

/// What it is at a moment.
#[derive(Clone, Copy, Default)]
pub(crate) struct Look {
    pub(crate) memory: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    pub(crate) log: u64,
    pub(crate) database: u64,
}

/// What it is when all clients are gone.
pub(crate) struct Rest {
    look: Look,
    percent: f64,
    pub(crate) database: u64,
}

/// Somebody who looks at it.
pub(crate) struct Watch<'a> {
    server: &'a Server,
    database: PathBuf,
    first: Look,
    looks: Vec<Look>,
    memory_more: f64,
}

impl<'a> Watch<'a> {
    /// On a server that was just started, for so long.
    pub(crate) fn new(server: &'a Server, time: Duration) -> Result<Self> {
        Connection::open(server.address())?.get("/pages/home/properties")?;
        let mut watch = Watch {
            server,
            database: database(server.folder()),
            first: Look::default(),
            looks: Vec::new(),
            memory_more: if time < SHORT {
                MEMORY_MORE_SHORT_MIB
            } else {
                MEMORY_MORE_MIB
            },
        };
        watch.first = watch.see()?;
        Ok(watch)
    }

    /// Looks once more, and remembers it.
    pub(crate) fn look(&mut self) -> Result<Look> {
        let look = self.see()?;
        self.looks.push(look);
        Ok(look)
    }

    fn see(&self) -> Result<Look> {
        let process = format!("/proc/{}", self.server.id());
        let size = |path: String| fs::metadata(path).map_or(0, |meta| meta.len());
        let name = self.database.to_string_lossy();
        Ok(Look {
            memory: self.server.memory()?.resident as u64,
            descriptors: fs::read_dir(format!("{process}/fd"))?.count(),
            threads: fs::read_dir(format!("{process}/task"))?.count(),
            log: size(format!("{name}-wal")),
            database: size(name.into_owned()),
        })
    }

    /// Processor time so far, in hundredths of a second.
    fn ticks(&self) -> Result<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.server.id()))?;
        // The name, in parentheses, may have blanks.
        let (_, fields) = stat.rsplit_once(')').context("no stat")?;
        let fields = fields.split_whitespace().skip(11).take(2);
        let ticks: Result<Vec<u64>, _> = fields.map(str::parse).collect();
        Ok(ticks?.iter().sum())
    }

    /// The average memory of a quarter, counted from 0.
    fn memory_of(&self, quarter: usize) -> f64 {
        let count = self.looks.len();
        let looks = &self.looks[count * quarter / 4..count * (quarter + 1) / 4];
        let sum: u64 = looks.iter().map(|look| look.memory).sum();
        mib(sum / (looks.len() as u64).max(1))
    }

    fn most<T: Ord + Default>(&self, of: impl Fn(&Look) -> T) -> T {
        self.looks.iter().map(of).max().unwrap_or_default()
    }

    /// Tells what was seen.
    pub(crate) fn report(&self, bounds: &mut Bounds) {
        let quarters = [0, 1, 2, 3].map(|quarter| self.memory_of(quarter));
        bounds.fact("memory idle, MiB", mib(self.first.memory));
        bounds.fact("memory, first quarter, MiB", quarters[0]);
        bounds.fact("memory, second quarter, MiB", quarters[1]);
        bounds.fact("memory, third quarter, MiB", quarters[2]);
        let most = quarters[1] * MEMORY_FACTOR + self.memory_more;
        bounds.at_most("memory, last quarter, MiB", quarters[3], most);
        bounds.at_most(
            "memory, most, MiB",
            mib(self.most(|look| look.memory)),
            MEMORY_MIB_MAX,
        );
        bounds.at_most(
            "log of SQLite, most, MiB",
            mib(self.most(|look| look.log)),
            LOG_MIB_MAX,
        );
        let more = self
            .most(|look| look.descriptors)
            .saturating_sub(self.first.descriptors + CONNECTIONS);
        bounds.at_most(
            "descriptors, more than idle and clients",
            count(more),
            DESCRIPTORS_MORE_MAX,
        );
        bounds.at_most(
            "threads, most",
            count(self.most(|look| look.threads)),
            THREADS_MAX,
        );
    }

    /// Looks at it until it rests, as long as it may take.
    pub(crate) fn rest(&self) -> Result<Rest> {
        let began = Instant::now();
        loop {
            let (ticks, from) = (self.ticks()?, Instant::now());
            // The time that is measured.
            thread::sleep(IDLE_TIME);
            let used = count(usize::try_from(self.ticks()? - ticks)?);
            let look = self.see()?;
            let rest = Rest {
                look,
                percent: used / from.elapsed().as_secs_f64(),
                database: look.database,
            };
            let is_at_rest = rest.percent < IDLE_PERCENT_MAX
                && self.descriptors_left(&rest) <= DESCRIPTORS_REST_MAX;
            if is_at_rest || began.elapsed() > REST_PATIENCE {
                return Ok(rest);
            }
        }
    }

    fn descriptors_left(&self, rest: &Rest) -> f64 {
        count(rest.look.descriptors.saturating_sub(self.first.descriptors))
    }

    /// Tells what it is at rest.
    pub(crate) fn report_rest(&self, rest: &Rest, bounds: &mut Bounds) {
        let most = self.memory_of(1) * MEMORY_FACTOR + self.memory_more;
        bounds.at_most("afterwards: memory, MiB", mib(rest.look.memory), most);
        let left = self.descriptors_left(rest);
        bounds.at_most(
            "afterwards: descriptors, more than idle",
            left,
            DESCRIPTORS_REST_MAX,
        );
        bounds.at_most(
            "afterwards: percent of a core",
            rest.percent,
            IDLE_PERCENT_MAX,
        );
        bounds.fact("afterwards: log of SQLite, MiB", mib(rest.look.log));
    }
}
