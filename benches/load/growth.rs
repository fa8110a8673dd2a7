//! Growth: whether a request costs more on a resource or in a store that has become large.

use crate::bench::{Bench, MANY, PROPERTIES};
use crate::drive::{Extent, Measure, Pace, by_rate, float, run};
use crate::report::{Row, grouped, title};
use crate::server::Server;
use crate::worker::{Task, Worker};
use anyhow::Result;

/// How many properties the growing resource has in the end.
const RESOURCE_PROPERTIES: usize = 100_000;

/// How many properties the small store has.
pub(crate) const SMALL: usize = 10_000;

/// How many resources are worked on in a store, whatever its size.
const HOT: usize = SMALL / PROPERTIES;

/// How often both stores are measured at least, so that chance does not make their ratio.
const ROUNDS_MIN: usize = 3;

/// How many connections work on them.
const CONNECTIONS: usize = 16;

/// One resource that grows.
pub(crate) fn resource(bench: &mut Bench) -> Result<()> {
    title("resource: creating on one resource, by its size");
    let server = bench.server()?;
    let mut workers = [Worker::with_properties(&server, 0)?];
    let tenth = RESOURCE_PROPERTIES / 10;
    let extent = Extent::Requests(tenth / PROPERTIES);
    for number in 1..=10 {
        let measure = run(&mut workers, Task::Grow(PROPERTIES), Pace::Closed, extent)?;
        let failed = measure.errors > 0;
        bench.report(&Row {
            name: &format!(
                "create N={PROPERTIES} up to {}",
                grouped(float(number * tenth))
            ),
            rounds: &[measure],
            syncs: None,
            remark: String::new(),
        });
        if failed {
            break;
        }
    }
    Ok(())
}

/// The same work in a small store and in a large one, by turns.
pub(crate) fn store(bench: &mut Bench) -> Result<()> {
    title("store: the same work on the same number of resources, by the size of the store");
    let connections = bench.connections(CONNECTIONS);
    let sizes = [SMALL, bench.options().properties];
    // The large one first: a connection with nothing to do for long is closed.
    let (large, mut large_workers) = filled(bench, sizes[1])?;
    let (small, mut small_workers) = filled(bench, sizes[0])?;
    for (name, task) in [("update", Task::Update), ("get", Task::Get)] {
        let (mut in_small, mut in_large) = (Vec::new(), Vec::new());
        for _ in 0..bench.options().rounds.max(ROUNDS_MIN) {
            let extent = bench.extent(1.0);
            in_small.push(run(&mut small_workers, task, Pace::Closed, extent)?);
            in_large.push(run(&mut large_workers, task, Pace::Closed, extent)?);
        }
        let ratio = median_rate(&in_small) / median_rate(&in_large);
        let remarks = [String::new(), format!("small ÷ large = {ratio:.2},")];
        for ((size, rounds), remark) in sizes.iter().zip([in_small, in_large]).zip(remarks) {
            bench.report(&Row {
                name: &format!("{name} c={connections} in {}", grouped(float(*size))),
                rounds: &rounds,
                syncs: None,
                remark,
            });
        }
    }
    drop(small);
    bench.large = Some(large.stop()?);
    Ok(())
}

/// Requests a second in the round that is neither slow nor fast.
fn median_rate(rounds: &[Measure]) -> f64 {
    let sorted = by_rate(rounds);
    sorted
        .get(sorted.len() / 2)
        .map_or(f64::NAN, |median| median.requests_per_sec())
}

/// A server with so many properties, and workers who share [`HOT`] of the resources.
pub(crate) fn filled(bench: &mut Bench, properties: usize) -> Result<(Server, Vec<Worker>)> {
    let server = bench.server()?;
    let mut workers = (0..MANY)
        .map(|_| Worker::new(&server))
        .collect::<Result<Vec<_>>>()?;
    let resources = properties / PROPERTIES;
    let task = Task::Fill {
        properties: PROPERTIES,
        keep_one_of: (resources / HOT).max(1),
    };
    let measure = run(
        &mut workers,
        task,
        Pace::Closed,
        Extent::Requests(resources),
    )?;
    bench.report(&Row {
        name: &format!("fill with {}", grouped(float(properties))),
        rounds: &[measure],
        syncs: None,
        remark: format!("c={MANY}, two requests for each file with {PROPERTIES}"),
    });
    let hot: Vec<_> = workers
        .iter_mut()
        .flat_map(Worker::take_resources)
        .collect();
    workers.truncate(bench.connections(CONNECTIONS));
    for (number, resource) in hot.into_iter().take(HOT).enumerate() {
        let at = number % workers.len();
        workers[at].add_resource(resource);
    }
    Ok((server, workers))
}
