//! The field: a server, normal clients on it, and what goes on beside them.

use crate::drive::{Extent, Measure, Pace, float, run};
use crate::report::{grouped, millis};
use crate::server::{PASSWORD, Server, USER};
use crate::worker::{Task, Worker};
use anyhow::{Context, Result, anyhow};
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often the memory of the server is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What goes before each measurement.
const WARM: Duration = Duration::from_millis(200);

/// Requests a second of each kind of normal client.
const RATE: f64 = 100.0;

/// When the p99 of normal clients that are alone is such a part of what is promised, the machine is too busy to tell.
const BUSY_FACTOR: u32 = 5;

/// How many properties a normal client writes at a time.
const PROPERTIES: usize = 5;

/// What is measured, and what was broken.
pub(crate) struct Siege {
    binary: PathBuf,
    secs: f64,
    broken: usize,
}

/// What a scenario promises to the normal clients.
#[derive(Clone, Copy)]
pub(crate) struct Promise {
    /// All but one of a hundred requests are answered in this time.
    pub(crate) p99: Duration,
    /// The memory grows by so many megabytes at most.
    pub(crate) megabytes: usize,
    /// Half of the requests of who shows a right password each time are answered in this time.
    pub(crate) p50_of_shower: Option<Duration>,
}

impl Promise {
    /// Of who shows a password nothing is promised.
    pub(crate) const fn new(p99_millis: u64, megabytes: usize) -> Self {
        Promise {
            p99: Duration::from_millis(p99_millis),
            megabytes,
            p50_of_shower: None,
        }
    }
}

/// What stands at the place of the others.
pub(crate) struct Field<'a> {
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    is_over: &'a AtomicBool,
    in_place: Sender<()>,
}

impl Field<'_> {
    /// Says that the others are in place, so that the normal clients can be measured.
    pub(crate) fn begin(&self) {
        // Nobody listens any more if the scenario has failed.
        self.in_place.send(()).unwrap_or_default();
    }

    /// Whether the normal clients are done.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// The pace of a client that is not normal. Without it such a client would take the cores from the normal ones, and the
/// server would have no part in what they feel.
pub(crate) struct Beat {
    next: Instant,
    every: Duration,
}

impl Beat {
    /// So many beats a second.
    pub(crate) fn new(per_sec: u32) -> Self {
        Beat {
            next: Instant::now(),
            every: Duration::from_secs(1) / per_sec,
        }
    }

    /// Waits for the next beat; what was missed is not made up for.
    pub(crate) fn wait(&mut self) {
        let now = Instant::now();
        // This is the pace; nothing is waited for.
        thread::sleep(self.next.saturating_duration_since(now));
        self.next = self.next.max(now) + self.every;
    }
}

/// What the others have to say at the end.
#[derive(Default)]
pub(crate) struct Said {
    /// For the last column.
    pub(crate) remark: String,
    /// Promises that were broken to them.
    pub(crate) broken: Vec<String>,
}

impl Said {
    /// A remark, and nothing is broken.
    pub(crate) fn remark(remark: impl Into<String>) -> Self {
        Said {
            remark: remark.into(),
            broken: Vec::new(),
        }
    }

    /// Remembers a promise unless it is kept.
    pub(crate) fn demand(&mut self, is_kept: bool, promise: impl Into<String>) {
        if !is_kept {
            self.broken.push(promise.into());
        }
    }
}

/// The normal clients: one that reads, one that writes, and one that reads and shows its password each time.
struct Normal {
    reader: Worker,
    writer: Worker,
    shower: Worker,
}

/// What the normal clients felt.
struct Felt {
    all: Vec<Measure>,
    /// Of the one that shows its password.
    p50_of_shower: Duration,
}

impl Felt {
    fn worst(&self, of_thousand: usize) -> Duration {
        let times = self.all.iter().map(|measure| measure.quantile(of_thousand));
        times.max().unwrap_or_default()
    }
}

impl Normal {
    fn new(server: &Server) -> Result<Self> {
        let worker = || Worker::with_properties(server, PROPERTIES);
        let mut shower = worker()?;
        shower.connection().show(USER, PASSWORD);
        Ok(Normal {
            reader: worker()?,
            writer: worker()?,
            shower,
        })
    }

