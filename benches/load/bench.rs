//! What all scenarios share: the options, servers and workers, and what one scenario leaves for the next.

use crate::Options;
use crate::drive::{Extent, Measure, Pace, run};
use crate::report::Row;
use crate::server::Server;
use crate::worker::{Task, Worker};
use anyhow::{Result, ensure};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How many properties a resource has where nothing else is said.
pub(crate) const PROPERTIES: usize = 20;

/// How many connections fill a store or load it fully.
pub(crate) const MANY: usize = 64;

/// What goes before each measurement.
const WARM: Duration = Duration::from_millis(300);

/// A run of scenarios.
pub(crate) struct Bench {
    options: Options,
    errors: usize,
    /// Requests a second that an open loop asks for, once that is known.
    pub(crate) rate: Option<f64>,
    /// The large store, once it is filled.
    pub(crate) large: Option<Arc<TempDir>>,
}

impl Bench {
    /// A run that has measured nothing.
    pub(crate) fn new(options: Options) -> Self {
        Bench {
            rate: options.rate,
            large: None,
            errors: 0,
            options,
        }
    }

    /// The options.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// How many errors there were.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Prints a line, and remembers its errors.
    pub(crate) fn report(&mut self, row: &Row<'_>) {
        self.errors += row.print();
    }

    /// A server on a new database.
    pub(crate) fn server(&self) -> Result<Server> {
        Server::start(&self.options.bin)
    }

    /// A server on this database.
    pub(crate) fn server_on(&self, folder: Arc<TempDir>) -> Result<Server> {
        Server::on(&self.options.bin, folder)
    }

    /// Workers, so many unless the options say otherwise, each with a resource of so many properties.
    pub(crate) fn workers(
        &self,
        server: &Server,
        count: usize,
        properties: usize,
    ) -> Result<Vec<Worker>> {
        (0..self.connections(count))
            .map(|_| Worker::with_properties(server, properties))
            .collect()
    }

    /// How many connections there are where a scenario has so many.
    pub(crate) fn connections(&self, count: usize) -> usize {
        self.options.connections.unwrap_or(count)
    }

    /// As long as the options say, times a factor.
    pub(crate) fn extent(&self, factor: f64) -> Extent {
        Extent::Time {
            warm: WARM,
            measured: Duration::from_secs_f64(self.options.secs * factor),
        }
    }

    /// Measures as many times as the options say.
    pub(crate) fn rounds(
        &self,
        mut measure: impl FnMut() -> Result<Measure>,
    ) -> Result<Vec<Measure>> {
        (0..self.options.rounds).map(|_| measure()).collect()
    }
}

/// How often the server syncs for each request of a task in a closed loop; `None` if that cannot be counted.
pub(crate) fn syncs(server: &Server, workers: &mut [Worker], task: Task) -> Result<Option<f64>> {
    const PASS: Extent = Extent::Time {
        warm: Duration::ZERO,
        measured: Duration::from_millis(500),
    };
    let Some((measure, syncs)) = server.count_syncs(|| run(workers, task, Pace::Closed, PASS))?
    else {
        return Ok(None);
    };
    let measure = measure?;
    ensure!(measure.errors == 0, "{:?}", measure.first_error);
    Ok(Some(measure.per_request(syncs)))
}
