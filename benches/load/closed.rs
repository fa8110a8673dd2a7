//! Closed loops: how much goes through, and what a batch costs by its size.

use crate::bench::{Bench, PROPERTIES, syncs};
use crate::drive::{Measure, Pace, run};
use crate::report::{Row, title};
use crate::worker::Task;
use anyhow::Result;

/// What is done by how many.
#[derive(Clone, Copy)]
struct Cell {
    task: Task,
    /// How many properties each resource has at the start.
    properties: usize,
    connections: usize,
}

const fn update(properties: usize, connections: usize) -> Cell {
    Cell {
        task: Task::Update,
        properties,
        connections,
    }
}

const fn read(task: Task) -> Cell {
    Cell {
        task,
        properties: PROPERTIES,
        connections: 16,
    }
}

const CREATE: Cell = Cell {
    task: Task::Create(PROPERTIES),
    properties: 0,
    connections: 16,
};

/// Writing and reading.
pub(crate) fn closed(bench: &mut Bench) -> Result<()> {
    title("closed: each client asks again as soon as it is answered");
    let cells = [
        update(20, 1),
        update(20, 16),
        update(20, 64),
        update(1, 16),
        update(1000, 1),
        CREATE,
        read(Task::Get),
        read(Task::List),
    ];
    report(bench, &cells)
}

/// Batches of growing size.
pub(crate) fn batch(bench: &mut Bench) -> Result<()> {
    title("batch: what a property costs by the size of its batch");
    report(bench, &[1, 10, 100, 1000].map(|count| update(count, 1)))
}

/// Measures all cells once in each round, so that a slow moment of the machine does not meet all rounds of one cell.
fn report(bench: &mut Bench, cells: &[Cell]) -> Result<()> {
    let mut measures: Vec<Vec<Measure>> = cells.iter().map(|_| Vec::new()).collect();
    let rounds = bench.options().rounds;
    for round in 1..=rounds {
        for (cell, measures) in cells.iter().zip(&mut measures) {
            let (measure, syncs) = cell.measure(bench, round == rounds)?;
            measures.push(measure);
            if round == rounds {
                bench.report(&Row {
                    name: &cell.name(bench),
                    rounds: measures,
                    syncs,
                    remark: cell.remark(bench, measures),
                });
            }
        }
    }
    Ok(())
}

impl Cell {
    fn name(&self, bench: &Bench) -> String {
        let connections = bench.connections(self.connections);
        let task = match self.task {
            Task::Update => format!("update N={}", self.properties),
            Task::Create(count) => format!("create N={count}"),
            Task::Get => "get".to_owned(),
            Task::List => format!("list of {}", self.properties),
            other @ (Task::Grow(_) | Task::Fill { .. }) => format!("{other:?}"),
        };
        format!("{task} c={connections}")
    }

    /// What one property costs, where there is nothing else at the same time.
    fn remark(&self, bench: &Bench, measures: &[Measure]) -> String {
        match measures {
            [.., last] if bench.connections(self.connections) == 1 => {
                format!("{:.1} µs a property", 1e6 / last.properties_per_sec())
            }
            _ => String::new(),
        }
    }

    fn measure(&self, bench: &Bench, count_syncs: bool) -> Result<(Measure, Option<f64>)> {
        let server = bench.server()?;
        let mut workers = bench.workers(&server, self.connections, self.properties)?;
        let measure = run(&mut workers, self.task, Pace::Closed, bench.extent(1.0))?;
        let syncs = if count_syncs && measure.errors == 0 {
            syncs(&server, &mut workers, self.task)?
        } else {
            None
        };
        Ok((measure, syncs))
    }
}