    fn measure(&mut self, measured: Duration) -> Result<Felt> {
        let extent = Extent::Time {
            warm: WARM,
            measured,
        };
        let pace = Pace::Open { rate: RATE };
        let tasks = [
            (&mut self.shower, Task::Get),
            (&mut self.reader, Task::Get),
            (&mut self.writer, Task::Update),
        ];
        let all: Vec<Measure> = thread::scope(|scope| {
            let threads = tasks.map(|(worker, task)| {
                scope.spawn(move || run(std::slice::from_mut(worker), task, pace, extent))
            });
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow!("a client has died"))?)
                .collect::<Result<_>>()
        })?;
        let p50_of_shower = all.first().context("nobody was measured")?.quantile(500);
        Ok(Felt { all, p50_of_shower })
    }
}

impl Siege {
    /// A siege of this program; each scenario takes so long.
    pub(crate) fn new(binary: PathBuf, secs: f64) -> Self {
        Siege {
            binary,
            secs,
            broken: 0,
        }
    }

    /// How many promises are broken.
    pub(crate) fn broken(&self) -> usize {
        self.broken
    }

    /// A server on a new database.
    pub(crate) fn server(&self) -> Result<Server> {
        Server::start(&self.binary)
    }

    /// How long a siege lasts.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs_f64(self.secs)
    }

    /// Measures the normal clients alone, and then beside others; tells what they felt.
    pub(crate) fn beside(
        &mut self,
        name: &str,
        server: &Server,
        promise: Promise,
        others: impl FnOnce(&Field<'_>) -> Result<Said> + Send,
    ) -> Result<()> {
        let mut normal = Normal::new(server)?;
        let alone = normal.measure(self.time() / 3)?;
        let resident = || anyhow::Ok(server.memory()?.resident);
        let before = resident()?;
        let is_over = AtomicBool::new(false);
        let (in_place, told) = channel();
        let field = Field {
            address: server.address(),
            is_over: &is_over,
            in_place,
        };
        let time = self.time();
        let (felt, mut said, most) = thread::scope(|scope| {
            // The field goes with the thread, so that nobody waits for others that have failed.
            let others = scope.spawn(move || others(&field));
            let mut most = before;
            while told.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                most = most.max(resident()?);
            }
            let felt = scope.spawn(|| {
                let felt = normal.measure(time);
                is_over.store(true, Ordering::Relaxed);
                felt
            });
            while !(felt.is_finished() && others.is_finished()) {
                most = most.max(resident()?);
                // The pace of the looks.
                thread::sleep(LOOK);
            }
            let died = || anyhow!("a client has died");
            let felt = felt.join().map_err(|_| died())??;
            let said = others.join().map_err(|_| died())??;
            anyhow::Ok((felt, said, most))
        })?;
        let megabytes = most.saturating_sub(before) >> 20;
        let (was, is) = (alone.worst(990), felt.worst(990));
        println!(
            "{:<34} {:>7} {:>7} {:>8} {:>8} {:>6.1} {:>5}  {}",
            name,
            millis(alone.worst(500)),
            millis(was),
            millis(felt.worst(500)),
            millis(is),
            is.as_secs_f64() / was.as_secs_f64(),
            megabytes,
            said.remark,
        );
        if is >= promise.p99 && was * BUSY_FACTOR >= promise.p99 {
            println!("    not judged: the machine has other work, the p99 alone says");
        } else {
            said.demand(
                is < promise.p99,
                format!(
                    "p99 {} ms, not below {} ms",
                    millis(is),
                    millis(promise.p99)
                ),
            );
        }
        said.demand(
            megabytes <= promise.megabytes,
            format!(
                "memory grew by {megabytes} MB, not by {} at most",
                promise.megabytes
            ),
        );
        let p50 = felt.p50_of_shower;
        said.demand(
            promise.p50_of_shower.is_none_or(|most| p50 < most),
            format!("p50 of who shows a right password {} ms", millis(p50)),
        );
        for measure in alone.all.iter().chain(&felt.all) {
            said.demand(
                measure.errors == 0,
                format!("{} errors: {:?}", measure.errors, measure.first_error),
            );
        }
        self.judge(&said);
        Ok(())
    }

    /// Counts and prints what is broken.
    pub(crate) fn judge(&mut self, said: &Said) {
        self.broken += said.broken.len();
        for promise in &said.broken {
            println!("    broken: {promise}");
        }
    }
}

/// Prints what follows, and the names of the columns.
pub(crate) fn title(text: impl Display) {
    println!("\n{text}\n");
    println!(
        "{:<34} {:>7} {:>7} {:>8} {:>8} {:>6} {:>5}",
        "", "p50", "p99", "p50", "p99", "ratio", "MB"
    );
}

/// So many of something in this time, for each second.
pub(crate) fn per_sec(count: usize, time: Duration) -> String {
    grouped(float(count) / time.as_secs_f64())
}
